"""Takes secrets out of what is told: those of the environment, and those in URLs.

What a component raises is told in its own words, and may hold the address or the token that it was given.
"""

from __future__ import annotations

import os
import re

_NAMED = re.compile(r"token|secret|passw|credential|api_?key|access_?key|private_?key", re.IGNORECASE)
_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")
# what is shorter is no secret, but a word such as `true`, which texts have for other reasons
SHORTEST = 8


def redacted(text: str) -> str:
    """Return text with the values of environment variables that hold secrets replaced by `$NAME`.

    Who logs in by a URL becomes `***`.
    """
    named = ((name, value) for name, value in os.environ.items() if _NAMED.search(name))
    held = {value: name for name, value in named if len(value) >= SHORTEST}
    for value in sorted(held, key=len, reverse=True):
        text = text.replace(value, f"${held[value]}")
    return _IN_URL.sub("***", text)
