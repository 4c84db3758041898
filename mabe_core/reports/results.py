"""The tables of results that a run ends with: its epochs on validation, then its final scores."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mabe_core.errors import UserError
from mabe_core.runs.checkpoints import read_pointer
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.record import Record
from mabe_core.runs.scores import Scores, read_scores

# recordings that are told one by one; `mabe evaluate` tells more
FEW = 12


def results(run: RunDirectory, record: Record) -> Group:
    """Return the scores of the best and the last epoch and the final ones, and what goes with them."""
    epochs = {line["epoch"]: line for line in run.epochs()}
    best = (read_pointer(run.best) or {}).get("epoch")
    last = max(epochs, default=None)
    try:
        final = read_scores(run)
    except UserError as error:
        return Group(_table(epochs, best, last, None), Text(str(error), style="yellow"))
    told: list[RenderableType] = [Text(line) for line in _absent_classes(record, epochs.get(last, {}))]
    if record.stopped_early:
        told.append(Text(f"stopped early: {record.stopped_early}", style="dim"))
    if best is not None:
        told.append(Text(f"best: chosen by {record.monitor} on this same validation data", style="dim"))
    if final is not None:
        told.append(
            Text(
                f"final: epoch {best} again, each frame by all windows that hold it"
                + ("; nothing was chosen by the test recordings" if final.held_out == "test" else ""),
                style="dim",
            )
        )
    for notice in dict.fromkeys((record.notice, final.notice if final else "")):
        if notice:
            told.append(Text(notice, style="yellow"))
    if final is not None and 1 < len(final.stretches[final.held_out]) <= FEW:
        told += [Text(), _by_recording(final, record.monitor)]
    return Group(_table(epochs, best, last, final), *told)


def _table(
    epochs: dict[int, dict[str, Any]], best: int | None, last: int | None, final: Scores | None
) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("validation")
    columns = [("best", best), ("last", last)]
    for title, epoch in columns:
        table.add_column(f"{title} (epoch {epoch})", justify="right")
    parts = final.pooled if final else {}
    for part in parts:
        table.add_column("final" if part == "validation" else f"final, {part}", justify="right")
    for name in _scores(epochs.get(last or 0, {})):
        table.add_row(
            name,
            *(_number(epochs.get(epoch or 0, {}).get(f"val_{name}")) for _, epoch in columns),
            *(_number(scores.get(name)) for scores in parts.values()),
        )
    return table


def _by_recording(final: Scores, monitor: str) -> Table:
    """Return the monitored score of each recording, or the first score where it is none of the final ones."""
    stretches = final.stretches[final.held_out]
    name = monitor if monitor in stretches[0].scores else next(iter(stretches[0].scores), "")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(f"final, {final.held_out}")
    table.add_column("frames", justify="right")
    table.add_column(name, justify="right")
    several = len({stretch.recording for stretch in stretches}) < len(stretches)
    for stretch in stretches:
        where = f" {stretch.start}–{stretch.stop - 1}, {' → '.join(stretch.individuals)}" if several else ""
        frames = f"{stretch.stop - stretch.start:,}"
        table.add_row(f"{stretch.recording}{where}", frames, _number(stretch.scores.get(name)))
    return table


def _scores(line: dict[str, Any]) -> list[str]:
    return [key.removeprefix("val_") for key in line if key.startswith("val_")]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _absent_classes(record: Record, line: dict[str, Any]) -> list[str]:
    absent = [
        name for name, row in zip(_classes(record), line.get("confusion", []), strict=False) if not sum(row)
    ]
    if not absent:
        return []
    return [f"never in the validation data, and counted as 0 in macro-F1: {', '.join(absent)}"]


def _classes(record: Record) -> list[str]:
    names = record.auto.get("class_names")
    return list(map(str, names)) if isinstance(names, list) else []
