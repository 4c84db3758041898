"""Arrays as long as a recording: beyond a few megabytes they lie in a file without a name, not in memory."""

from __future__ import annotations

import ctypes
import math
import mmap
import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

# bytes of an array that are no burden to any machine
IN_MEMORY = 4 << 20
# rows that are looked at together
ROWS_AT_ONCE = 1 << 16
_ZEROS = bytes(1 << 20)


class _Pages(mmap.mmap):
    """A mapping of our own: of somebody else's, one that is private would lose what was written to it."""


def long_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return zeros to be written over; a long array of them lies in a temporary file ($TMPDIR).

    Read and write it in blocks, and call `let_go` after each: then memory holds a block of it. Where there is
    no room for the file, memory holds it all.
    """
    import tempfile

    import numpy as np

    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if size <= IN_MEMORY:
        return np.zeros(shape, kind)
    try:
        with tempfile.TemporaryFile() as file:
            _reserve(file, size)
            pages = _Pages(file.fileno(), size)
    except OSError:
        return np.zeros(shape, kind)
    return np.frombuffer(pages, kind).reshape(shape)


def let_go(array: NDArray[Any]) -> None:
    """Take the pages of a long array, or of one that it is a part of, out of memory; its values stay."""
    pages = _pages(array)
    if pages is not None and hasattr(pages, "madvise"):
        pages.madvise(mmap.MADV_DONTNEED)


def give_back() -> None:
    """Give memory that was freed back to the system, where C's library would keep it for later."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:  # glibc has it
        trim(0)


def in_blocks(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the first row and the rows of each block, of which memory then holds one."""
    for start in range(0, len(array), ROWS_AT_ONCE):
        yield start, array[start : start + ROWS_AT_ONCE]
        let_go(array)


def constant(shape: tuple[int, ...], value: np.generic) -> NDArray[Any]:
    """Return a read-only array that is one value everywhere, and takes the room of one."""
    import numpy as np

    return np.broadcast_to(value, shape)


def _reserve(file: IO[bytes], size: int) -> None:
    """Fill a file with zeros: where room is promised only, writing to a mapped page may kill the process."""
    for start in range(0, size, len(_ZEROS)):
        file.write(_ZEROS[: size - start])
    file.flush()


def _pages(array: Any) -> _Pages | None:
    """Return what an array looks into, if that is a file of `long_array`."""
    base = array
    while base is not None and not isinstance(base, _Pages):
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    return base
