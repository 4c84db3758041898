"""JSON that tells when it was changed: its last line holds the SHA-256 of everything before it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_SEALED = re.compile(rb'(.*),\n "seal": "([0-9a-f]{64})"\n}\n', re.DOTALL)


def seal(value: Mapping[str, Any], default: Callable[[Any], Any] | None = None) -> bytes:
    """Return a map that is not empty as JSON, one key more in it; `default` as for json.dumps."""
    body = json.dumps(value, indent=1, default=default).removesuffix("\n}").encode()
    return body + f',\n "seal": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()


def is_sealed(content: bytes) -> bool:
    """Tell whether it is whole: no byte of it can change unnoticed."""
    found = _SEALED.fullmatch(content)
    return found is not None and hashlib.sha256(found[1]).hexdigest().encode() == found[2]
