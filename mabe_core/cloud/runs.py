"""The runs of an account: those on the volume, and those that are going on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs

from mabe_core.cloud.claims import LAUNCH_PATIENCE, Claim, Claims
from mabe_core.cloud.service import Account, Files
from mabe_core.cloud.watching import outcome_of
from mabe_core.errors import UserError, did_you_mean
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.identity import EXPERIMENT_ID
from mabe_core.runs.record import DamagedRunError, Record, parse_record

# records are read this many at a time
TOGETHER = 16
# what is needed to show a run's results
SMALL_FILES = ("record.json", "metrics.jsonl", "best.json", "last.json", "scores.json")


@attrs.frozen(kw_only=True)
class CloudRun:
    """A run as the cloud knows it.

    record: what the volume says, none before the first commit. claim: the submission that counts.
    state: that of the record; without one `starting`, how the call ended, or `not begun`; or `damaged`.
    failure: why it failed where there is no record to tell.
    """

    id: str
    state: str
    record: Record | None
    claim: Claim | None
    failure: str = ""


def cloud_runs(account: Account, volume: str, ids: Sequence[str] | None = None) -> list[CloudRun]:
    """Return all runs, sorted by id, or those of these ids, in their order."""
    claims = Claims(account.store(volume))
    claimed = claims.all()
    files = account.files(volume)
    if ids is None:
        ids = sorted({*(volume_ids(files) if files else ()), *claimed})
    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(lambda run_id: _look(account, claims, files, run_id, claimed.get(run_id)), ids))


def volume_ids(files: Files) -> list[str]:
    """Return the ids of the runs on a volume."""
    names = (entry.path.rpartition("/")[2] for entry in files.list("runs") if entry.is_folder)
    return [name for name in names if EXPERIMENT_ID.fullmatch(name)]


def find_cloud_id(account: Account, volume: str, beginning: str) -> str:
    """Return the id of the run that begins so; raise UserError where none or several do."""
    files = account.files(volume)
    claims = Claims(account.store(volume)).all()
    ids = sorted({*(volume_ids(files) if files else ()), *claims})
    matching = [beginning] if beginning in ids else [each for each in ids if each.startswith(beginning)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UserError(f"{beginning!r} fits several runs: {', '.join(matching)}")
    raise UserError(f"no run on the volume {volume} is {beginning!r}.{did_you_mean(beginning, ids)}")


def read_cloud_record(files: Files, run_id: str) -> Record | None:
    """Return the record that the volume has of a run; None where there is none."""
    content = files.read(f"runs/{run_id}/record.json")
    return None if content is None else parse_record(RunDirectory(Path("/vol/runs", run_id)), content)


def read_cloud_experiments(files: Files, ids: Sequence[str]) -> dict[str, bytes | None]:
    """Return the experiment.yaml that the volume has of each run."""
    with ThreadPoolExecutor(TOGETHER) as pool:
        read = pool.map(lambda run_id: files.read(f"runs/{run_id}/experiment.yaml"), ids)
        return dict(zip(ids, read, strict=True))


def fetch_small(files: Files, run_id: str, folder: Path) -> RunDirectory:
    """Bring what is needed to show a run's results into a folder."""
    run = RunDirectory(folder / run_id)
    run.path.mkdir(parents=True)
    for name in SMALL_FILES:
        content = files.read(f"runs/{run_id}/{name}")
        if content is not None:
            (run.path / name).write_bytes(content)
    return run


def _look(
    account: Account, claims: Claims, files: Files | None, run_id: str, claim: Claim | None
) -> CloudRun:
    try:
        record = read_cloud_record(files, run_id) if files else None
    except DamagedRunError:
        return CloudRun(id=run_id, state="damaged", record=None, claim=claim)
    started = claim is not None and claim.started is not None
    call = account.state(claim.call, 0) if claim is not None and started else None
    launching = claim is not None and not started and time.time() - claim.renewed < LAUNCH_PATIENCE
    failure = ""
    if launching or (call is not None and call.state == "running"):
        state = "running" if record and record.state == "running" else "starting"
    elif record is not None:
        # a record that says `running` and that no call writes was interrupted
        state = "interrupted" if record.state == "running" else record.state
    elif call is not None and call.state in ("returned", "failed"):
        outcome = outcome_of(call, claim is not None and claims.asked_to_stop(claim))
        state, failure = outcome.state, "\n".join(outcome.problems)
    else:
        state = "not begun"
    return CloudRun(id=run_id, state=state, record=record, claim=claim, failure=failure)
