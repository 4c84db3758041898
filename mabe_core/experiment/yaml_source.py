"""Reads YAML strictly, remembering lines: no aliases, tags or duplicate keys, whatever the bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mabe_core.errors import Location, Problem, UserError, nearest
from mabe_core.experiment.node import Node
from mabe_core.experiment.scalars import Scalar, read_scalar

MAX_BYTES = 256 * 1024
MAX_DEPTH = 50
MAX_VALUES = 20_000
MAX_KEY = 200

_REMEDIES = {
    "'\\t' that cannot start": "Indent with spaces, not with tabs.",
    "mapping values are not allowed": "Quote a text that holds ': ', or check the indentation.",
    "but found '<block": "Check the indentation: it differs from the lines above.",
    "expected <block end>": "Check the indentation and the quotes of this line and the one above.",
    "could not find expected ':'": "Write `key: value`, with a space after the colon.",
    "'%' that cannot start": "Put a text that begins with % in quotes.",
    "'@' that cannot start": "Put a text that begins with @ in quotes.",
    "'`' that cannot start": "Put a text that begins with ` in quotes.",
    "found unexpected end of stream": "A quote is not closed.",
}


def read_file(path: Path) -> tuple[Node, list[Problem]]:
    """Return what `read_source` does, for a file.

    Raises UserError with file and line where it is missing, is no text, or no YAML that is read here.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refusal(f"there is no such file.{similar_file(path)}", str(path)) from None
    except IsADirectoryError:
        raise _refusal(f"is a directory, not an experiment file.{_inside(path)}", str(path)) from None
    except OSError as error:
        raise _refusal(f"cannot be read: {error.strerror}.", str(path)) from None
    if len(content) > MAX_BYTES:
        raise _refusal(f"is larger than {MAX_BYTES // 1024} KiB, so it is no experiment file.", str(path))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 text (byte 0x{content[error.start]:02x}). Is it an experiment file in YAML?"
        raise _refusal(message, str(path), line) from None
    return read_source(text, str(path))


def read_source(text: str, name: str) -> tuple[Node, list[Problem]]:
    """Read an experiment's text into a map, with the problems that do not hinder reading on.

    `name` is what locations call it. Raises UserError where it is not YAML that is read here.
    """
    node, problems = _Reader(text, name).document()
    if node is None:
        raise _refusal("is empty: an experiment has at least `name`, `data` and `model`.", name)
    if not isinstance(node.value, dict):
        message = "an experiment is a map of keys (`name: …`, `data: …`, `model: …`), and this is not."
        raise UserError(Problem(message, node.location))
    return node, problems


def read_value(text: str, location: Location) -> Node:
    """Read one value as `--set` gives it; every part of it is located at `location`.

    Raises UserError where it is not YAML that is read here.
    """
    node, problems = _Reader(text, str(location), one_place=location).document()
    if problems:
        raise UserError(problems)
    return node or Node(None, location)


def similar_file(path: Path) -> str:
    """Return ` Did you mean 'x.yaml'?` for the most similar file beside it, or what there is."""
    if not path.parent.is_dir():
        return f" There is no folder {str(path.parent)!r} either."
    beside = [name for name in _listing(path.parent) if name.endswith(path.suffix or ".yaml")]
    guess = nearest(path.name, beside)
    if guess is not None:
        return f" Did you mean {str(path.parent / guess)!r}?"
    return f" In {str(path.parent)!r} there are: {', '.join(beside[:8])}." if beside else ""


def _inside(folder: Path) -> str:
    found = [str(folder / name) for name in _listing(folder) if name.endswith((".yaml", ".yml"))]
    return f" In it: {', '.join(found[:8])}." if found else ""


def _listing(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names are what is compared
    except OSError:
        return []


def _refusal(message: str, name: str, line: int | None = None) -> UserError:
    return UserError(Problem(message, Location(name, line)))


class _Reader:
    """Turns PyYAML's events into nodes; what is refused is refused before it can grow."""

    def __init__(self, text: str, name: str, one_place: Location | None = None) -> None:
        self._name = name
        self._one_place = one_place
        self._problems: list[Problem] = []
        self._count = 0
        self._events = self._parse(text)

    def document(self) -> tuple[Node | None, list[Problem]]:
        """Return the one document, or None where there is nothing."""
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None, []
        node = self._node(next(self._events), depth=0)
        next(self._events)  # the document's end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._refuse(after, "a second document begins here (`---`); a file holds one experiment.")
        return node, self._problems

    def _parse(self, text: str) -> Iterator[Any]:
        try:
            loader: Any = yaml.SafeLoader(text)
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            message = (
                f"holds the character U+{ord(text[error.position]):04X}, so it is no experiment file in YAML."
            )
            raise UserError(Problem(message, self._at(line))) from None
        while True:
            try:
                event = loader.get_event()
            except yaml.MarkedYAMLError as error:
                raise self._syntax_error(error) from None
            except (ValueError, OverflowError) as error:  # an escape such as "\UFFFFFFFF"
                message = f"not valid YAML: {error}."
                raise UserError(Problem(message, self._at(loader.line + 1))) from None
            yield event

    def _syntax_error(self, error: yaml.MarkedYAMLError) -> UserError:
        began_there = (error.context or "").startswith("while scanning")  # a quote, a key
        mark = (error.context_mark if began_there else None) or error.problem_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        remedy = next((f" {text}" for sign, text in _REMEDIES.items() if sign in what), "")
        line = mark.line + 1 if mark else None
        return UserError(Problem(f"not valid YAML: {what}.{remedy}", self._at(line)))

    def _at(self, line: int | None) -> Location:
        return self._one_place or Location(self._name, line)

    def _where(self, event: Any) -> Location:
        return self._at(event.start_mark.line + 1)

    def _refuse(self, event: Any, message: str) -> UserError:
        return UserError(Problem(message, self._where(event)))

    def _node(self, event: Any, depth: int, key: Location | None = None) -> Node:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            sign = f"*{event.anchor}" if isinstance(event, yaml.AliasEvent) else f"&{event.anchor}"
            message = (
                f"aliases and anchors ({sign[:24]}) are not read here. Write the value out, or use `extends`."
            )
            raise self._refuse(event, message)
        if event.tag is not None:
            raise self._refuse(event, f"tags ({event.tag[:40]}) are not read here. Leave it out.")
        if depth > MAX_DEPTH:
            raise self._refuse(event, f"lists and maps are nested more than {MAX_DEPTH} deep.")
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._refuse(event, f"holds more than {MAX_VALUES} values, so it is no experiment file.")
        where = self._where(event)
        if isinstance(event, yaml.ScalarEvent):
            return Node(self._scalar(event), where, key)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._list(depth), where, key)
        return Node(self._map(depth), where, key)

    def _scalar(self, event: Any) -> Scalar:
        text: str = event.value
        if not event.implicit[0]:
            unfit = next(
                (letter for letter in text if letter == "\0" or "\ud800" <= letter <= "\udfff"), None
            )
            if unfit is not None:
                raise self._refuse(event, f"a text cannot hold the character U+{ord(unfit):04X}.")
            return text
        try:
            return read_scalar(text)
        except ValueError as error:
            raise self._refuse(event, f"{error}.") from None

    def _list(self, depth: int) -> list[Node]:
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return items

    def _map(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            where = self._where(event)
            node = self._node(next(self._events), depth + 1, where)
            if key in entries:
                first = entries[key].key or where
                message = f"the key `{key}` was already given on line {first.line}. Keep one of the two."
                self._problems.append(Problem(message, where))
            else:
                entries[key] = node
        return entries

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refuse(event, "a key is a word, not a list, a map or an alias.")
        key = self._node(event, 0).value
        if not isinstance(key, str):
            raise self._refuse(
                event, f"a key is a word, not {event.value[:40]!r}. Put it in quotes if it is meant."
            )
        if len(key) > MAX_KEY:
            raise self._refuse(event, f"a key is longer than {MAX_KEY} characters.")
        if key == "<<" and event.implicit[0]:
            raise self._refuse(
                event, "merge keys (<<) are not read here. Write the keys out, or use `extends`."
            )
        return key
