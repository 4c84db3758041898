"""Runs as rows: what is known of each by key, here or in the cloud, to be filtered, sorted and shown."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.errors import UserError, did_you_mean
from mabe_core.experiment.kept import flat, read_kept
from mabe_core.runs.checkpoints import read_pointer
from mabe_core.runs.directory import RunDirectory, all_ids
from mabe_core.runs.index import Part, read_all
from mabe_core.runs.query import Query, Values
from mabe_core.runs.record import DamagedRunError, Record, read_record

# what is told of every run, in this order
KEPT = (
    "epoch",
    "epochs",
    "step",
    "monitor",
    "best",
    "notice",
    "started",
    "updated",
    "attempts",
    "failure",
)
TIMES = ("started", "updated")
# short for keys of the experiment
SHORT = {"dataset": "data.dataset", "split": "data.split"}
OWN_KEYS = ("id", "name", "state", *KEPT, "age", "gpu")
SCORE = "scores."


@attrs.frozen
class Row:
    """One run. told: what is known of every run, by OWN_KEYS.

    scores: those of the held-out part where the run has them, else those of its best epoch; scored: which.
    settings: by dotted key of the resolved experiment.
    """

    told: Mapping[str, Any]
    scores: Mapping[str, float] = attrs.field(factory=dict)
    scored: str = ""
    settings: Mapping[str, Any] = attrs.field(factory=dict)

    def values(self, key: str) -> tuple[Any, ...]:
        """Return all that a key may stand for: `loss` is a score and a component; nothing where unknown."""
        if key == "age":
            since = self.told.get("updated")
            return () if since is None else (time.time() - _time(since).timestamp(),)
        if key in TIMES:
            return () if self.told.get(key) is None else (_time(self.told[key]),)
        if key in OWN_KEYS:
            return () if self.told.get(key) is None else (self.told[key],)
        if key.startswith(SCORE):
            return _one(self.scores, key.removeprefix(SCORE))
        return (*_one(self.scores, key), *_one(self.settings, SHORT.get(key, key)))

    def cell(self, key: str) -> Any:
        """Return the one value that is shown or sorted by; None where there is none."""
        return next(iter(self.values(key)), None)


def needs_more(keys: Iterable[str]) -> bool:
    """Tell whether keys ask for what records alone do not say: settings, or scores of the best epoch."""
    return any(key not in OWN_KEYS for key in keys)


def local_rows(runs_dir: Path, *, whole: bool) -> list[Row]:
    """Return the runs of a folder, sorted by id; whole: with settings and scores."""
    records = {
        run_id: found for run_id, found in read_all(runs_dir, all_ids(runs_dir), RECORD).items() if found
    }
    settings = read_all(runs_dir, records, SETTINGS) if whole else {}
    unscored = [run_id for run_id, record in records.items() if not record.get("held_out")]
    epochs = read_all(runs_dir, unscored, BEST_EPOCH) if whole else {}
    rows = []
    for run_id, record in records.items():
        state = record["state"]
        if state == "running" and not RunDirectory(runs_dir / run_id).is_held():
            state = "interrupted"  # a record that says `running` and that no process holds was killed
        held_out = record.pop("held_out", None) or {}
        rows.append(
            Row(
                {"id": run_id, "name": run_id.rpartition("-")[0], **record, "state": state},
                held_out or epochs.get(run_id) or {},
                "held out" if held_out else "best epoch" if epochs.get(run_id) else "",
                settings.get(run_id) or {},
            )
        )
    return rows


def told_of(record: Record) -> dict[str, Any]:
    """Return what a row tells of a record."""
    return {"state": record.state, **{key: getattr(record, key) for key in KEPT}}


def known_keys(rows: Sequence[Row]) -> dict[str, set[type]]:
    """Return every key that some row has, with the types of its values."""
    names = dict.fromkeys([*OWN_KEYS, *SHORT])
    names.update(dict.fromkeys(name for row in rows for name in row.scores))
    names.update(dict.fromkeys(name for row in rows for name in row.settings))
    names.update({f"{SCORE}{name}": None for row in rows for name in row.scores})
    types: dict[str, set[type]] = {}
    for name in names:
        types[name] = {type(value) for row in rows for value in row.values(name)}
    return types


def select(
    rows: Sequence[Row], query: Query | None, sort: Sequence[str], columns: Sequence[str]
) -> list[Row]:
    """Return the rows that a query holds for, sorted by keys; `-key` puts the largest first.

    A row that lacks what it is sorted by comes last. Raises UserError for keys that no row has.
    """
    if not rows:
        return []
    shown = [each.removeprefix("-") for each in (*sort, *columns)]
    compared = [each.key for each in query.comparisons()] if query else []
    # each row is asked once for each key
    found = {key: [row.values(key) for row in rows] for key in {*shown, *compared}}
    types = {key: {type(each) for values in column for each in values} for key, column in found.items()}
    known = {key: those for key, those in types.items() if those or key in OWN_KEYS or key in SHORT}
    for key in shown:
        if key not in known:
            raise UserError(f"no run has {key!r}.{did_you_mean(key, list(known_keys(rows)))}")
    if query is not None:
        query.check(known if all(key in known for key in compared) else known_keys(rows))
    kept = list(range(len(rows)))
    if query is not None:
        kept = [number for number in kept if query.expression.holds(_of_row(found, number))]
    for key in reversed(sort):
        kept = _sorted(kept, found[key.removeprefix("-")], down=key.startswith("-"))
    return [rows[number] for number in kept]


def nothing_fits(rows: Sequence[Row], query: Query) -> str:
    """Return why no row may have fitted: a text that no row has, and the nearest that some row does."""
    for each in query.comparisons():
        there = {str(value) for row in rows for value in row.values(each.key) if isinstance(value, str)}
        if each.sign == "=" and isinstance(each.value, str) and there and each.word not in there:
            return f" None has {each.key}={each.word}.{did_you_mean(each.word, sorted(there)[:12])}"
    return ""


def _of_row(found: Mapping[str, Sequence[tuple[Any, ...]]], number: int) -> Values:
    return lambda key: found[key][number]


def _sorted(numbers: Sequence[int], cells: Sequence[tuple[Any, ...]], *, down: bool) -> list[int]:
    """Sort rows by a cell of each; those that lack it keep their order, and come last."""
    has = [number for number in numbers if cells[number] and not _missing(cells[number][0])]
    lacks = set(numbers).difference(has)
    has.sort(key=lambda number: _rank(cells[number][0]), reverse=down)
    return [*has, *(number for number in numbers if number in lacks)]


def _one(values: Mapping[str, Any], key: str) -> tuple[Any, ...]:
    value = values.get(key, values)
    return () if value is values else (value,)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _rank(value: Any) -> tuple[int, Any]:
    """Return what sorts numbers before texts."""
    if isinstance(value, bool | int | float):
        return 0, float(value)
    if isinstance(value, datetime.datetime):
        return 0, value.timestamp()
    return 1, str(value)


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _read_record(folder: str) -> dict[str, Any] | None:
    run = RunDirectory(Path(folder))
    try:
        record = read_record(run)
    except DamagedRunError as error:
        return {"state": "damaged", "failure": str(error)}
    return None if record is None else {**told_of(record), "held_out": record.held_out}


def _read_settings(folder: str) -> dict[str, Any]:
    try:
        return settings_of(RunDirectory(Path(folder)).experiment.read_bytes())
    except OSError:
        return {}


def settings_of(content: bytes | None) -> dict[str, Any]:
    """Return the settings that an experiment.yaml says, by dotted key; none where it is damaged."""
    return flat(read_kept(content)) if content is not None else {}


def best_epoch_scores(run: RunDirectory) -> dict[str, float]:
    """Return the validation scores of the epoch that best.json names; none where that cannot be read."""
    best = (read_pointer(run.best) or {}).get("epoch")
    try:
        lines = [line for line in run.epochs() if line["epoch"] == best]
    except UserError:
        return {}
    return {
        key.removeprefix("val_"): value
        for line in lines[-1:]
        for key, value in line.items()
        if key.startswith("val_") and isinstance(value, int | float)
    }


def _read_best_epoch(folder: str) -> dict[str, float]:
    return best_epoch_scores(RunDirectory(Path(folder)))


RECORD = Part("record", ("record.json",), _read_record)
SETTINGS = Part("settings", ("experiment.yaml",), _read_settings, flat=True)
BEST_EPOCH = Part("best epoch", ("best.json", "metrics.jsonl"), _read_best_epoch)
