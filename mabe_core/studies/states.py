"""How the members of a study stand in the folder of runs, and whether their data is still the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import attrs

from mabe_core.configs.fields import plain
from mabe_core.data.fingerprint import fingerprint
from mabe_core.errors import Problem, UserError
from mabe_core.exchange import DataAccess
from mabe_core.runs.changes import data_changes
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.record import DamagedRunError, Record, read_record
from mabe_core.studies.expansion import MemberExperiment


@attrs.frozen
class MemberState:
    """How a member stands: new, running, interrupted, failed, finished or damaged; in the cloud as it says.

    record: none where it was not begun, or is damaged.
    """

    state: str
    record: Record | None


def state_of(run: RunDirectory) -> MemberState:
    """Return how a run stands: one whose record says `running` and that nobody holds was interrupted."""
    try:
        record = read_record(run)
    except DamagedRunError:
        return MemberState("damaged", None)
    if run.is_held():
        return MemberState("running", record)
    if record is None:
        return MemberState("new", None)
    return MemberState("interrupted" if record.state == "running" else record.state, record)


def check_data(
    members: Sequence[MemberExperiment], runs_dir: Path, access: DataAccess, *, compare: bool
) -> None:
    """Raise UserError where data is not to be found, or a member was run on other data than there is now.

    compare: whether members that were run count, or are run anew.
    """
    found: dict[str, dict[str, str]] = {}
    other: dict[str, list[str]] = {}
    for member in members:
        dataset = member.experiment.data.dataset
        key = json.dumps(plain(dataset), sort_keys=True)
        if key not in found:
            found[key] = fingerprint(dataset, access)
        record = state_of(RunDirectory(runs_dir / member.id)).record if compare else None
        changed = data_changes(record.data, found[key]) if record else []
        if changed:
            other.setdefault(", ".join(changed), []).append(member.id)
    if other:
        raise UserError(
            Problem(
                f"run on other data ({changed}): {', '.join(ids)}. `--fresh` trains all again and moves the "
                "old runs aside"
            )
            for changed, ids in other.items()
        )
