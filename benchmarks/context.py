"""What a figure was measured on; written beside it."""

from __future__ import annotations

import platform
import shlex
import sys
from pathlib import Path
from typing import Any

import torch

from mabe_core.runs.record import git_revision, software


def context() -> dict[str, Any]:
    """Return command, machine, versions and commit."""
    processor = f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "command": shlex.join(
            ["python", "-m", f"{Path(sys.argv[0]).parent.name}.{Path(sys.argv[0]).stem}", *sys.argv[1:]]
        ),
        "machine": f"{gpu}, {processor}" if gpu else processor,
        "software": software(),
        "git": git_revision(Path(__file__).parent),
    }
