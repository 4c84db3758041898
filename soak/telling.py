"""What every soak prints and writes: its figures, and what they were taken on."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.context import write_figures

FAULTS = "faults"


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that all soaks have."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seed", type=int, default=1, help="what every random choice is drawn from")
    made.add_argument("--folder", type=Path, help="where to write; by default where TMPDIR says")
    made.add_argument("--json", type=Path, help="write the figures to this file")
    return made


def tell(figures: dict[str, Any], began: float, file: Path | None) -> None:
    """Print figures and write them; exit with 1 where `faults` has any, after printing these."""
    figures = {**figures, "seconds": round(time.monotonic() - began, 1)}
    faults = figures[FAULTS]
    for name, value in figures.items():
        print(f"{name:32} {len(faults) if name == FAULTS else value}", flush=True)
    for fault in faults[:20]:
        print(f"FAULT: {fault}", flush=True)
    if file is not None:
        write_figures(file, figures)
    sys.exit(1 if faults else 0)
