"""`mabe runs`: the experiments that were run, here or in the cloud, filtered and sorted."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mabe_core.cli import completing, options
from mabe_core.cli.cloud import age, connect
from mabe_core.cli.runs_studies import list_studies, tell_studies

if TYPE_CHECKING:
    from mabe_core.runs.listing import Row

COLUMNS = ("id", "state", "epoch", "best", "gpu", "age")


def _several(_: click.Context, __: click.Parameter, words: Any) -> tuple[str, ...]:
    """Take `a,b` for `a` and `b`."""
    words = (words,) if isinstance(words, str) else words or ()
    return tuple(part.strip() for word in words for part in word.split(",") if part.strip())


@click.command("runs")
@click.option(
    "--where",
    metavar="CONDITION",
    shell_complete=completing.keys,
    help="only those of which it is so: 'model=transformer and macro_f1>0.6'",
)
@click.option(
    "--sort",
    metavar="KEY",
    multiple=True,
    callback=_several,
    shell_complete=completing.keys,
    help="sort by this; -KEY has the largest first; several: the first counts most",
)
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="at most so many")
@click.option("--columns", metavar="KEY,KEY", callback=_several, help="show these instead")
@click.option("--studies", is_flag=True, help="list the studies instead: members, how many are finished")
@click.option("--cloud", "in_cloud", is_flag=True, help="those in the cloud, running or on the volume")
@options.runs_dir
@options.volume
@options.profile
@options.as_json
@options.as_csv
def command(
    where: str | None,
    sort: tuple[str, ...],
    limit: int | None,
    columns: tuple[str, ...],
    studies: bool,
    in_cloud: bool,
    runs_dir: Path,
    volume: str,
    profile: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List the experiments that were run: id, state, epoch, best score, age; in the cloud the GPU too.

    KEY is one of id, name, state, epoch, started, updated, age, dataset, model; a score, such as macro_f1; or
    any dotted key of the experiment, such as optimizer.learning_rate. CONDITION compares keys with values by
    = != < <= > >= and ~ (contains), joined by and, or, not and parentheses.
    """
    if studies:
        if where or sort or limit or columns or in_cloud:
            raise click.UsageError("--studies goes with --runs-dir, --json and --csv only")
        list_studies(runs_dir, as_json=as_json, as_csv=as_csv)
        return
    from mabe_core.runs.listing import needs_more, nothing_fits, select
    from mabe_core.runs.query import parse

    query = parse(where) if where is not None else None
    keys = list(dict.fromkeys(each.key for each in query.comparisons())) if query else []
    asked = [*keys, *(key.removeprefix("-") for key in sort), *columns]
    whole = as_json or needs_more(asked)
    rows = _in_cloud(volume, profile, whole=whole) if in_cloud else _here(runs_dir, whole=whole)
    selected = select(rows, query, sort, columns)
    shown = selected[:limit]
    if as_json and not columns:
        options.say_json([_as_json(row) for row in shown])
        return
    titles = columns or tuple(dict.fromkeys([*COLUMNS, *asked]))
    if as_json:
        options.say_json([{key: _exact(row, key) for key in columns} for row in shown])
    elif as_csv:
        options.say_csv(titles, [[_exact(row, key) for key in titles] for row in shown])
    elif not rows:
        place = f"on volume {volume}" if in_cloud else f"in {runs_dir}"
        click.echo(f"no runs {place}; `mabe-run EXPERIMENT{' --cloud' if in_cloud else ''}` makes one")
    elif not selected:
        assert query is not None, "only a condition leaves runs out"
        click.echo(f"0 of {len(rows):,} runs fit {where}.{nothing_fits(rows, query)}")
    else:
        _print(titles, shown, len(selected), len(rows))
        if not in_cloud and query is None:
            tell_studies(runs_dir)


def _print(titles: Sequence[str], rows: Sequence[Row], selected: int, total: int) -> None:
    from mabe_core.reports.console import console
    from mabe_core.reports.rows import print_rows

    screen = console()
    print_rows(screen, titles, [[_shown(row, key) for key in titles] for row in rows], right=("epoch",))
    if len(rows) < selected < total:
        screen.print(f"{len(rows):,} of {selected:,} that fit, of {total:,} runs", style="dim")
    elif len(rows) < total:
        screen.print(f"{len(rows):,} of {total:,} runs", style="dim")


def _here(runs_dir: Path, *, whole: bool) -> list[Row]:
    from mabe_core.runs.listing import local_rows

    return local_rows(runs_dir, whole=whole)


def _in_cloud(volume: str, profile: str | None, *, whole: bool) -> list[Row]:
    from mabe_core.cloud.runs import cloud_runs, read_cloud_experiments
    from mabe_core.runs.listing import Row, settings_of, told_of

    account = connect(volume, profile).account
    runs = cloud_runs(account, volume)
    files = account.files(volume) if whole else None
    kept = [run.id for run in runs if run.record is not None]
    experiments = read_cloud_experiments(files, kept) if files else {}
    rows = []
    for run in runs:
        record = run.record
        told: dict[str, Any] = {"id": run.id, "name": run.id.rpartition("-")[0], "failure": run.failure}
        device = record.auto.get("device_name") if record else None
        told["gpu"] = device or (run.claim.gpu if run.claim else None)
        told["updated"] = run.claim.launched if run.claim else None
        scores: dict[str, float] = {}
        if record is not None:
            told |= told_of(record)
            best = {} if record.best is None else {record.monitor: record.best}
            scores = record.held_out or best
        scored = ("held out" if record and record.held_out else "best epoch") if scores else ""
        rows.append(Row({**told, "state": run.state}, scores, scored, settings_of(experiments.get(run.id))))
    return rows


def _shown(row: Row, key: str) -> str:
    told = row.told
    if key == "epoch":
        return f"{told['epoch']}/{told['epochs']}" if told.get("epochs") is not None else ""
    if key == "best":
        return "" if told.get("best") is None else f"{told['monitor']} {told['best']:.4f}"
    if key == "age":
        return age(told["updated"]) if told.get("updated") else ""
    value = row.cell(key)
    if isinstance(value, datetime.datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.4f}" if key in row.scores or key.startswith("scores.") else f"{value:g}"
    return "" if value is None else " ".join(str(value).split())


def _exact(row: Row, key: str) -> Any:
    if key in row.told:
        return row.told[key]  # times as they are written in the record
    return row.cell(key)


def _as_json(row: Row) -> dict[str, Any]:
    settings = {key: row.cell(key) for key in ("dataset", "model")}
    return {**row.told, **settings, "scores": dict(row.scores), "scored": row.scored}
