"""One run as it is compared: its settings, its code, its seed and fold, and its scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.configs.annotations import attributes, is_config
from mabe_core.errors import UserError
from mabe_core.experiment.kept import flat, read_kept
from mabe_core.experiment.schema import Experiment
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.holding import holder_lives
from mabe_core.runs.listing import best_epoch_scores
from mabe_core.runs.record import DamagedRunError, Record, read_record
from mabe_core.runs.scores import Scores, read_scores
from mabe_core.runs.settings import FOLD, SEED
from mabe_core.runs.study import Study, find

CODE = "code of "


@attrs.frozen(eq=False)
class Tried:
    """A run that is compared.

    settings: by dotted key, what is part of the experiment's id. code: by component, which version of what.
    scores: of `part`, which is "test", "validation" or "best epoch". whole: scores.json, where there is one.
    """

    run: RunDirectory
    record: Record
    settings: Mapping[str, Any]
    code: Mapping[str, str]
    scores: Mapping[str, float]
    part: str
    whole: Scores | None

    @property
    def state(self) -> str:
        """Its state; a record that says `running` and whose process is gone was interrupted."""
        killed = self.record.state == "running" and not holder_lives(self.run.path)
        return "interrupted" if killed else self.record.state

    @property
    def seed(self) -> Any:
        return _one(self.settings.get(SEED))

    @property
    def fold(self) -> Any:
        return _one(self.settings.get(FOLD))


def find_all(runs_dir: Path, words: Sequence[str]) -> tuple[list[Tried], list[str]]:
    """Return the runs that ids of runs and studies name, each once, and what is to be told of those left out.

    Raises UserError where an id fits none or several, or a run cannot be read.
    """
    runs: dict[str, RunDirectory] = {}
    told = []
    for word in words:
        found = find(runs_dir, word)
        if isinstance(found, Study):
            begun = [run for run in found.runs(runs_dir) if run.record.exists()]
            runs |= {run.id: run for run in begun}
            if len(begun) < len(found.members):
                missing, all_ = len(found.members) - len(begun), len(found.members)
                told.append(f"{missing} of the {all_} members of {found.id} were not begun")
        else:
            runs[found.id] = found
    tried = []
    for run in runs.values():
        one = read_tried(run)
        if one.scores:
            tried.append(one)
        else:
            state = "failed" if one.state == "failed" else f"is {one.state}"
            told.append(f"{run.id} is left out: it {state} and has no score yet")
    return tried, told


def read_tried(run: RunDirectory) -> Tried:
    """Return a run as it is compared; raise UserError where one of its files is damaged."""
    record = read_record(run)
    if record is None:
        raise DamagedRunError.of(run, "missing")
    try:
        tree = read_kept(run.experiment.read_bytes())
    except OSError as error:
        raise UserError(f"{run.experiment} cannot be read: {error.strerror}") from error
    if tree is None:
        raise UserError(f"{run.experiment} is damaged: it is no experiment file")
    outside = set(outside_id(Experiment))
    settings = {key: value for key, value in flat(tree).items() if not _is_in(key, outside)}
    whole = read_scores(run)
    if whole is not None:
        scores, part = whole.pooled.get(whole.held_out, {}), whole.held_out
    elif record.held_out:
        scores, part = record.held_out, "held out"
    else:
        scores, part = best_epoch_scores(run), "best epoch"
    return Tried(run, record, settings, dict(_code(record.components)), scores, part, whole)


def outside_id(config: type, path: str = "") -> Iterator[str]:
    """Yield the dotted keys of an experiment's own sections that are not part of its id."""
    for attribute in attributes(config):
        key = f"{path}{attribute.name}"
        if not attribute.metadata.get("identity", True):
            yield key
        elif attribute.type is not None and is_config(attribute.type):
            yield from outside_id(attribute.type, f"{key}.")


def _one(value: Any) -> Any:
    """Return a value that can be counted, whatever an edited experiment.yaml says there."""
    return value if value is None or isinstance(value, str | int | float) else repr(value)


def _is_in(key: str, sections: Iterable[str]) -> bool:
    return any(key == section or key.startswith((f"{section}.", f"{section}[")) for section in sections)


def _code(components: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for each in components:
        what = f"{CODE}{each['kind']} {each['name']}"
        sources = each["sources"]
        if each.get("place") == "file" and isinstance(sources, dict) and sources:
            name, sha256 = next(iter(sources.items()))
            yield what, f"{name} {str(sha256)[:10]}"
        else:
            yield what, f"{each.get('distribution')} version {each.get('version')}"
