"""Reads DeepLabCut's H5, a data frame that pandas wrote with PyTables, without pandas, PyTables or pickle.

Pandas has two ways to write a frame: `fixed` keeps column labels as arrays, `table` as a pickled list of
tuples. `pandas.read_hdf` loads such pickles, and so runs whatever command somebody put into one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mabe_core import DataError, let_go, long_array
from mabe_plugins.pose_readers.dlc_tracks import ROWS_AT_ONCE, Table, columns_of
from mabe_plugins.pose_readers.h5_values import checked, load, text
from mabe_plugins.pose_readers.plain_pickle import NotPlain, read_plain_pickle

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

Label = tuple[str, ...]
REMEDY = "Export the tracks as CSV (deeplabcut.analyze_videos_converth5_to_csv) and name that file."


@attrs.frozen(eq=False)
class _Columns:
    """Columns that lie together: their labels, type and number of rows, and what reads rows [start, stop)."""

    labels: list[Label]
    dtype: np.dtype[Any]
    rows: int
    read: Callable[[int, int], NDArray[Any]]


@attrs.frozen(eq=False)
class _Stored:
    """A data frame as it lies in the file: labels in order, and where their columns and the index are."""

    labels: list[Label]
    parts: list[_Columns]
    index: _Columns


def read_h5(file: Path) -> Table:
    """Return the table of one file; raises DataError naming what in the file does not fit."""
    import h5py

    size = file.stat().st_size
    try:
        with h5py.File(file, "r") as opened:
            group = _group(opened, file)
            fixed = text(group, "pandas_type") == "frame"
            return _assemble(_fixed(group, size) if fixed else _table(group, size), file)
    except NotPlain as error:
        raise DataError.at(
            file, f"its column labels are not plain data: {error}. Do not trust this file."
        ) from error
    except DataError:
        raise
    # what h5py raises where the file's structure is damaged or not what pandas writes
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        reason = str(error).strip("'\"")
        raise DataError.at(
            file, f"not an H5 file that DeepLabCut wrote, or damaged: {reason}. {REMEDY}"
        ) from error


def _group(opened: h5py.File, file: Path) -> h5py.Group:
    """Return the one data frame in the file."""
    frames = [node for node in opened.values() if text(node, "pandas_type") in ("frame", "frame_table")]
    if len(frames) != 1:
        raise DataError.at(
            file, f"holds {len(frames)} data frames of pandas; DeepLabCut writes one. {REMEDY}"
        )
    return frames[0]


def _fixed(group: h5py.Group, size: int) -> _Stored:
    """Return where things are in the `fixed` format."""
    parts = []
    for block in range(int(group.attrs["nblocks"])):
        node = checked(group[f"block{block}_values"], size)
        labels = _labels(group, f"block{block}_items", size)
        rows_first = bool(node.attrs.get("transposed", False))
        rows, width = node.shape if rows_first else node.shape[::-1]
        if width != len(labels):
            raise ValueError(f"{node.name} has {width} columns under {len(labels)} labels")
        parts.append(_Columns(labels, node.dtype, rows, _rows(node) if rows_first else _rows_across(node)))
    index = checked(group["axis1"], size)
    return _Stored(_labels(group, "axis0", size), parts, _Columns([], index.dtype, len(index), _rows(index)))


def _rows(node: h5py.Dataset) -> Callable[[int, int], NDArray[Any]]:
    return lambda start, stop: node[start:stop]


def _rows_across(node: h5py.Dataset) -> Callable[[int, int], NDArray[Any]]:
    return lambda start, stop: node[:, start:stop].T


def _labels(group: h5py.Group, axis: str, size: int) -> list[Label]:
    """Return the labels of an axis whose levels and codes are arrays of their own."""
    if text(group, f"{axis}_variety") != "multi":
        raise ValueError(f"{axis} has labels of one level, not scorer, bodyparts and coords")
    levels = []
    for level in range(int(group.attrs[f"{axis}_nlevels"])):
        names = [name.decode("utf-8") for name in load(group[f"{axis}_level{level}"], size)]
        codes = load(group[f"{axis}_label{level}"], size)
        if len(codes) and not 0 <= codes.min() <= codes.max() < len(names):
            raise ValueError(f"{axis}_label{level} points outside its {len(names)} names")
        levels.append([names[code] for code in codes])
    return list(zip(*levels, strict=True))


def _table(group: h5py.Group, size: int) -> _Stored:
    """Return where things are in the `table` format, whose rows hold all columns."""
    node = checked(group["table"], size)
    parts = []
    for field in node.dtype.names or ():
        if field != "index":
            labels = _label_list(_unpickled(node, f"{field}_kind"))
            kind = node.dtype[field]
            if kind.shape not in ((), (len(labels),)) or (kind.shape == () and len(labels) != 1):
                raise ValueError(
                    f"{field} of {node.name} has {kind.shape} columns under {len(labels)} labels"
                )
            parts.append(_Columns(labels, kind.base, len(node), _field(node, field)))
    ((axis, labels),) = _unpickled(group, "non_index_axes")
    if axis != 1:
        raise ValueError("its frames are columns, not rows")
    index = _Columns([], node.dtype["index"], len(node), _field(node, "index"))
    return _Stored(_label_list(labels), parts, index)


def _unpickled(node: h5py.HLObject, name: str) -> Any:
    """Return the plain data of a pickled attribute."""
    pickled = node.attrs[name]
    if not isinstance(pickled, bytes | np.void):  # of a number, `bytes` would make so many of them
        raise ValueError(f"{name} of {node.name} is a {type(pickled).__name__}, not pickled data")
    return read_plain_pickle(pickled if isinstance(pickled, bytes) else pickled.tobytes())


def _field(node: h5py.Dataset, field: str) -> Callable[[int, int], NDArray[Any]]:
    def read(start: int, stop: int) -> NDArray[Any]:
        values: NDArray[Any] = node.fields(field)[start:stop]
        return values if field == "index" else values.reshape(len(values), -1)

    return read


def _label_list(labels: Any) -> list[Label]:
    if not (
        isinstance(labels, list)
        and all(isinstance(label, tuple) and all(isinstance(name, str) for name in label) for label in labels)
    ):
        raise ValueError("its column labels are not tuples of names")
    return labels


def _assemble(stored: _Stored, file: Path) -> Table:
    labels, index = stored.labels, stored.index
    depth = {len(label) for label in labels}
    if depth not in ({3}, {4}):
        raise DataError.at(
            file,
            f"column labels should be (scorer, individual, bodypart, coordinate); the first is {labels[:1]}.",
        )
    place = {label: number for number, label in enumerate(labels)}
    held = sorted(label for part in stored.parts for label in part.labels)
    if len(place) != len(labels) or sorted(place) != held:
        raise DataError.at(file, "the columns that it lists are not those that it holds. " + REMEDY)
    if not np.issubdtype(index.dtype, np.integer):
        raise DataError.at(file, "its rows are not numbered frames but hand-labelled images. " + REMEDY)
    for part in stored.parts:
        for label in part.labels:
            if not np.issubdtype(part.dtype, np.number):
                raise DataError.at(file, f"column {' '.join(label[1:])} does not hold numbers.")
            if part.rows != index.rows:
                raise DataError.at(
                    file, f"column {' '.join(label[1:])} has another length than there are frames."
                )
    values = long_array((index.rows, len(labels)), np.float32)
    frames = long_array((index.rows,), np.int64)
    for start in range(0, index.rows, ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, index.rows))
        frames[rows] = index.read(rows.start, rows.stop)
        for part in stored.parts:
            with np.errstate(over="ignore"):  # what is too large becomes infinite, which is told
                values[rows, [place[label] for label in part.labels]] = part.read(rows.start, rows.stop)
        let_go(values)
        let_go(frames)
    return Table(columns_of([list(level) for level in zip(*labels, strict=True)]), values, frames)
