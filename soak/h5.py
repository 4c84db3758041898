"""Changes the structure of H5 files: nodes, shapes, types, attributes, links, and what is pickled in them."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

# what a planted pickle leaves where it is run
SIGN = "FUZZ_SIGN"


# values of one node that are changed; what claims to have more was changed already
LARGEST = 10**6


class _Planted:
    def __reduce__(self) -> Any:
        return os.system, (f'touch "${SIGN}"',)


ATTRIBUTES: list[Any] = [
    *(0, -1, 2**40, "", "frame", "frame_table", "multi", b"\xff\xfe", np.arange(4), 1.5),
    *(pickle.dumps(_Planted(), 0), pickle.dumps([(1, [("a", "b", "x")])], 0), pickle.dumps("x" * 1000, 2)),
    *(b"(lp0\n", b"(" * 5000 + b".", b"c__builtin__\neval\n.", b"l" * 30, b"\x8a\xff" + b"\xff" * 255 + b"."),
]


def change(file: Path, chance: random.Random, times: int) -> None:
    """Do so many things to a file."""
    with h5py.File(file, "r+") as opened:
        for _ in range(times):
            nodes: list[str] = []
            opened.visit(nodes.append)
            there = [name for name in nodes if name in opened]
            # what h5py refuses to write is in no file
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RuntimeError, IndexError):
                _CHANGES[chance.randrange(len(_CHANGES))](opened, chance.choice(there), there, chance)


def _drop(opened: h5py.File, name: str, _: list[str], __: random.Random) -> None:
    del opened[name]


def _rename(opened: h5py.File, name: str, there: list[str], chance: random.Random) -> None:
    opened.move(name, f"{name}{chance.randrange(9)}")


def _exchange(opened: h5py.File, name: str, there: list[str], chance: random.Random) -> None:
    other = chance.choice(there)
    if name.startswith(other) or other.startswith(name):
        return
    opened.move(name, "aside")
    opened.move(other, name)
    opened.move("aside", other)


def _attribute(opened: h5py.File, name: str, there: list[str], chance: random.Random) -> None:
    attributes = opened[name].attrs
    if len(attributes):
        key = chance.choice(list(attributes))
        if chance.random() < 0.2:
            del attributes[key]
        else:
            attributes[key] = chance.choice(ATTRIBUTES)


def _other_values(opened: h5py.File, name: str, there: list[str], chance: random.Random) -> None:
    name = chance.choice([each for each in there if isinstance(opened[each], h5py.Dataset)] or [name])
    node = opened[name]
    if not isinstance(node, h5py.Dataset) or node.size > LARGEST:
        return
    values = node[()]
    kept = dict(node.attrs)
    del opened[name]
    match chance.randrange(8):
        case 0:
            made: Any = values[: len(values) // 2] if np.ndim(values) else values
        case 1:
            made = np.concatenate([values, values]) if np.ndim(values) else values
        case 2:
            made = np.zeros(0)
        case 3:
            made = np.full(np.shape(values), chance.choice([np.nan, np.inf, -1, 1e300]))
        case 4:
            made = np.full(np.shape(values) or (1,), b"text")
        case 5:
            made = np.array(values).T
        case 6:
            made = 7
        case _:  # claims more than there is room for, and holds nothing
            shape = (chance.choice([10**6, 10**9, 10**12]),)
            opened.create_dataset(name, shape=shape, dtype="f8", chunks=(1024,), compression="gzip")
            return
    opened[name] = made
    for key, value in kept.items():
        opened[name].attrs[key] = value


def _one_value(opened: h5py.File, name: str, there: list[str], chance: random.Random) -> None:
    numeric = [
        each
        for each in there
        if isinstance(opened[each], h5py.Dataset) and opened[each].size and opened[each].dtype.kind in "fiu"
    ]
    if numeric:
        node = opened[chance.choice(numeric)]
        at = tuple(chance.randrange(length) for length in node.shape)
        node[at] = (
            chance.choice([np.nan, np.inf, 1e300, -5.0])
            if node.dtype.kind == "f"
            else chance.choice([0, 1, 100])
        )


def _link(opened: h5py.File, name: str, there: list[str], chance: random.Random) -> None:
    del opened[name]
    opened[name] = chance.choice(
        [
            h5py.SoftLink(f"/{name}"),
            h5py.SoftLink("/nowhere"),
            h5py.ExternalLink("/etc/passwd", "/"),
            h5py.SoftLink("/"),
        ]
    )


_CHANGES: list[Callable[[h5py.File, str, list[str], random.Random], None]] = [
    *(_drop, _rename, _exchange, _attribute, _attribute, _attribute, _other_values, _other_values),
    *(_one_value, _link),
]
