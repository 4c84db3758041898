"""`mabe runs --studies`: how far each study has come."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from mabe_core.cli import options


def list_studies(runs_dir: Path, *, as_json: bool, as_csv: bool) -> None:
    """Print a line a study."""
    from mabe_core.reports.console import console
    from mabe_core.reports.rows import print_rows
    from mabe_core.runs.studies import summaries

    found = summaries(runs_dir)
    rows = [attrs.asdict(each) for each in found]
    if as_json:
        options.say_json(rows)
    elif as_csv:
        titles = ("id", "members", "finished", "running", "failed", "axes")
        options.say_csv(titles, [[row[key] for key in titles] for row in rows])
    elif not rows:
        click.echo(f"no studies in {runs_dir}; an experiment file with `study:` makes one")
    else:
        titles = ("id", "members", "finished", "running", "failed", "differ by")
        cells = [[row["id"], *(str(row[key]) for key in titles[1:5]), ", ".join(row["axes"])] for row in rows]
        print_rows(console(), titles, cells, right=titles[1:5])


def tell_studies(runs_dir: Path) -> None:
    """Say below the runs that there are studies too."""
    from mabe_core.runs.studies import study_ids

    count = len(study_ids(runs_dir))
    if count:
        click.echo(f"and {count} stud{'y' if count == 1 else 'ies'}: mabe runs --studies")
