"""Training in a container: within its limits of time, watched from outside, committed as it goes on."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable

from mabe_core.cloud.attempts import AttemptOver, Attempts, Ending
from mabe_core.cloud.claims import Claim, Claims
from mabe_core.cloud.outcome import Outcome
from mabe_core.cloud.reporting import Reporter
from mabe_core.cloud.request import CloudRequest
from mabe_core.cloud.signals import Progress
from mabe_core.errors import MabeError
from mabe_core.reports.console import console
from mabe_core.reports.log import RunLog
from mabe_core.reports.progress import ProgressDisplay
from mabe_core.runs.opening import OpenedRun
from mabe_core.training.events import Began, Event, Saved, Warned, together
from mabe_core.training.interruption import Interrupted, StopRequest

# an attempt saves and ends this long before its limit: a tenth of it, within these bounds, in seconds
MARGIN = (2.0, 60.0)


def margin(limit: float) -> float:
    """Return how long before its limit an attempt saves and ends, in seconds."""
    return min(max(limit / 10, MARGIN[0]), MARGIN[1])


def spent(request: CloudRequest, attempts: Attempts) -> Outcome | None:
    """Return how a submission ends that has no time, or no attempt, left; None where it has."""
    if attempts.crashes > request.cloud.retries:
        told = f"it crashed {attempts.crashes} times, and cloud.retries is {request.cloud.retries}"
        return Outcome(state="failed", problems=(told,), exit_code=1)
    left = request.cloud.total_seconds - attempts.seconds_before
    return out_of_time(request) if left <= margin(left) else None


def out_of_time(request: CloudRequest) -> Outcome:
    """Return how a submission ends that used up its time."""
    cloud = request.cloud
    told = (
        f"its {cloud.max_total or cloud.timeout} in the cloud, in at most {request.retries + 1} attempts of "
        f"{cloud.timeout}, are over before the run is. What was saved stays: the same command goes on from "
        "there; `cloud.timeout` and `cloud.max_total` give it more at once"
    )
    return Outcome(state="out of time", problems=(told,), exit_code=1)


class GuidedTraining:
    """One attempt at a run: its limits, who watches it, what is committed when."""

    def __init__(
        self,
        request: CloudRequest,
        opened: OpenedRun,
        attempts: Attempts,
        claims: Claims,
        claim: Claim,
        publish: Callable[[], None],
    ) -> None:
        from mabe_core.training.watching import watched

        self._request, self._opened, self._attempts, self._publish = request, opened, attempts, publish
        self._left = request.cloud.total_seconds - attempts.seconds_before
        limit = min(request.cloud.attempt_seconds, self._left)
        self._margin = margin(limit)
        self._stop = StopRequest(time.monotonic() + limit - attempts.seconds - self._margin)
        self._log = RunLog(opened)
        progress = Progress(request.token, attempts.number)
        self._reporter = Reporter(
            claims, claim, progress, self._stop, lambda message: self._tell(Warned(message))
        )
        self._tell = together(ProgressDisplay(console()), self._log, self._reporter)
        self._tell_watchers_too = watched(opened, self._tell)

    def run(self) -> tuple[Ending, Outcome]:
        """Train; return how it ended.

        Raises AttemptOver where another attempt should follow, KeyboardInterrupt where a signal said to stop.
        """
        from mabe_core.training.run import train

        if self._opened.aside is None:
            self._commit()  # so that this attempt counts, whatever becomes of it
        for note in self._opened.notes:
            self._tell(Warned(note))
        try:
            with self._reporter.working():
                train(self._opened, self._observe, self._stop, lent=self._request.cloud.gpus)
        except Interrupted as error:
            self._log.say(str(error))
            return self._interrupted()
        except MabeError as error:
            return self._failed(str(error), error.exit_code)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a fault of a component: told in full
            told = f"{type(error).__name__}: {error}"
            self._tell(Warned(traceback.format_exc()))
            if _of_the_machine(error):
                raise AttemptOver(told, "") from None
            return self._failed(f"{told}; `mabe logs {self._request.id}` has the traceback")
        self._log.flush()
        return "finished", Outcome(state="finished")

    def _interrupted(self) -> tuple[Ending, Outcome]:
        if self._reporter.superseded:
            told = f"another submission runs {self._request.id}"
            return "stopped", Outcome(state="superseded", problems=(told,), exit_code=1)
        if self._stop.signum is not None:
            raise KeyboardInterrupt
        if not self._stop.out_of_time:
            return "stopped", Outcome(state="stopped")
        enough = self._left - self._attempts.seconds > self._margin
        if enough and self._attempts.retried < self._request.retries:
            raise AttemptOver("the limit of one attempt is reached; the next one goes on", "time limit")
        return "time limit", out_of_time(self._request)

    def _failed(self, problems: str, exit_code: int = 1) -> tuple[Ending, Outcome]:
        lines = tuple(problems.splitlines())
        for line in lines:
            print(f"error: {line}", file=sys.stderr)
            self._log.say(f"error: {line}")
        return "failed", Outcome(state="failed", problems=lines, exit_code=exit_code)

    def _observe(self, event: Event) -> None:
        self._tell_watchers_too(event)
        if isinstance(event, Began | Saved):
            self._commit()

    def _commit(self) -> None:
        try:
            self._publish()
        except Exception as error:  # noqa: BLE001 - the next checkpoint is committed with this one
            told = f"{type(error).__name__}: {error}"
            self._tell(Warned(f"the volume could not be committed ({told}); training goes on"))


def _of_the_machine(error: BaseException) -> bool:
    """Tell whether a failure is the GPU's or the file system's, so that another machine may do better."""
    import torch

    return isinstance(error, OSError | torch.AcceleratorError)
