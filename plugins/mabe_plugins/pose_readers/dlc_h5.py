"""Reads DeepLabCut's H5, a data frame that pandas wrote with PyTables, without pandas, PyTables or pickle.

Pandas has two ways to write a frame: `fixed` keeps column labels as arrays, `table` as a pickled list of
tuples. `pandas.read_hdf` loads such pickles, and so runs whatever command somebody put into one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mabe_core import DataError
from mabe_plugins.pose_readers.dlc_tracks import Table, columns_of
from mabe_plugins.pose_readers.h5_values import load, text
from mabe_plugins.pose_readers.plain_pickle import NotPlain, read_plain_pickle

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

Label = tuple[str, ...]
REMEDY = "Export the tracks as CSV (deeplabcut.analyze_videos_converth5_to_csv) and name that file."


def read_h5(file: Path) -> Table:
    """Return the table of one file; raises DataError naming what in the file does not fit."""
    import h5py

    size = file.stat().st_size
    try:
        with h5py.File(file, "r") as opened:
            group = _group(opened, file)
            parts = (
                _read_fixed(group, size)
                if text(group, "pandas_type") == "frame"
                else _read_table(group, size)
            )
            return _assemble(*parts, file)
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


def _read_fixed(group: h5py.Group, size: int) -> tuple[list[Label], dict[Label, NDArray[Any]], NDArray[Any]]:
    """Return column labels in order, the values of each, and the frame numbers, of the `fixed` format."""
    values: dict[Label, NDArray[Any]] = {}
    for block in range(int(group.attrs["nblocks"])):
        node = group[f"block{block}_values"]
        items = load(node, size)
        if not node.attrs.get("transposed", False):
            items = items.T
        values.update(zip(_labels(group, f"block{block}_items", size), items.T, strict=True))
    return _labels(group, "axis0", size), values, load(group["axis1"], size)


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


def _read_table(group: h5py.Group, size: int) -> tuple[list[Label], dict[Label, NDArray[Any]], NDArray[Any]]:
    """Return column labels in order, the values of each, and the frame numbers, of the `table` format."""
    node = group["table"]
    table = load(node, size)
    values: dict[Label, NDArray[Any]] = {}
    for field in table.dtype.names or ():
        if field != "index":
            labels = _label_list(read_plain_pickle(bytes(node.attrs[f"{field}_kind"])))
            values.update(zip(labels, table[field].reshape(len(table), -1).T, strict=True))
    ((axis, labels),) = read_plain_pickle(bytes(group.attrs["non_index_axes"]))
    if axis != 1:
        raise ValueError("its frames are columns, not rows")
    return _label_list(labels), values, table["index"]


def _label_list(labels: Any) -> list[Label]:
    if not (
        isinstance(labels, list)
        and all(isinstance(label, tuple) and all(isinstance(name, str) for name in label) for label in labels)
    ):
        raise ValueError("its column labels are not tuples of names")
    return labels


def _assemble(
    labels: list[Label], values: dict[Label, NDArray[Any]], frames: NDArray[Any], file: Path
) -> Table:
    depth = {len(label) for label in labels}
    if depth not in ({3}, {4}):
        raise DataError.at(
            file,
            f"column labels should be (scorer, individual, bodypart, coordinate); the first is {labels[:1]}.",
        )
    if len(set(labels)) != len(labels) or set(labels) != set(values):
        raise DataError.at(file, "the columns that it lists are not those that it holds. " + REMEDY)
    if not np.issubdtype(frames.dtype, np.integer):
        raise DataError.at(file, "its rows are not numbered frames but hand-labelled images. " + REMEDY)
    for label in labels:
        if not np.issubdtype(values[label].dtype, np.number):
            raise DataError.at(file, f"column {' '.join(label[1:])} does not hold numbers.")
        if len(values[label]) != len(frames):
            raise DataError.at(
                file, f"column {' '.join(label[1:])} has another length than there are frames."
            )
    columns = columns_of([list(level) for level in zip(*labels, strict=True)])
    stacked = np.stack([values[label].astype(np.float64) for label in labels], axis=1)
    return Table(columns, stacked, frames)
