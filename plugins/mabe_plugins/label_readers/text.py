"""What readers of annotation text share."""

from __future__ import annotations

from pathlib import Path

from mabe_core import DataError


def read_lines(file: Path, expected: str) -> list[str]:
    """Return the lines of a text file, whatever their ends; raises DataError where it is empty or no text."""
    data = file.read_bytes()
    if not data.strip():
        raise DataError.at(file, f"the file is empty; {expected}.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError.at(file, f"this is not text in UTF-8; {expected}.", line) from error
    if "\0" in text:
        raise DataError.at(file, f"this is not text; {expected}.", text.count("\n", 0, text.index("\0")) + 1)
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
