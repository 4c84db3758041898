"""Takes docs/report.png: a part of the quickstart's report, run anew (about a minute), in Chromium.

python -m docs.report_picture
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.pages.browser import browser

DOCS = Path(__file__).parent
EXPERIMENT = DOCS.parent / "experiments" / "quickstart.yaml"


def main() -> None:
    """Run the quickstart in an empty folder and take a picture of its report."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for words in (("run", str(EXPERIMENT)), ("report", "quickstart", "-o", "report.html")):
            subprocess.run([sys.executable, "-m", "mabe_core.cli", *words], cwd=folder, check=True)
        with browser(folder / "profile") as tab:
            tab.open(folder / "report.html", width=1100)
            tab.picture(DOCS / "report.png", first="#classes", last="#ethograms")


if __name__ == "__main__":
    main()
