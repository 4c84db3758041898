"""What a figure was measured on; written beside it."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Mapping
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


def write_figures(file: Path, figures: Mapping[str, Any]) -> None:
    """Write figures as JSON, after what they were measured on."""
    file.write_text(json.dumps({**context(), **figures}, indent=1) + "\n", encoding="utf-8")
