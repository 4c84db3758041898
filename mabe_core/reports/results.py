"""The table of results that a run ends with."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from mabe_core.runs.checkpoints import read_pointer
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.record import Record


def results(run: RunDirectory, record: Record) -> Group:
    """Return the scores of the best and the last epoch, with what has to be told beside them."""
    epochs = {line["epoch"]: line for line in run.epochs()}
    best = (read_pointer(run.best) or {}).get("epoch")
    last = max(epochs, default=None)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("validation")
    columns = [("best", best), ("last", last)]
    for title, epoch in columns:
        table.add_column(f"{title} (epoch {epoch})", justify="right")
    for name in _scores(epochs.get(last, {})):
        table.add_row(name, *(_number(epochs.get(epoch, {}).get(f"val_{name}")) for _, epoch in columns))
    told = [Text(line) for line in _absent_classes(record, epochs.get(last, {}))]
    if best is not None:
        told.append(Text(f"best: chosen by {record.monitor} on this same validation data", style="dim"))
    if record.notice:
        told.append(Text(record.notice, style="yellow"))
    return Group(table, *told)


def _scores(line: dict[str, Any]) -> list[str]:
    return [key.removeprefix("val_") for key in line if key.startswith("val_")]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _absent_classes(record: Record, line: dict[str, Any]) -> list[str]:
    absent = [
        name
        for name, row in zip(record.auto.get("class_names", []), line.get("confusion", []), strict=False)
        if not sum(row)
    ]
    if not absent:
        return []
    return [f"never in the validation data, and counted as 0 in macro-F1: {', '.join(absent)}"]
