"""`mabe runs`: the experiments that were run here."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import click

from mabe_core.cli import options


@click.command("runs")
@options.runs_dir
@options.as_json
def command(runs_dir: Path, as_json: bool) -> None:
    """List the experiments that were run here: id, state, epoch, best score, age."""
    from mabe_core.runs.directory import all_runs

    rows = [row for run in all_runs(runs_dir) if (row := _row(run))]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        click.echo(f"no runs in {runs_dir}; `mabe-run EXPERIMENT` makes one")
        return
    from rich.table import Table

    from mabe_core.reports.console import console

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("id", "state", "epoch", "best", "age"):
        table.add_column(title, no_wrap=title == "id")
    for row in rows:
        if row["state"] == "damaged":
            table.add_row(row["id"], "damaged", "", "", "")
            continue
        best = "" if row["best"] is None else f"{row['monitor']} {row['best']:.4f}"
        table.add_row(row["id"], row["state"], f"{row['epoch']}/{row['epochs']}", best, _age(row["updated"]))
    console().print(table)


def _row(run: Any) -> dict[str, Any] | None:
    from mabe_core.runs.record import DamagedRunError, read_record

    try:
        record = read_record(run)
    except DamagedRunError as error:
        return {"id": run.id, "state": "damaged", "failure": str(error)}
    if record is None:
        return None
    # a record that says `running` and that no process holds was killed
    state = record.state if record.state != "running" or run.is_held() else "interrupted"
    return {
        "id": run.id,
        "state": state,
        "epoch": record.epoch,
        "epochs": record.epochs,
        "step": record.step,
        "monitor": record.monitor,
        "best": record.best,
        "notice": record.notice,
        "started": record.started,
        "updated": record.updated,
        "failure": record.failure,
    }


def _age(since: str) -> str:
    seconds = (datetime.datetime.now().astimezone() - datetime.datetime.fromisoformat(since)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"
