"""Brings a run from a volume to where a local one would be: all checked, nothing overwritten unasked."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.cloud import manifest
from mabe_core.cloud.manifest import FileHash, grows, parse_manifest, same_content
from mabe_core.cloud.service import Files
from mabe_core.errors import RunError, UserError, did_you_mean
from mabe_core.runs.checkpoints import STATE, read_pointer
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.files import read_json, remove, sync_directory, write_json, writing

# where a run is gathered before it is put in place; what is there already is not brought again
STAGING = ".pulling"
# a run that goes on changes while it is read: so often it is looked at again, after so many seconds
TRIES, PAUSE = 4, 1.5
# put in place first to last: whatever is cut off, the record comes after what it tells of
_ORDER = (
    "plugins/",
    "experiment.yaml",
    "checkpoints/",
    "metrics.jsonl",
    "log.txt",
    "best.json",
    "last.json",
    "post_processing.json",
    "scores.safetensors",
    "scores.json",
)

# the file that is brought, its bytes so far, and in all
Told = Callable[[str, int, int], None]


@attrs.frozen
class Pulled:
    """What was brought. files: how many, new or changed; size: their bytes; checkpoints: names."""

    run: RunDirectory
    files: int
    size: int
    checkpoints: tuple[str, ...]


def pull(
    files: Files, run_id: str, runs_dir: Path, wanted: Sequence[str], *, force: bool, told: Told
) -> Pulled:
    """Bring a run and the checkpoints that are wanted; return what was brought.

    wanted: best, last, all, or such as epoch-5 and step-10000. What an earlier, broken pull brought is used.
    Raises UserError where nothing is there, a checkpoint is not, or files here differ, unless `force`.
    """
    run = RunDirectory(runs_dir / run_id)
    source = _Source(files, run_id, runs_dir / STAGING / run_id, told)
    listed = source.manifest()
    with run.held():
        for again in range(TRIES):
            try:
                return _pulled(run, source, listed, wanted, force=force)
            except _Changed as error:
                if again == TRIES - 1:
                    told_why = f"{run_id} changes faster than it can be read ({error}): pull it again"
                    raise RunError(told_why) from error
                time.sleep(PAUSE)
                listed = source.manifest()
    raise AssertionError("the last try returns or raises")


def _pulled(
    run: RunDirectory, source: _Source, listed: Mapping[str, FileHash], wanted: Sequence[str], *, force: bool
) -> Pulled:
    checkpoints = source.checkpoints(listed, wanted)
    chosen = {
        name: expected
        for name, expected in listed.items()
        if not name.startswith("checkpoints/") or name.split("/")[1] in checkpoints
    }
    for name, expected in chosen.items():
        if not same_content(run.path / name, expected):
            source.bring(name, expected)
    files, size = _install(run, source.stage, chosen, force=force)
    return Pulled(run, files, size, tuple(sorted(checkpoints)))


class _Changed(Exception):
    """A file is not what the manifest says: the run went on while it was read."""


@attrs.frozen
class _Source:
    """A run on a volume, and the stage where its files are gathered."""

    files: Files
    run_id: str
    stage: Path
    told: Told

    def manifest(self) -> dict[str, FileHash]:
        """Return the files that there are."""
        content = self.files.read(f"runs/{self.run_id}/{manifest.FILE}")
        if content is None:
            raise UserError(f"{self.run_id} has nothing on the volume yet that could be pulled")
        listed = parse_manifest(_json(content))
        if listed is None:
            raise UserError(
                f"{manifest.FILE} of {self.run_id} on the volume is damaged, so nothing can be checked"
            )
        return listed

    def checkpoints(self, listed: Mapping[str, FileHash], wanted: Sequence[str]) -> set[str]:
        """Return the names of the checkpoints that are wanted; raise UserError where one is not there."""
        there = sorted({name.split("/")[1] for name in listed if name.startswith("checkpoints/")})
        chosen: set[str] = set()
        for word in wanted:
            if word == "all":
                chosen.update(there)
                continue
            name = self._checkpoint(listed, word)
            if name not in there:
                hint = did_you_mean(name, ["best", "last", "all", *there])
                raise UserError(f"{self.run_id} has no checkpoint {word!r} on the volume.{hint}")
            chosen.add(name)
        return chosen

    def bring(self, name: str, expected: FileHash) -> None:
        """Bring one file into the stage, unless it is there."""
        target = self.stage / name
        if not same_content(target, expected):
            with writing(target):
                self._download(name, expected, target)
        self.told(name, expected.size, expected.size)

    def _download(self, name: str, expected: FileHash, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        came = 0

        def progress(more: int) -> None:
            nonlocal came
            came += more
            if came > expected.size and not grows(name):
                raise _Changed(f"{name} is longer than what was written")
            self.told(name, min(came, expected.size), expected.size)

        with part.open("wb") as file:
            try:
                self.files.download(f"runs/{self.run_id}/{name}", file, progress)
            except FileNotFoundError as error:
                raise _Changed(f"{name} is gone") from error
            if grows(name):
                file.truncate(expected.size)
            file.flush()
            os.fsync(file.fileno())
        if not same_content(part, expected):
            part.unlink()
            raise _Changed(f"{name} is not what was written")
        part.replace(target)

    def _checkpoint(self, listed: Mapping[str, FileHash], word: str) -> str:
        if word in ("best", "last"):
            name = f"{word}.json"
            if name not in listed:
                raise UserError(f"{self.run_id} has no checkpoint on the volume yet")
            self.bring(name, listed[name])
            pointer = read_pointer(self.stage / name)
            if pointer is None:
                raise UserError(
                    f"{name} of {self.run_id} is damaged on the volume: name a checkpoint, or all"
                )
            return str(pointer["checkpoint"])
        match = re.fullmatch(r"(epoch|step)-(\d{1,12})", word)
        if match is None:
            raise UserError(
                f"no checkpoint is called {word!r}: say best, last, all, or such as epoch-5 or step-10000"
            )
        steps = int(match[2]) * (self._steps_per_epoch(listed) if match[1] == "epoch" else 1)
        return f"step-{steps:08d}"

    def _steps_per_epoch(self, listed: Mapping[str, FileHash]) -> int:
        record = None
        if "record.json" in listed:
            self.bring("record.json", listed["record.json"])
            record = read_json(self.stage / "record.json")
        auto = record.get("auto") if isinstance(record, dict) else None
        steps = auto.get("steps_per_epoch") if isinstance(auto, dict) else None
        if type(steps) is not int:
            raise UserError(
                f"the record of {self.run_id} does not say how many steps an epoch has: name a step"
            )
        return steps


def _install(
    run: RunDirectory, stage: Path, chosen: Mapping[str, FileHash], *, force: bool
) -> tuple[int, int]:
    """Move what was gathered into the run directory; return how many files and bytes."""
    new = {name: expected for name, expected in chosen.items() if not same_content(run.path / name, expected)}
    before = manifest.read_manifest(run.path / manifest.FILE)
    differing = [
        name
        for name in new
        if (run.path / name).exists() and not (name in before and same_content(run.path / name, before[name]))
    ]
    if differing and not force:
        raise UserError(
            f"{run.path} has other content in {', '.join(differing)}: it was changed or trained here. "
            "`--force` overwrites it; `--to DIR` puts the run somewhere else"
        )
    with writing(run.path):
        for name in sorted(new, key=_place):
            target = run.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (stage / name).replace(target)
            sync_directory(target.parent)
        told = {name: attrs.asdict(expected) for name, expected in {**before, **chosen}.items()}
        write_json(run.path / manifest.FILE, {"files": told})
        if stage.exists():
            remove(stage)
        with contextlib.suppress(OSError):
            stage.parent.rmdir()  # refuses where another pull is at it
    return len(new), sum(expected.size for expected in new.values())


def _place(name: str) -> tuple[int, bool, str]:
    """Order files as they are put in place: what makes a checkpoint count comes last of its folder."""
    order = [index for index, beginning in enumerate(_ORDER) if name.startswith(beginning)]
    return order[0] if order else len(_ORDER), name.endswith(f"/{STATE}"), name


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
