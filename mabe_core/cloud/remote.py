"""What runs in a container: one attempt at an experiment, kept on a volume."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from mabe_core.cloud.attempts import FILE as ATTEMPTS
from mabe_core.cloud.attempts import AttemptOver, Attempts, Ending
from mabe_core.cloud.claims import Claims
from mabe_core.cloud.guided import GuidedTraining, spent
from mabe_core.cloud.manifest import write_manifest
from mabe_core.cloud.outcome import Outcome
from mabe_core.cloud.request import CloudRequest
from mabe_core.cloud.service import Store
from mabe_core.errors import MabeError
from mabe_core.exchange import DataAccess
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.opening import OpenedRun, open_run


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

    Raises AttemptOver where another attempt should follow, KeyboardInterrupt where the machine is taken away,
    and whatever else the cloud raises in it; what was trained is saved and committed before.
    """
    claims = Claims(container.store)
    claim = claims.current(request.id)
    if claim is None or claim.token != request.token:
        return Outcome(state="superseded", problems=(f"another submission runs {request.id}",), exit_code=1)
    if claim.started is None:  # whoever launched it was ended before it could write that down
        claim = claims.save(attrs.evolve(claim, call=container.call, app=container.app))
    if claims.asked_to_stop(claim):
        return Outcome(state="stopped")
    run = RunDirectory(container.volume / "runs" / request.id)
    attempts = Attempts(container.store, request, container.call, run.path / ATTEMPTS)

    def publish(ended: Ending = "") -> None:
        """Make what is in the run directory last: nothing that is not committed does."""
        attempts.save(ended)
        if run.record.exists():
            attempts.tell()
            write_manifest(run)
        container.commit()

    ended: Ending = "failed"
    outside = False
    try:
        over = spent(request, attempts)
        if over is not None:
            ended = "time limit"
            return over
        opened = _open(request, container, fresh=request.fresh and attempts.is_first)
        ended, outcome = GuidedTraining(request, opened, attempts, claims, claim, publish).run()
        return outcome
    except MabeError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return Outcome(state="failed", problems=tuple(str(error).splitlines()), exit_code=error.exit_code)
    except AttemptOver as error:
        ended = error.ended
        raise
    except KeyboardInterrupt:
        ended, outside = "preempted", True
        raise
    except Exception as error:
        ended = "failed"
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
    except BaseException:  # the cloud's own way to end an attempt
        limit = attempts.seconds >= request.cloud.attempt_seconds - 1
        ended, outside = "time limit" if limit else "stopped", True
        raise
    finally:
        _publish_last(publish, ended, outside=outside)


def _publish_last(publish: Callable[[Ending], None], ended: Ending, *, outside: bool) -> None:
    """Publish how an attempt ended, with patience.

    Raises AttemptOver where that fails, so that another attempt makes up for it; unless it ends from
    `outside`, when another follows anyway and nothing may stand in the way of what ends it.
    """
    for pause in (0.5, 1.0, 2.0, 4.0, None):
        try:
            publish(ended)
            return
        except Exception as error:
            told = f"the volume could not be committed ({type(error).__name__}: {error})"
            print(told, file=sys.stderr)
            if pause is None:
                if outside:
                    return
                raise AttemptOver(told, "failed") from error
            time.sleep(pause)


def _open(request: CloudRequest, container: Container, *, fresh: bool) -> OpenedRun:
    """Resolve the experiment as it was resolved where it was sent, and open its run on the volume."""
    experiment, registry = request.sent.read()
    access = DataAccess(
        (container.volume / "data",), remedy="`mabe data push DIR NAME` brings a folder there"
    )
    opened = open_run(experiment, registry, container.volume / "runs", access, fresh=fresh, locked=False)
    opened.laid_out.git = request.git
    return opened
