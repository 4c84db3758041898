"""`mabe runs`: the experiments that were run, here or in the cloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mabe_core.cli import options
from mabe_core.cli.cloud import age, connect

if TYPE_CHECKING:
    from mabe_core.runs.directory import RunDirectory
    from mabe_core.runs.record import Record


@click.command("runs")
@click.option("--cloud", "in_cloud", is_flag=True, help="those in the cloud, running or on the volume")
@options.runs_dir
@options.volume
@options.profile
@options.as_json
def command(in_cloud: bool, runs_dir: Path, volume: str, profile: str | None, as_json: bool) -> None:
    """List the experiments that were run: id, state, epoch, best score, age; in the cloud the GPU too."""
    rows = _in_cloud(volume, profile) if in_cloud else _here(runs_dir)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        place = f"on volume {volume}" if in_cloud else f"in {runs_dir}"
        click.echo(f"no runs {place}; `mabe-run EXPERIMENT{' --cloud' if in_cloud else ''}` makes one")
        return
    from rich.table import Table

    from mabe_core.reports.console import console

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("id", "state", "epoch", "best", *(["gpu"] if in_cloud else []), "age"):
        table.add_column(title, no_wrap=title == "id")
    for row in rows:
        known = row.get("epoch") is not None
        best = "" if row.get("best") is None else f"{row['monitor']} {row['best']:.4f}"
        cells = [row["id"], row["state"], f"{row['epoch']}/{row['epochs']}" if known else "", best]
        cells += [row["gpu"] or ""] if in_cloud else []
        table.add_row(*cells, age(row["updated"]) if row.get("updated") else "")
    console().print(table)


def _here(runs_dir: Path) -> list[dict[str, Any]]:
    from mabe_core.runs.directory import all_runs

    return [row for run in all_runs(runs_dir) if (row := _local_row(run))]


def _local_row(run: RunDirectory) -> dict[str, Any] | None:
    from mabe_core.runs.record import DamagedRunError, read_record

    try:
        record = read_record(run)
    except DamagedRunError as error:
        return {"id": run.id, "state": "damaged", "failure": str(error)}
    if record is None:
        return None
    # a record that says `running` and that no process holds was killed
    state = record.state if record.state != "running" or run.is_held() else "interrupted"
    return _row(record, state)


def _in_cloud(volume: str, profile: str | None) -> list[dict[str, Any]]:
    from mabe_core.cloud.runs import cloud_runs

    rows = []
    for run in cloud_runs(connect(volume, profile).account, volume):
        row: dict[str, Any] = {"id": run.id, "state": run.state, "failure": run.failure}
        if run.record is not None:
            row = _row(run.record, run.state)
        device = run.record.auto.get("device_name") if run.record else None
        row["gpu"] = device or (run.claim.gpu if run.claim else None)
        row.setdefault("updated", run.claim.launched if run.claim else None)
        rows.append(row)
    return rows


def _row(record: Record, state: str) -> dict[str, Any]:
    return {
        "id": record.id,
        "state": state,
        "epoch": record.epoch,
        "epochs": record.epochs,
        "step": record.step,
        "monitor": record.monitor,
        "best": record.best,
        "notice": record.notice,
        "started": record.started,
        "updated": record.updated,
        "attempts": record.attempts,
        "failure": record.failure,
    }
