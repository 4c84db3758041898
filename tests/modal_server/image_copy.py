"""Which files a COPY brings into an image, and where to."""

from __future__ import annotations

import fnmatch
import shlex
from pathlib import Path, PurePosixPath


def copied_files(
    arguments: str, context: dict[str, Path], workdir: PurePosixPath
) -> dict[PurePosixPath, Path]:
    """Resolve `COPY source… target` against a build context of absolute paths; Docker's rules for folders."""
    *sources, target = [word for word in shlex.split(arguments) if not word.startswith("--")]
    place = workdir / target
    into_folder = target.endswith("/") or target == "." or len(sources) > 1
    copied: dict[PurePosixPath, Path] = {}
    for source in sources:
        wanted = str(PurePosixPath("/") / source.lstrip("/")).rstrip("/") or "/"
        for path, content in context.items():
            if path == wanted:
                copied[place / PurePosixPath(path).name if into_folder else place] = content
            elif PurePosixPath(path).is_relative_to(wanted):
                copied[place / PurePosixPath(path).relative_to(wanted)] = content
            elif fnmatch.fnmatchcase(path, wanted):
                copied[place / PurePosixPath(path).name] = content
    return copied
