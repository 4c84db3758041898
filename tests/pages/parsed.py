"""A page as a reader without eyes has it: its elements, its tables by their labels, its data."""

from __future__ import annotations

import base64
import json
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from mabe_core.pages.content import content_of
from mabe_core.pages.rendering import page
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.study import Study

VOID = {"meta", "br", "img", "link", "input"}


class Page(HTMLParser):
    """A parsed page. tags: each with its attributes. tables: rows of cells by the label of their region.

    A cell is a pair: its text, and the exact values in it. scripts: their attributes and contents.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[tuple[str, list[float]]]]] = {}
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self.open: list[str] = []
        self._label = ""
        self._cell: tuple[str, list[float]] | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((given, ""))
        if given.get("role") == "region":
            self._label = str(given["aria-label"])
            self.tables[self._label] = []
        if tag == "tr" and self._label:
            self.tables[self._label].append([])
        if tag in ("td", "th"):
            self._cell = ("", [])
        if tag == "data" and self._cell:
            self._cell[1].append(float(str(given["value"])))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1] == tag, f"</{tag}> inside <{self.open[-1]}>"
        self.open.pop()
        if tag in ("td", "th") and self._cell:
            self.tables[self._label][-1].append((" ".join(self._cell[0].split()), self._cell[1]))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
            return
        if self.open and self.open[-1] != "style":
            self.text += data
        if self._cell:
            self._cell = (self._cell[0] + data, self._cell[1])

    def rows(self, label: str) -> dict[str, list[tuple[str, list[float]]]]:
        """Return the rows below the titles of a table, by the text of their first cell."""
        return {row[0][0]: row[1:] for row in self.tables[label][1:]}

    def data(self, name: str) -> Any:
        """Return the JSON of a data script."""
        (found,) = [content for given, content in self.scripts if given.get("id") == name]
        return json.loads(found)


def unpacked(packed: str) -> dict[str, list[list[int]]]:
    """Return the rows of an ethogram, a value a frame."""
    content = json.loads(zlib.decompress(base64.b64decode(packed)))
    return {
        side: [
            [value for place in range(0, len(row), 2) for value in [row[place]] * row[place + 1]]
            for row in rows
        ]
        for side, rows in content.items()
    }


def parsed(entry: RunDirectory | Study, runs_dir: Path) -> Page:
    """Return the page of a run or a study."""
    return Page(page(content_of(entry, runs_dir)))


def values(row: list[tuple[str, list[float]]]) -> list[float]:
    """Return the exact values in the cells of a row."""
    return [value for _, those in row for value in those]
