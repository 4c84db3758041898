"""Reads a pickle of plain lists, tuples, strings and whole numbers, and nothing else.

Pandas keeps the column labels of an H5 table as a pickle. Loading a pickle can run any command, so this is
not a loader: it knows the twenty-odd instructions that plain data needs and refuses the file at any other.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

_MARK = object()
_PUSH_ARGUMENT = {
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
}
_PUSH: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = {"PROTO", "FRAME"}


class NotPlain(ValueError):
    """The pickle holds more than plain data, or is damaged."""


def read_plain_pickle(data: bytes) -> Any:
    """Return the lists, tuples, strings, numbers and None in a pickle; raises NotPlain."""
    try:
        return _run(data)
    except (IndexError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise NotPlain(str(error)) from error


def _run(data: bytes) -> Any:
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name in _PUSH_ARGUMENT:
            stack.append(argument)
        elif name in _PUSH:
            stack.append(_PUSH[name]())
        elif name == "MARK":
            stack.append(_MARK)
        elif name in ("TUPLE", "LIST"):
            items = _since_mark(stack)
            stack.append(tuple(items) if name == "TUPLE" else items)
        elif name in _TUPLES:
            items = stack[-_TUPLES[name] :]
            del stack[-_TUPLES[name] :]
            stack.append(tuple(items))
        elif name == "APPEND":
            item = stack.pop()
            stack[-1].append(item)
        elif name == "APPENDS":
            items = _since_mark(stack)
            stack[-1].extend(items)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "STOP":
            return stack.pop()
        elif name not in _NOTHING:
            raise NotPlain(f"it holds the instruction {name}, which plain data has no use for")
    raise NotPlain("it has no end")


def _since_mark(stack: list[Any]) -> list[Any]:
    """Take everything above the topmost mark off the stack, the mark too."""
    at = max(index for index, item in enumerate(stack) if item is _MARK)
    items = stack[at + 1 :]
    del stack[at:]
    return items
