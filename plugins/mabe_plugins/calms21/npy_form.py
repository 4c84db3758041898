"""Reads CalMS21's npy, a pickled dictionary of arrays, without running anything that a pickle names.

`numpy.load(…, allow_pickle=True)` runs whatever command somebody put into such a file. Here each name in the
pickle leads to a stand-in below, which makes arrays of plain numbers and nothing else.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
import tokenize
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from mabe_core import DataError

DAMAGED = "the file is cut short or damaged. Download it again"
# kinds of numpy's dtypes that are numbers, text or truth values
PLAIN_KINDS = "biufSU"
# instructions that numpy's pickles of such arrays never have; Python's own reader stumbles over damaged ones
UNUSED = {"BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER", "PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4"}


class _Foreign(Exception):
    """The pickle names something that an array of numbers has no use for."""


def read_npy(file: Path) -> Any:
    """Return groups of sequences; raises DataError for a file of more than plain data, or a damaged one."""
    with file.open("rb") as opened:
        try:
            major, _ = np.lib.format.read_magic(opened)
            head = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
            shape, _, dtype = head(opened)
        # what numpy raises for a header that is not its own
        except (ValueError, EOFError, SyntaxError, tokenize.TokenError, KeyError, TypeError) as error:
            raise DataError.at(file, f"is no npy file, or {DAMAGED}: {error}.") from error
        if dtype != np.dtype(object) or shape != ():
            raise DataError.at(
                file,
                f"holds an array {shape} of {dtype}, not the dictionary that CalMS21's converter writes.",
            )
        try:
            data = opened.read()
            _check_instructions(data)
            found = _Reader(io.BytesIO(data)).load()
        except _Foreign as error:
            raise DataError.at(
                file, f"names {error}, which plain data has no use for. Do not trust this file."
            ) from error
        # what the pickle module and the stand-ins raise on damaged data
        except (
            *(pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError),
            *(AttributeError, struct.error, MemoryError, OverflowError),
        ) as error:
            raise DataError.at(file, f"{DAMAGED}: {error}.") from error
    return _plain(found)


class _Dtype:
    """Stands for numpy.dtype."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code = code
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]
        if state[3] is not None:
            raise ValueError("an array of records")

    def plain(self) -> np.dtype[Any]:
        dtype = np.dtype(str(self.code))
        if dtype.kind not in PLAIN_KINDS:
            raise ValueError(f"an array of {self.code}")
        return dtype.newbyteorder(">") if self.order == ">" else dtype


class _Array:
    """Stands for numpy.ndarray."""

    value: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, in_columns, data = state
        if dtype.code.startswith("O"):
            if not isinstance(data, list) or shape != ():
                raise ValueError("an array of objects")
            self.value = data[0]
            return
        flat = np.frombuffer(data, dtype=dtype.plain())
        self.value = flat.reshape(shape, order="F" if in_columns else "C")


def _scalar(dtype: _Dtype, data: bytes) -> Any:
    return np.frombuffer(data, dtype=dtype.plain(), count=1)[0].item()


def _from_buffer(data: Any, dtype: _Dtype, shape: tuple[int, ...], order: str) -> Any:
    return np.frombuffer(data, dtype=dtype.plain()).reshape(shape, order="F" if order == "F" else "C")


def _encode(text: str, encoding: str) -> bytes:
    """Stand for codecs.encode, by which protocol 2 keeps bytes."""
    if encoding != "latin1":
        raise ValueError(f"bytes as {encoding}")
    return text.encode("latin1")


_NUMPY = {
    "_reconstruct": lambda *_: _Array(),
    "scalar": _scalar,
    "_frombuffer": _from_buffer,
}
_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module in ("multiarray", "numeric")
        for name, stand_in in _NUMPY.items()
    },
}


def _check_instructions(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about text in damaged data
        for instruction, _, _ in pickletools.genops(data):
            if instruction.name in UNUSED:
                raise _Foreign(f"the instruction {instruction.name}")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise _Foreign(f"{module}.{name}")
        return _KNOWN[module, name]


def _plain(found: Any) -> Any:
    """Return the arrays themselves, in whatever dictionaries and lists they are."""
    if isinstance(found, _Array):
        return _plain(found.value)
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_plain(value) for value in found]
    return found
