"""How many times slower than when idle this machine is just now, by the start of Python with some modules."""

from __future__ import annotations

import resource
import subprocess
import sys

# processor seconds of that start on the machine on which the marks were set, when it did nothing else
WHEN_IDLE = 0.08
MODULES = "import asyncio, email.message, http.server, unittest, xml.dom.minidom"


def slowness() -> float:
    """Return the factor, at least 1, that limits of processor time are to be widened by."""
    return max(min(_seconds() for _ in range(3)) / WHEN_IDLE, 1.0)


def processor_seconds() -> float:
    """Return what processes that were started here, and are over, took of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _seconds() -> float:
    before = processor_seconds()
    subprocess.run([sys.executable, "-c", MODULES], check=True)
    return processor_seconds() - before
