"""How a process is told what to do by whoever started it: one line of JSON, then until when.

The end of standard input also comes when whoever started it is gone, however that one ended.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any


def read_order(over: Callable[[], None]) -> dict[str, Any]:
    """Return what the first line of standard input says; `over` is called, in a thread, once that ends."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)  # a buffered reader would be in the listener's way
        if not piece:
            sys.exit("the order was cut off")
        line += piece

    def listen() -> None:
        while os.read(0, 1024):
            pass
        over()

    threading.Thread(target=listen, daemon=True).start()
    order: dict[str, Any] = json.loads(line)
    return order
