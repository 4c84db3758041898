"""A view that is drawn again and again: in a terminal over itself, elsewhere as lines of what is new."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import TracebackType

import attrs
from rich.console import Console, RenderableType
from rich.live import Live


@attrs.frozen(eq=False)
class Picture:
    """What is to be seen now.

    view: draws it for a terminal so many columns wide. lines: what is said elsewhere, each with a key; a
    line is said when the key is new. over: nothing more seems to happen, which is waited for so many seconds
    of patience. good: it came to the end that was meant.
    """

    view: Callable[[int], RenderableType]
    lines: tuple[tuple[Hashable, str], ...]
    over: bool
    good: bool
    patience: float = 0.0


class Screen:
    """Draws pictures; a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[Hashable] = set()
        self._live: Live | None = None
        if console.is_terminal:
            # drawn by hand: a thread of its own would draw what is being changed
            self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def draw(self, picture: Picture) -> None:
        """Show a picture instead of the last one."""
        if self._live is not None:
            self._live.update(picture.view(self._console.width), refresh=True)
            return
        for key, line in picture.lines:
            if key not in self._told:
                self._told.add(key)
                self._console.print(line, soft_wrap=True)
