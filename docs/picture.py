"""Draws docs/run.svg, the README's picture: what the quickstart prints, run anew (about a minute).

python -m docs.picture
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).parent
EXPERIMENT = DOCS.parent / "experiments" / "quickstart.yaml"


def main() -> None:
    """Run the quickstart in an empty folder and draw its output."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mabe_core.cli", "run", str(EXPERIMENT)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    screen = Console(record=True, width=124, file=io.StringIO())
    screen.print(Text("$ mabe-run experiments/quickstart.yaml", style="bold"))
    for line in done.stdout.splitlines():
        best = line.startswith("epoch") and " * " in line
        screen.print(Text(line.rstrip(), style="green" if best else ""))
    screen.save_svg(str(DOCS / "run.svg"), title="mabe-run")


if __name__ == "__main__":
    main()
