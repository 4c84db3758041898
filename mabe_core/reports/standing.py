"""A run, or the members of a study, as they stand: for a terminal that is redrawn, and as plain lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.cells import set_cell_size
from rich.console import Group
from rich.table import Table
from rich.text import Text

from mabe_core.runs.standing import Standing

BARS = "▁▂▃▄▅▆▇█"
COLOURS = {"running": "green", "finished": "bold green", "failed": "bold red", "damaged": "bold red"}


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw values as bars between their least and their largest; the last ones where not all have room."""
    shown = [value for value in values if math.isfinite(value)][-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in shown)


def of_run(one: Standing, width: int) -> Group:
    """Return the whole view of one run, no wider than the terminal."""
    head = Text.assemble((one.id, "bold"), "  ", (one.state, COLOURS.get(one.state, "yellow")))
    # what belongs together stays so where the line is broken
    far = "  ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in _far(one))
    lines = [head, Text(far), *_curves(one, width)]
    if one.quiet is not None:
        lines.append(Text(f"nothing was written for {in_words(one.quiet)}", style="yellow"))
    lines += [Text(f"error: {line}", style="red") for line in one.failure.splitlines()]
    if one.log:
        lines.append(Text(""))
        lines += [
            Text(set_cell_size(line, min(width, len(line) + 8)).rstrip(), style="dim") for line in one.log
        ]
    return Group(*lines)


def of_members(title: str, members: Sequence[Standing], settings: Mapping[str, str], width: int) -> Group:
    """Return a line a member of a study. settings: what makes each differ, by id."""
    counts = ", ".join(
        f"{sum(each.state == state for each in members)} {state}"
        for state in dict.fromkeys(each.state for each in members)
    )
    table = Table(box=None, header_style="bold", pad_edge=False, expand=False)
    for name in ("member", "state", "epoch", "score", "best", "left"):
        table.add_column(name, no_wrap=name != "member", overflow="fold")
    for each in members:
        table.add_row(
            settings.get(each.id) or each.id,
            Text(each.state, style=COLOURS.get(each.state, "yellow")),
            f"{each.epoch}/{each.epochs}" if each.epochs else "",
            sparkline(each.scores, max(width // 8, 5)),
            "" if each.best is None else f"{each.best:.4f}",
            "" if each.left is None else in_words(each.left),
        )
    monitor = next((each.monitor for each in members if each.monitor), "")
    below = [Text(f"score and best: {monitor} on validation", style="dim")] if monitor else []
    return Group(Text.assemble((title, "bold"), f"  {len(members)} members: {counts}"), table, *below)


def plain_line(one: Standing) -> str:
    """Return one line that says how a run stands."""
    scores = f"  {one.monitor} {one.scores[-1]:.4f}" if one.scores else ""
    best = "" if one.best is None else f"  best {one.best:.4f}"
    loss = f"  loss {_value(one.losses[-1])}" if one.losses else ""
    return f"{one.id}  {one.state}  {'  '.join(_far(one))}{loss}{scores}{best}".rstrip()


def in_words(seconds: float) -> str:
    """Return a length of time in its two largest units: `3 min 20 s`."""
    whole = round(seconds)
    for unit, length, smaller, less in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            rest = whole % length // less
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def _far(one: Standing) -> list[str]:
    told = []
    if one.epochs:
        told.append(f"epoch {one.epoch}/{one.epochs}")
    if one.steps:
        told.append(f"step {one.step:,}/{one.steps:,}")
    if one.speed is not None:
        told.append(f"{one.speed:.1f} steps/s")
    if one.left is not None:
        told.append(f"about {in_words(one.left)} left")
    return told


def _value(value: float) -> str:
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"


def _curves(one: Standing, width: int) -> list[Text]:
    lines = []
    name = max(len("train loss"), len(one.monitor))
    room = max(width - name - 12, 8)
    for title, values in (("train loss", one.losses), (one.monitor, one.scores)):
        if values:
            bars = (sparkline(values, min(room, 60)), "cyan")
            lines.append(Text.assemble(f"{title:<{name}}  {_value(values[-1]):>8}  ", bars))
    if one.best is not None:
        where = f"  in epoch {one.best_epoch}" if one.best_epoch is not None else ""
        lines.append(Text(f"{'best':<{name}}  {_value(one.best):>8}{where}"))
    return lines
