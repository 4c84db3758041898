"""What `mabe compare` shows: a table for people, rows of exact values for programs."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from mabe_core.comparing.bootstrap import CONFIDENCE, Difference
from mabe_core.comparing.groups import Group
from mabe_core.comparing.table import Compared, Line, listed
from mabe_core.comparing.tried import CODE
from mabe_core.reports.console import written
from mabe_core.reports.rows import print_rows


def print_compared(screen: Console, compared: Compared) -> None:
    """Print a line a group, best first, then what has to be told beside it."""
    keys = _keys(compared)
    against = compared.against + 1
    beside = "best" if against == 1 and not compared.chosen else "baseline"
    drawn = any(
        isinstance(line.difference, Difference) and line.difference.low is not None for line in compared.lines
    )
    difference = f"less row {against}{f' [{CONFIDENCE:.0%}]' if drawn else ''}"
    titles = ["", *map(_title, keys), *compared.metrics, "n", difference, "run"]
    rows = []
    for number, line in enumerate(compared.lines):
        group = line.group
        rows.append(
            [
                f"{number + 1}",
                *(_setting(group, key) for key in keys),
                *(str(group.spread(metric) or "") for metric in compared.metrics),
                _n(group),
                beside if number == compared.against else _difference(line.difference),
                group.runs[0].run.id if len(group.runs) == 1 else f"{len(group.runs)} runs",
            ]
        )
    if len(rows) == 1:
        rows[0][-2] = ""
    print_rows(screen, titles, rows, below={*titles[1 : 1 + len(keys)], "run"})
    screen.print()
    for note in _legend(compared):
        screen.print(note, style="dim")
    refused = [
        f"row {number + 1} cannot be compared with row {against}: {line.difference}"
        for number, line in enumerate(compared.lines)
        if isinstance(line.difference, str)
    ]
    for note in [*refused, *compared.notes]:
        screen.print(note, style="yellow")


def as_text(compared: Compared) -> str:
    """Return what is printed, without colours, as wide as it needs."""
    plain = written(io.StringIO(), width=10_000)
    with plain.capture() as captured:
        print_compared(plain, compared)
    return captured.get()


def as_json(compared: Compared) -> dict[str, Any]:
    """Return everything, with exact values."""
    return {
        "metric": compared.metric,
        "lower_is_better": compared.lower_is_better,
        "confidence": CONFIDENCE,
        "draws": compared.draws,
        "seed": compared.seed,
        "rows": [_json_row(compared, number, line) for number, line in enumerate(compared.lines)],
        "by_validation": _json_choice(compared),
        "notes": list(compared.notes),
    }


def _json_choice(compared: Compared) -> dict[str, Any] | None:
    found = compared.by_validation
    if found is None:
        return None
    rows = [{"fold": fold, "row": row + 1} for fold, row in found.choice.rows.items()]
    return {"monitor": found.monitor, "rows": rows, "scores": {compared.metric: found.spread.as_dict()}}


def as_rows(compared: Compared) -> tuple[list[str], list[list[Any]]]:
    """Return titles and rows for CSV, with exact values."""
    keys = _keys(compared)
    titles = [*keys, "n", "seeds", "folds"]
    titles += [f"{metric} {what}" for metric in compared.metrics for what in ("mean", "sd")]
    titles += ["difference", "low", "high", "recordings", "not comparable", "runs"]
    rows = []
    for number, line in enumerate(compared.lines):
        row = _json_row(compared, number, line)
        told = row["difference"] or {}
        scores = [row["scores"].get(metric, {}) for metric in compared.metrics]
        rows.append(
            [
                *(line.group.differing.get(key) for key in keys),
                len(row["runs"]),
                row["seeds"],
                row["folds"],
                *(score.get(what) for score in scores for what in ("mean", "sd")),
                *(told.get(what) for what in ("difference", "low", "high", "recordings", "not_comparable")),
                row["runs"],
            ]
        )
    return titles, rows


def _json_row(compared: Compared, number: int, line: Line) -> dict[str, Any]:
    group = line.group
    spreads = {metric: group.spread(metric) for metric in compared.metrics}
    found: Any = None
    if isinstance(line.difference, Difference):
        one = line.difference
        found = {"difference": one.difference, "low": one.low, "high": one.high, "by": one.by}
        found |= {"recordings": one.recordings, "left_out": one.left_out, "notes": list(one.notes)}
    elif line.difference is not None:
        found = {"not_comparable": line.difference}
    return {
        "settings": dict(group.differing),
        "runs": [run.run.id for run in group.runs],
        "seeds": list(dict.fromkeys(run.seed for run in group.runs)),
        "folds": list(dict.fromkeys(run.fold for run in group.runs if run.fold is not None)),
        "part": group.parts,
        "scores": {metric: each.as_dict() for metric, each in spreads.items() if each is not None},
        "baseline": number == compared.against,
        "difference": found,
    }


def _keys(compared: Compared) -> list[str]:
    return list(dict.fromkeys(key for line in compared.lines for key in line.group.differing))


def _title(key: str) -> str:
    """Return a key without the sections that say nothing: `learning_rate` of the optimizer stays whole."""
    return key.removeprefix("data.").removeprefix("training.") if not key.startswith(CODE) else key


def _setting(group: Group, key: str) -> str:
    if key not in group.differing:
        return "–"
    value = group.differing[key]
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _n(group: Group) -> str:
    over = group.over()
    if len(group.runs) == 1:
        return "1"
    return over if over.startswith(f"{len(group.runs)} ") else f"{len(group.runs)}: {over}"


def _difference(found: Difference | str | None) -> str:
    if found is None:
        return ""
    if isinstance(found, str):
        return "not comparable"
    interval = "" if found.low is None else f" [{found.low:+.4f}, {found.high:+.4f}]"
    return f"{found.difference:+.4f}{interval}"


def _legend(compared: Compared) -> list[str]:
    runs = [run for line in compared.lines for run in line.group.runs]
    parts = listed(sorted({run.part for run in runs}))
    better = "lower is better" if compared.lower_is_better else "higher is better"
    told = [f"scores of: {parts}; sorted by {compared.metric}, {better}"]
    if any(len(line.group.runs) > 1 for line in compared.lines):
        told.append("± is the sample standard deviation over n runs: seeds, and folds where there are any")
    found = [line.difference for line in compared.lines if isinstance(line.difference, Difference)]
    if found:
        most = max(each.recordings for each in found)
        pooled = ", folds put together" if any(run.fold is not None for run in runs) else ""
        drawn = f"; {CONFIDENCE:.0%} of {compared.draws:,} draws of {most} recordings lie in the interval"
        told.append(
            f"differences are paired on the frames that both scored{pooled} and averaged over seeds"
            f"{drawn if most > 1 else ''}"
        )
    return [*told, *_by_validation(compared)]


def _by_validation(compared: Compared) -> Iterator[str]:
    """Yield which rows validation chooses: the best of the held-out part was seen by looking at that part."""
    found = compared.by_validation
    if found is None:
        return
    row = found.choice.row
    score = f"{compared.metric} {found.spread}"
    if row is None:
        folds = Counter(found.choice.rows.values())
        each = ", ".join(f"row {number + 1} in {folds[number]}" for number in sorted(folds))
        yield f"validation ({found.monitor}) chooses, in each fold by itself: {each}; which then has {score}"
    else:
        beside = (
            "" if row == 0 else "; row 1 is the best by the scores of the held-out part, which flatters it"
        )
        yield f"validation ({found.monitor}) chooses row {row + 1}: {score}{beside}"
