"""Reads values out of an H5 file that may be damaged, or made to fill the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

# a frame of points that never change shrinks a thousandfold at most; more is a file made to fill the memory
LARGEST_RATIO = 1000
SMALLEST_LIMIT = 64 << 20


def text(node: Any, attribute: str) -> str:
    """Return an attribute as text, or nothing."""
    value = node.attrs.get(attribute, b"")
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def checked(dataset: h5py.Dataset, size: int) -> h5py.Dataset:
    """Return a dataset as given, unless it claims more than such a file can hold."""
    if dataset.size * dataset.dtype.itemsize > max(SMALLEST_LIMIT, LARGEST_RATIO * size):
        raise ValueError(f"{dataset.name} claims {dataset.size} values in a file of {size} bytes")
    return dataset


def load(dataset: h5py.Dataset, size: int) -> NDArray[Any]:
    """Read a dataset whole, unless it claims more than such a file can hold."""
    loaded: NDArray[Any] = checked(dataset, size)[()]
    return loaded
