"""`log.txt` in a run directory: what a run told, as a terminal without colours would show it."""

from __future__ import annotations

import io

from mabe_core.redaction import redacted
from mabe_core.reports.console import written
from mabe_core.reports.progress import ProgressDisplay
from mabe_core.runs.opening import OpenedRun
from mabe_core.training.events import Event


class RunLog:
    """Adds each event to the log; what comes before the run directory is kept is held back until it is."""

    def __init__(self, opened: OpenedRun) -> None:
        self._opened = opened
        self._text = io.StringIO()
        self._display = ProgressDisplay(written(self._text))

    def __call__(self, event: Event) -> None:
        self._display(event)
        self.flush()

    def say(self, line: str) -> None:
        """Add a line."""
        self._text.write(f"{line}\n")
        self.flush()

    def flush(self) -> None:
        """Write what is held back, if there is a run directory to write it to."""
        text = self._text.getvalue()
        if text and self._opened.kept:
            with self._opened.run.log.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(redacted(text))
            self._text.seek(0)
            self._text.truncate()
