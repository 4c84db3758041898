"""Copies of files that share their blocks on disk where the file system can do that."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import BinaryIO

_FICLONE = 0x40049409  # linux/fs.h


def copy_file(source: str | Path, target: str | Path) -> str:
    """Copy content, mode and times; a link is copied as a link. The signature is that of `shutil.copy2`."""
    if Path(source).is_symlink():
        return str(shutil.copy2(source, target, follow_symlinks=False))
    with Path(source).open("rb") as reading, Path(target).open("wb") as writing:
        try:
            fcntl.ioctl(writing.fileno(), _FICLONE, reading.fileno())
        except OSError:
            copy_range(reading, 0, writing, 0, os.fstat(reading.fileno()).st_size)
    shutil.copystat(source, target)
    return str(target)


def copy_range(
    source: BinaryIO, source_offset: int, target: BinaryIO, target_offset: int, length: int
) -> None:
    """Copy bytes between two open files inside the kernel; a source that is too short ends the copy."""
    target.seek(target_offset)
    while length > 0:
        copied = os.sendfile(target.fileno(), source.fileno(), source_offset, length)
        if copied == 0:
            return
        source_offset, length = source_offset + copied, length - copied
