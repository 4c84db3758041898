"""Runs the kit's scripts, each in a process of its own, with whatever a plugin does to a process in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WATCH_IMPORTS = Path(__file__).with_name("watch_imports.py")
VALUES_ELSEWHERE = Path(__file__).with_name("values_elsewhere.py")


class EndedError(Exception):
    """A script's process ended before it had an answer; the message says how."""


def answer_of(script: Path, request: Any, **environment: str) -> Any:
    """Run a script with a request, plain values; return its answer, which is not what it prints.

    Raises EndedError where its process ends without one.
    """
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        done = subprocess.run(
            [sys.executable, "-P", str(script), json.dumps(request), str(answer)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "PYTHONPATH": path, **environment},
        )
        if answer.exists():
            return json.loads(answer.read_bytes())
    last = "".join(f": {line}" for line in done.stderr.strip().splitlines()[-1:])
    raise EndedError(f"exit status {done.returncode}{last}")
