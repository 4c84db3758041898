"""Text out of files made fit to be shown: what cannot be seen, or turns text around, is spelled out."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

# control, format, surrogate, no character, line and paragraph separators: invisible, in force beyond their
# own text, or fatal (XML knows no U+0007 or U+FFFE: vl-convert ends the process over one)
_HIDDEN = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
# joiners that words of some scripts, and emoji, are spelled with
_KEPT = "\u200c\u200d"


def seen(text: str, *, lines: bool = False) -> str:
    """Return text with each character that cannot be seen spelled as `\\uXXXX`; lines: keep ends of lines."""
    kept = _KEPT + ("\n\t" if lines else "")
    return "".join(
        f"\\u{ord(letter):04x}" if unicodedata.category(letter) in _HIDDEN and letter not in kept else letter
        for letter in text
    )


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
