"""`mabe compare`: which of several experiments is better, by how much, and how sure that is."""

from __future__ import annotations

from pathlib import Path

import click

from mabe_core.cli import completing, options
from mabe_core.cli.trusting import trust_option


def _names(_: click.Context, __: click.Parameter, words: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (words or "").split(",") if word.strip())


@click.command("compare")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=completing.run_ids)
@click.option("--metric", metavar="NAME", help="the score to sort by and to compare; by default the monitor")
@click.option("--scores", metavar="A,B", callback=_names, help="show these scores too")
@click.option("--all-metrics", is_flag=True, help="show all scores")
@click.option(
    "--baseline",
    metavar="ID",
    shell_complete=completing.run_ids,
    help="compare with the row that this run is in; by default with the best",
)
@click.option(
    "--draws",
    metavar="N",
    type=click.IntRange(100, 1_000_000),
    default=2000,
    show_default=True,
    help="draws of the bootstrap",
)
@click.option(
    "--seed", metavar="N", type=click.IntRange(0), default=0, show_default=True, help="of the draws"
)
@options.runs_dir
@options.as_json
@options.as_csv
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="write it there"
)
@trust_option
def command(
    ids: tuple[str, ...],
    metric: str | None,
    scores: tuple[str, ...],
    all_metrics: bool,
    baseline: str | None,
    draws: int,
    seed: int,
    runs_dir: Path,
    as_json: bool,
    as_csv: bool,
    output: Path | None,
) -> None:
    """Compare runs and studies: what differs in their experiments, beside their scores.

    Runs that differ only in seed and fold are one row: mean, spread and n. Differences are paired on the
    recordings that both scored, with a 95% bootstrap interval over recordings.
    """
    if as_json and as_csv:
        raise click.UsageError("--json or --csv, not both")
    if all_metrics and scores:
        raise click.UsageError("--all-metrics or --scores, not both")
    from mabe_core.comparing.table import compare_runs
    from mabe_core.reports import compared as shown

    compared = compare_runs(
        runs_dir,
        ids,
        metric=metric,
        others=None if all_metrics else scores,
        baseline=baseline,
        draws=draws,
        seed=seed,
    )
    if as_json:
        text = options.json_text(shown.as_json(compared))
    elif as_csv:
        text = options.csv_text(*shown.as_rows(compared))
    else:
        from mabe_core.reports.console import console

        if output is None:
            shown.print_compared(console(), compared)
            return
        text = shown.as_text(compared)
    if output is None:
        click.echo(text, nl=False)
    else:
        from mabe_core.runs.files import write_whole

        write_whole(output, text)
        click.echo(f"written to {output}")
