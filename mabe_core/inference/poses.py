"""Which files are read, and by which pose reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mabe_core.errors import DataError, UserError, nearest
from mabe_core.exchange import PoseTracks
from mabe_core.inference.member import Member
from mabe_core.registry import Registry
from mabe_core.runs.identity import components_of
from mabe_core.specs import Component, PoseReaderSpec

KIND = PoseReaderSpec.kind


def read_pose(file: Path, member: Member, reader: Component[Any] | None = None) -> PoseTracks:
    """Read one file by this reader, else by the one that the model's own recordings were read by.

    Raises DataError where it cannot be read, or more than one reader could.
    """
    if not file.is_file():
        what = "is a folder; name the files in it" if file.is_dir() else "there is no such file"
        raise DataError.at(file, f"{what}.{_similar(file)}")
    chosen = reader or trained_reader(member) or guessed_reader(file)
    read = chosen.build()
    try:
        tracks: PoseTracks = read(file)
    except OSError as error:
        raise DataError.at(file, f"cannot be read: {error.strerror}.") from error
    return tracks


def trained_reader(member: Member) -> Component[Any] | None:
    """Return the pose reader in the config of the experiment's dataset, if it has one."""
    for component in components_of(member.experiment.data.dataset):
        if isinstance(component.spec, PoseReaderSpec):
            return component
    return None


def named_reader(name: str, registry: Registry) -> Component[Any]:
    """Return a pose reader with its defaults; raise UserError that names the nearest where there is none."""
    spec: PoseReaderSpec[Any] = registry.find(KIND, name).spec  # type: ignore[assignment]
    return Component(name, {}, spec, spec.config())


def guessed_reader(file: Path) -> Component[Any]:
    """Return the one reader that takes files of this suffix; of several, the one that can read this file."""
    from mabe_core.discovery import load_plugins

    registry = load_plugins()
    suffix = file.suffix.lower()
    offers = [offer.spec for offer in registry.all() if isinstance(offer.spec, PoseReaderSpec)]
    fitting = [spec.name for spec in offers if suffix in spec.suffixes]
    if len(fitting) == 1:
        return named_reader(fitting[0], registry)
    able = [name for name in fitting if _can_read(named_reader(name, registry), file)]
    if len(able) == 1:
        return named_reader(able[0], registry)
    if fitting:
        raise DataError.at(
            file, f"could be read by {', '.join(fitting)}: say which, such as `--pose-reader {fitting[0]}`."
        )
    known = sorted({each for spec in offers for each in spec.suffixes})
    raise DataError.at(file, f"has a suffix that no pose reader takes; they take {', '.join(known)}.")


def _can_read(reader: Component[Any], file: Path) -> bool:
    try:
        reader.build()(file)
    except UserError:
        return False
    return True


def pose_files(
    words: Sequence[Path], reader: Component[Any] | None, besides: Path | None = None
) -> list[Path]:
    """Return the files that are named, and of folders those in them that this reader takes, in order.

    besides: where predictions go; those in there are none. Raises UserError where there is no such file, or
    none in a folder.
    """
    found: list[Path] = []
    for word in words:
        if not word.is_dir():
            found.append(word)
            continue
        suffixes = reader.spec.suffixes if reader and isinstance(reader.spec, PoseReaderSpec) else ()
        inside = [file for file in _below(word, besides) if not suffixes or file.suffix.lower() in suffixes]
        if not inside:
            told = f" of {', '.join(suffixes)}" if suffixes else ""
            raise UserError(f"there is no file{told} in the folder {word}")
        found += inside
    return list(dict.fromkeys(found))


def _below(folder: Path, besides: Path | None) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or (besides and besides.exists() and entry.samefile(besides)):
            continue
        if entry.is_dir():
            yield from _below(entry, besides)
        else:
            yield entry


def _similar(file: Path) -> str:
    if not file.parent.is_dir():
        return ""
    guess = nearest(file.name, [entry.name for entry in file.parent.iterdir()])
    return f" Did you mean {str(file.with_name(guess))!r}?" if guess else ""
