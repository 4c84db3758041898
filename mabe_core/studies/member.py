"""One member of a study in a process of its own: told what to run on standard input, telling events as JSON.

The first line of standard input is the order. Its end, which also comes when whoever gave the order is gone,
however that one ended, asks to save and stop.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import IO, Any

import attrs

from mabe_core.orders import read_order

# what the last line is called, which tells how it ended
OUTCOME = "Outcome"


@attrs.frozen(kw_only=True)
class Order:
    """What a member's process is to run: an experiment as text, and where everything is."""

    id: str
    text: str
    folder: str
    plugin_files: list[str]
    runs_dir: str
    data_folders: list[str]
    fresh: bool


def main() -> int:
    """Run the order; return 0 however that ends, since the last line says so."""
    # what a plugin prints must not come between the lines: it goes where errors go
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from mabe_core.training.interruption import StopRequest

    stop = StopRequest()
    order = Order(**read_order(stop.ask))
    _Member(order, channel, stop).run()
    return 0


class _Member:
    def __init__(self, order: Order, channel: IO[str], stop: Any) -> None:
        self._order, self._channel, self._stop = order, channel, stop

    def run(self) -> None:
        from mabe_core.cloud.outcome import Outcome
        from mabe_core.errors import MabeError
        from mabe_core.redaction import redacted
        from mabe_core.runs.holding import HeldError
        from mabe_core.training.interruption import Interrupted

        try:
            self._train()
        except HeldError as error:
            outcome = Outcome(state="superseded", problems=(str(error),), exit_code=1)
        except Interrupted:
            outcome = Outcome(state="stopped")
        except MabeError as error:
            outcome = Outcome(
                state="failed", problems=tuple(str(error).splitlines()), exit_code=error.exit_code
            )
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a fault of a component: told in full
            sys.stderr.write(redacted(traceback.format_exc()))
            told = redacted(f"{type(error).__name__}: {error}")
            outcome = Outcome(state="failed", problems=(told,), exit_code=1)
        else:
            outcome = Outcome(state="finished")
        self._send(OUTCOME, attrs.asdict(outcome))

    def _train(self) -> None:
        from mabe_core.cloud.signals import to_plain
        from mabe_core.errors import UserError
        from mabe_core.exchange import DataAccess
        from mabe_core.experiment import read_text, resolve
        from mabe_core.experiment.plugins import plugins_of
        from mabe_core.reports.log import RunLog
        from mabe_core.runs.identity import experiment_id
        from mabe_core.runs.opening import open_run
        from mabe_core.runs.watchers import check_installed
        from mabe_core.training.events import Event, Warned, together
        from mabe_core.training.run import train
        from mabe_core.training.watching import watched

        order = self._order
        document = read_text(order.text, order.id, folder=Path(order.folder))
        registry = plugins_of(document, tuple(map(Path, order.plugin_files)))
        experiment = resolve(document, registry)
        found = experiment_id(experiment, registry)
        if found != order.id:
            raise UserError(
                f"it is {found} by now: a plugin file was edited while the study runs. Run the study again"
            )

        def send(event: Event) -> None:
            self._send(*to_plain(event))

        access = DataAccess(tuple(map(Path, order.data_folders)))
        opened = open_run(experiment, registry, Path(order.runs_dir), access, fresh=order.fresh)
        for note in opened.notes:
            send(Warned(note))
        check_installed(experiment, opened.watchers)
        train(opened, watched(opened, together(send, RunLog(opened))), self._stop)

    def _send(self, name: str, values: dict[str, Any]) -> None:
        try:
            self._channel.write(json.dumps([name, values]) + "\n")
            self._channel.flush()
        except BrokenPipeError:  # nobody is there any more
            self._stop.ask()


if __name__ == "__main__":
    sys.exit(main())
