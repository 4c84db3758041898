"""Which pose file belongs to which annotation file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import attrs

from mabe_core import Problem, UserError, did_you_mean
from mabe_plugins.pose_files import PoseFilesConfig

FIELD = re.compile(r"\{(\w+)\}|(\*)|(\?)")
SHOWN = 10


@attrs.frozen
class FoundPair:
    """The files of one recording, its name and groups."""

    name: str
    pose: Path
    labels: Path
    groups: Mapping[str, str]


def find_pairs(config: PoseFilesConfig, folder: Path) -> tuple[list[FoundPair], list[str]]:
    """Return the pairs, in the order of the list or of the pose files, and notes on files left over.

    Raises UserError where a file is missing, a name is taken twice or a pattern finds nothing.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; pose_files reads a folder of recordings.")
    there = {file.relative_to(folder).as_posix(): file for file in _files(folder)}
    notes: list[str] = []
    if config.pairs:
        pairs = _listed(config, folder, there)
    else:
        pairs, notes = _matched(config, folder, there)
    used = {file for pair in pairs for file in (pair.pose, pair.labels)}
    suffixes = {*_suffixes(config.pose.spec), *_suffixes(config.labels.spec)}
    told = "\n".join(notes)
    unused = [
        name
        for name, file in there.items()
        if file not in used and file.suffix.lower() in suffixes and name not in told
    ]
    if unused:
        notes.append(f"files in {folder.name} that are not used: {len(unused)} ({_some(unused)})")
    names = [pair.name for pair in pairs]
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"{names.count(name)} recordings are named {name!r}; give each pair a name, as `recording`."
            )
    return pairs, notes


def _suffixes(spec: object) -> Sequence[str]:
    return getattr(spec, "suffixes", ())


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files under a folder, in order, without hidden ones."""
    for entry in sorted(folder.iterdir(), key=lambda entry: _as_counted(entry.name)):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files(entry)
        else:
            yield entry


def _as_counted(name: str) -> list[tuple[bool, int, str]]:
    """Return a key by which s2 comes before s10, and numbers before letters."""
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _listed(config: PoseFilesConfig, folder: Path, there: Mapping[str, Path]) -> list[FoundPair]:
    missing = [
        Problem(f"no file {name!r} in {folder}.{_nearest_file(name, list(there))}")
        for pair in config.pairs
        for name in (pair.pose, pair.labels)
        if PurePosixPath(name).as_posix() not in there
    ]
    if missing:
        raise UserError(missing)
    return [
        FoundPair(
            pair.recording or PurePosixPath(pair.pose).stem,
            there[PurePosixPath(pair.pose).as_posix()],
            there[PurePosixPath(pair.labels).as_posix()],
            dict(pair.groups),
        )
        for pair in config.pairs
    ]


def _nearest_file(name: str, there: Sequence[str]) -> str:
    hint = did_you_mean(name, there)
    return hint if "Did you mean" in hint else f" There: {_some(there) or 'nothing'}."


def _matched(
    config: PoseFilesConfig, folder: Path, there: Mapping[str, Path]
) -> tuple[list[FoundPair], list[str]]:
    assert config.pose_pattern is not None
    assert config.labels_pattern is not None, "the config was checked"
    words = _words(config.pose_pattern)
    if set(words) != set(_words(config.labels_pattern)) or not words:
        raise UserError(
            f"pose_pattern {config.pose_pattern!r} and labels_pattern {config.labels_pattern!r} need the "
            "same {words}, at least one: by them the files are paired."
        )
    poses = _by_words(config.pose_pattern, words, there, folder)
    labels = _by_words(config.labels_pattern, words, there, folder)
    pairs = [
        FoundPair("-".join(key), there[poses[key]], there[labels[key]], dict(zip(words, key, strict=True)))
        for key in poses
        if key in labels
    ]
    if not pairs:
        raise UserError(
            f"the patterns pair nothing in {folder}: {len(poses)} files match pose_pattern "
            f"({_some(list(poses.values())[:3])}), {len(labels)} match labels_pattern "
            f"({_some(list(labels.values())[:3])}), and no two agree on {', '.join(words)}."
        )
    notes = []
    for found, others, what in (
        (poses, labels, "pose files without an annotation"),
        (labels, poses, "annotation files without a pose"),
    ):
        alone = [name for key, name in found.items() if key not in others]
        if alone:
            notes.append(f"{what}: {len(alone)} ({', '.join(alone)})")
    return pairs, notes


def _words(pattern: str) -> list[str]:
    """Return the names in braces, in order, each once."""
    return list(dict.fromkeys(match[1] for match in FIELD.finditer(pattern) if match[1]))


def _expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern; a word that comes again must be the same."""
    parts: list[str] = []
    seen: set[str] = set()
    at = 0
    for match in FIELD.finditer(pattern):
        parts.append(re.escape(pattern[at : match.start()]))
        word = match[1]
        if word and (word in seen or word[0].isdigit()):
            parts.append(f"(?P={word})" if word in seen else "(?!)")
        elif word:
            seen.add(word)
            parts.append(f"(?P<{word}>[^/]+?)")
        else:
            parts.append("[^/]*" if match[2] else "[^/]")
        at = match.end()
    return re.compile("".join(parts) + re.escape(pattern[at:]))


def _by_words(
    pattern: str, words: Sequence[str], there: Mapping[str, Path], folder: Path
) -> dict[tuple[str, ...], str]:
    """Return the names of matching files by what the words stand for."""
    expression = _expression(pattern)
    found: dict[tuple[str, ...], str] = {}
    for name in there:
        if match := expression.fullmatch(name):
            key = tuple(match[word] for word in words)
            if key in found:
                raise UserError(
                    f"{found[key]!r} and {name!r} in {folder} both match {pattern!r} with "
                    f"{', '.join(f'{word}={value}' for word, value in zip(words, key, strict=True))}. "
                    "Make the pattern narrower."
                )
            found[key] = name
    return found
