"""Markdown out of texts that may hold anything: names are shown as they are, and start nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

# what begins emphasis, code, links, HTML, entities or cells inside a line; _ only at the edge of a word
_MARKS = re.compile(r"[\\`*\[\]<>&|~$]|(?<!\w)_|_(?!\w)|(?<=:)/|(?<=www)\.")


def escaped(text: str) -> str:
    """Return a text as one line of Markdown that shows it."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return _MARKS.sub(lambda mark: f"\\{mark[0]}", " ".join(printable.split()))


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of texts that may hold anything."""
    lines = [list(map(escaped, titles)), ["---"] * len(titles), *(list(map(escaped, row)) for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def block(text: str, language: str) -> str:
    """Return a block of code, its fence longer than any in the text."""
    text = text.encode("utf-8", "replace").decode()  # JSON may hold halves of letters
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"
