"""Names of files that come from elsewhere: what is written here stays in its folder, on every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

PLUGIN_FILE = r"plugins/(?!\.)[^/\\:\x00-\x1f]{1,250}\.py"
# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file: with any suffix these are devices
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|$)", re.IGNORECASE)
_REFUSED = re.compile(r"[<>\"|?*]")


def is_safe(path: str) -> bool:
    """Tell whether a path, with slashes, whose form is known names a plain file on every system."""
    return all(
        part.isprintable() and not _DEVICE.match(part) and not _REFUSED.search(part) and part[-1:] not in " ."
        for part in path.split("/")
    )


def alike(paths: Iterable[str]) -> tuple[str, str] | None:
    """Return two paths that are one on some file systems: they differ by case, or by how é is written."""
    seen: dict[str, str] = {}
    for path in paths:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        if folded in seen:
            return seen[folded], path
        seen[folded] = path
    return None
