"""Reads columns of a Parquet file as numbers and words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mabe_core import DataError, UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@attrs.frozen(eq=False)
class Words:
    """A column of words: the words, and the number of each row's word."""

    words: tuple[str, ...]
    codes: NDArray[np.int64]


def read_columns(file: Path, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return columns by name; kinds: whole, number or word.

    whole: int64. number: float64, NaN where a cell is empty. word: Words. Raises DataError naming column and
    row (from 1), also for an empty cell where there must be none.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UserError(f"{file} needs the package pyarrow: `pip install 'mabe-core[parquet]'`.") from error
    if not file.is_file():
        raise DataError.at(file, "there is no such file, and the table of videos names it.")
    try:
        with parquet.ParquetFile(file) as opened:
            there = opened.schema_arrow.names
            missing = [name for name in kinds if name not in there]
            if missing:
                raise DataError.at(
                    file, f"columns are missing: {', '.join(missing)}; there: {', '.join(there)[:120]}."
                )
            table = opened.read(columns=list(kinds))
        return {name: _column(table.column(name), kind, name, file) for name, kind in kinds.items()}
    except DataError:
        raise
    # what pyarrow raises for damaged pages, and for names and words that are no text
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError.at(
            file, f"is no Parquet file, or damaged: {' '.join(str(error).split())[:200]}. Download it again."
        ) from error


def _column(column: Any, kind: str, name: str, file: Path) -> Any:
    import pyarrow
    from pyarrow import compute

    if kind != "number" and column.null_count:
        row = int(np.flatnonzero(compute.is_null(column).to_numpy(zero_copy_only=False))[0]) + 1
        raise DataError.at(file, f"row {row}: {name} is empty.")
    if kind == "word":
        if pyarrow.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if not (pyarrow.types.is_string(column.type) or pyarrow.types.is_large_string(column.type)):
            raise DataError.at(file, f"{name} holds {column.type}, not words.")
        coded = column.combine_chunks().dictionary_encode()
        codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        return Words(tuple(coded.dictionary.to_pylist()), codes)
    if not (pyarrow.types.is_integer(column.type) or pyarrow.types.is_floating(column.type)):
        raise DataError.at(file, f"{name} holds {column.type}, not numbers: are columns swapped?")
    values: NDArray[Any] = column.to_numpy().astype(np.float64)
    if kind == "number":
        return values
    part = np.flatnonzero(values != np.floor(values))
    if len(part):
        raise DataError.at(
            file, f"row {part[0] + 1}: {name} should be a whole number, not {values[part[0]]:g}."
        )
    return values.astype(np.int64)
