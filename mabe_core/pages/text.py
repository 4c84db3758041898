"""How values are written in a page: scores, times, counts, and text out of files."""

from __future__ import annotations

import math
from typing import Any

from mabe_core.reports.visible import seen


def all_seen(value: Any) -> Any:
    """Return plain values as JSON can hold them, every text in them, keys too, fit to be shown."""
    if isinstance(value, str):
        return seen(value, lines=True)
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no word for it
    if isinstance(value, dict):
        return {all_seen(key): all_seen(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [all_seen(item) for item in value]
    return value


def score(value: float | None) -> str:
    """Show a score to four digits, and what there is none of as a dash."""
    return "–" if value is None or value != value else f"{value:.4f}"


def clock(seconds: float) -> str:
    """Show a time in a film: seconds, and minutes once there are some."""
    minutes, left = divmod(round(seconds, 2), 60)
    return f"{int(minutes)}:{left:05.2f}" if minutes else f"{left:.2f} s"


def count(number: int) -> str:
    """Show a count with its thousands set apart."""
    return f"{number:,}"
