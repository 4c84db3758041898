"""How a submission ended, as the container returns it."""

from __future__ import annotations

import json
from typing import Literal

import attrs
import cattrs


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of a run.

    state: `out of time` where max_total is spent, `superseded` where another submission runs it.
    problems: what went wrong, a line each; exit_code: that of the command, as for a run here.
    """

    state: Literal["finished", "failed", "stopped", "out of time", "superseded"]
    problems: tuple[str, ...] = ()
    exit_code: int = 0

    def to_text(self) -> str:
        """Return it as JSON."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Outcome:
        """Read what `to_text` wrote."""
        return cattrs.structure(json.loads(text), cls)
