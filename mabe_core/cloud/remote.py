"""What runs in a container: one attempt at an experiment, kept on a volume."""

from __future__ import annotations

import contextlib
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import attrs

from mabe_core.cloud.attempts import FILE as ATTEMPTS
from mabe_core.cloud.attempts import Attempts, Ended, attempt
from mabe_core.cloud.claims import Claim, Claims
from mabe_core.cloud.manifest import write_manifest
from mabe_core.cloud.outcome import Outcome
from mabe_core.cloud.reporting import Reporter
from mabe_core.cloud.request import CloudRequest
from mabe_core.cloud.service import Store
from mabe_core.cloud.signals import Progress
from mabe_core.discovery import load_plugins
from mabe_core.errors import MabeError, UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment import read_text, resolve
from mabe_core.reports.console import console
from mabe_core.reports.log import RunLog
from mabe_core.reports.progress import ProgressDisplay
from mabe_core.runs.identity import experiment_id
from mabe_core.runs.opening import OpenedRun, open_run
from mabe_core.training.events import Began, Event, Saved, Warned
from mabe_core.training.interruption import Interrupted, StopRequest

# an attempt saves and ends this long before its limit: a tenth of it, within these bounds, in seconds
MARGIN = (2.0, 60.0)


class AttemptOver(RuntimeError):
    """The attempt has to end and another should follow: raised, so that the cloud tries again."""


@attrs.frozen(eq=False)
class Container:
    """Where an attempt runs. commit: publishes what was written to the volume; call, app: what this is."""

    volume: Path
    commit: Callable[[], None]
    store: Store
    call: str
    app: str


def run_request(request: CloudRequest, container: Container) -> Outcome:
    """Run one attempt until the experiment is finished, fails, or is stopped; return how it ended.

    Raises AttemptOver where another attempt should follow, KeyboardInterrupt where the machine is taken away
    (so does whatever else the cloud raises in it); what was trained is saved and committed before.
    """
    claims = Claims(container.store)
    claim = claims.current(request.id)
    if claim is None or claim.token != request.token:
        return Outcome(state="superseded", problems=(f"another submission runs {request.id}",), exit_code=1)
    if claim.started is None:  # whoever launched it was ended before it could write that down
        claim = claims.save(attrs.evolve(claim, call=container.call, app=container.app))
    this = attempt(request.token, container.call, container.app, request.cloud.gpu)
    attempts = Attempts(container.volume / "runs" / request.id / ATTEMPTS, this)
    try:
        opened = _open(request, container, fresh=request.fresh and attempts.first_of_submission)
        return _Attempt(request, container, claims, claim, opened, attempts).run()
    except MabeError as error:
        return Outcome(state="failed", problems=tuple(str(error).splitlines()), exit_code=error.exit_code)


def _open(request: CloudRequest, container: Container, *, fresh: bool) -> OpenedRun:
    """Resolve the experiment as it was resolved where it was sent, and open its run on the volume."""
    folder = Path(tempfile.mkdtemp(prefix="mabe-request-"))
    (folder / "plugins").mkdir()
    for name, text in request.plugin_files.items():
        (folder / "plugins" / name).write_bytes(text.encode(errors="surrogateescape"))
    document = read_text(request.experiment, "experiment.yaml", folder=folder)
    registry = load_plugins(document.plugin_files, [plugin.origin() for plugin in request.plugins])
    experiment = resolve(document, registry)
    found = experiment_id(experiment, registry)
    if found != request.id:
        raise UserError(
            f"the experiment is {request.id} where it was sent and {found} in the container: a plugin has "
            "another version there, or reads something that is not sent"
        )
    access = DataAccess(
        (container.volume / "data",), remedy="`mabe data push DIR NAME` brings a folder there"
    )
    opened = open_run(experiment, registry, container.volume / "runs", access, fresh=fresh, locked=False)
    opened.laid_out.git = request.git
    return opened


class _Attempt:
    """One attempt: its limits, who watches it, what is committed when."""

    def __init__(
        self,
        request: CloudRequest,
        container: Container,
        claims: Claims,
        claim: Claim,
        opened: OpenedRun,
        attempts: Attempts,
    ) -> None:
        self._request, self._container, self._opened = request, container, opened
        self._attempts = attempts
        if opened.aside is not None:
            self._attempts.begin_anew()
        self._left = request.cloud.total_seconds - self._attempts.seconds_before
        limit = min(request.cloud.attempt_seconds, self._left)
        self._margin = min(max(limit / 10, MARGIN[0]), MARGIN[1])
        self._stop = StopRequest(time.monotonic() + limit - self._margin)
        self._log = RunLog(opened)
        self._screen = ProgressDisplay(console())
        progress = Progress(request.token, self._attempts.number)
        self._reporter = Reporter(claims, claim, progress, self._stop, self._say)

    def run(self) -> Outcome:
        """Train; return how it ended, or raise what makes the cloud try again."""
        from mabe_core.training.run import train

        crashes, allowed = self._attempts.crashes, self._request.cloud.retries
        if crashes > allowed:
            return self._failed([f"it crashed {crashes} times (cloud.retries is {allowed})"])
        if self._left <= self._margin:
            return self._over("time limit", self._out_of_time())
        for note in self._opened.notes:
            self._observe(Warned(note))
        try:
            with self._reporter.working():
                train(self._opened, self._observe, self._stop)
        except Interrupted as error:
            self._log.say(str(error))
            return self._interrupted()
        except MabeError as error:
            return self._failed(str(error).splitlines(), error.exit_code)
        except Exception as error:  # noqa: BLE001 - a fault of a component, or of this program: told in full
            self._say(traceback.format_exc())
            if _of_the_machine(error):
                self._end("")
                raise AttemptOver(f"{type(error).__name__}: {error}") from None
            return self._failed([f"{type(error).__name__}: {error}; `mabe logs {self._request.id}` has more"])
        except KeyboardInterrupt:
            self._end("preempted")
            raise
        except BaseException:  # the cloud's own way to end an attempt; it has to see it
            self._end("time limit" if self._stop.out_of_time else "stopped")
            raise
        return self._over("finished", Outcome(state="finished"))

    def _interrupted(self) -> Outcome:
        if self._reporter.superseded:
            told = f"another submission runs {self._request.id}"
            return self._over("stopped", Outcome(state="superseded", problems=(told,), exit_code=1))
        if self._stop.signum is not None:
            self._end("preempted")
            raise KeyboardInterrupt
        if self._stop.out_of_time:
            self._end("time limit")
            if self._left - self._attempts.seconds <= self._margin:
                return self._out_of_time()
            raise AttemptOver("the limit of one attempt is reached; the next one goes on")
        return self._over("stopped", Outcome(state="stopped"))

    def _out_of_time(self) -> Outcome:
        cloud = self._request.cloud
        told = (
            f"{cloud.max_total or cloud.timeout} in the cloud are over before the run is; what was trained "
            "is saved. The same command goes on from there; `cloud.max_total` gives it more at once"
        )
        return Outcome(state="out of time", problems=(told,), exit_code=1)

    def _failed(self, problems: list[str], exit_code: int = 1) -> Outcome:
        for line in problems:
            self._log.say(f"error: {line}")
        return self._over("failed", Outcome(state="failed", problems=tuple(problems), exit_code=exit_code))

    def _over(self, ended: Ended, outcome: Outcome) -> Outcome:
        self._end(ended)
        return outcome

    def _observe(self, event: Event) -> None:
        self._screen(event)
        self._log(event)
        self._reporter(event)
        if isinstance(event, Began | Saved):
            try:
                self._publish()
            except Exception as error:  # noqa: BLE001 - the next checkpoint is committed with this one
                self._say(f"the volume could not be committed ({type(error).__name__}: {error})")

    def _publish(self, ended: Ended = "") -> None:
        """Make what is in the run directory last: nothing that is not committed does."""
        if self._opened.kept:
            self._attempts.save(ended)
            write_manifest(self._opened.run)
        self._container.commit()

    def _end(self, ended: Ended) -> None:
        self._log.flush()
        self._publish(ended)

    def _say(self, message: str) -> None:
        event = Warned(message)
        self._screen(event)
        with contextlib.suppress(OSError):
            self._log(event)


def _of_the_machine(error: Exception) -> bool:
    """Tell whether a failure is the GPU's or the file system's, so that another machine may do better."""
    import torch

    return isinstance(error, OSError | torch.AcceleratorError)
