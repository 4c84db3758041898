"""What differs between two experiments, for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mabe_core.runs.comparison import ABSENT, Comparison, Difference, EditedFile

SHORT = 24  # lines of a diff beside a run that begins
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def print_comparison(screen: Console, compared: Comparison) -> None:
    """Print what differs; of two components of different names, what both can be told."""
    before, after = compared.before, compared.after
    own = _of_one_alone(compared.settings)
    rows = [*(each for each in compared.settings if each not in own), *compared.components]
    if rows:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title in ("what differs", before.name, after.name, "in the id"):
            table.add_column(title, overflow="fold", no_wrap=title in ("what differs", "in the id"))
        for each in rows:
            table.add_row(
                each.what,
                shown(each.before),
                shown(each.after),
                _makes_id(each),
                style="" if each.in_id else "dim",
            )
        screen.print(table)
    if own:
        screen.print(
            f"… and {len(own)} settings that one component has and the other lacks (--json)", style="dim"
        )
    for file in compared.files:
        screen.print()
        print_diff(screen, file, compared)
    if rows or compared.files:
        screen.print()
    screen.print(_verdict(compared))


def _of_one_alone(settings: Sequence[Difference]) -> list[Difference]:
    """Return the settings of a component that gave way to another one, which has none of that name."""
    renamed = tuple(each.what.removesuffix("name") for each in settings if each.what.endswith(".name"))
    return [
        each for each in settings if each.what.startswith(renamed) and ABSENT in (each.before, each.after)
    ]


def print_edits(screen: Console, compared: Comparison) -> None:
    """Print how local plugin files differ from the nearest earlier run, and how to go on with that run."""
    before = compared.before
    files = " and ".join(file.name for file in compared.files)
    count = compared.asked
    more = f", and {count} setting{' differs' if count == 1 else 's differ'}" if count else ""
    screen.print(
        f"note: this is a new experiment: {files} was edited since {before.id}{more}; "
        f"`mabe-run --resume {before.id}` goes on with the file as it was",
        style="yellow",
    )
    for file in compared.files:
        print_diff(screen, file, compared, most=SHORT)


def print_diff(screen: Console, file: EditedFile, compared: Comparison, most: int | None = None) -> None:
    """Print the diff of a file, at most so many lines of it."""
    lines = file.diff(f"{compared.before.name}/{file.name}", f"{compared.after.name}/{file.name}")
    for line in lines[:most]:
        screen.print(Text(line, style=_COLOURS.get(line[:1], "")), soft_wrap=True)
    left = len(lines) - len(lines[:most])
    if left:
        screen.print(
            f"… {left} more lines: mabe diff {compared.before.name} {compared.after.name}", style="dim"
        )


def shown(value: Any) -> str:
    """Show a value as JSON has it, and what is absent as such."""
    return value if value in ("", ABSENT) else json.dumps(value, ensure_ascii=False)


def _makes_id(each: Difference) -> str:
    return "yes" if each.in_id else "no"


def _verdict(compared: Comparison) -> str:
    before, after = compared.before.id, compared.after.id
    if compared.same_id:
        return f"the same experiment: {after}"
    if before.rpartition("-")[2] == after.rpartition("-")[2]:
        return f"the same experiment under two names: {before}, {after}"
    return f"two experiments: {before}, {after}"
