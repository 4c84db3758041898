"""The studies among the runs: how far each has come."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import attrs

from mabe_core.errors import UserError
from mabe_core.runs.directory import all_ids
from mabe_core.runs.listing import local_rows
from mabe_core.runs.study import is_study, read_study


@attrs.frozen(kw_only=True)
class Summary:
    """A study: how many members it has, how many of them are in which state, and what they differ by."""

    id: str
    members: int = 0
    finished: int = 0
    running: int = 0
    failed: int = 0
    axes: list[str] = attrs.field(factory=list)
    failure: str = ""


def study_ids(runs_dir: Path) -> list[str]:
    """Return the ids of the studies of a folder, sorted."""
    return [each for each in all_ids(runs_dir) if is_study(runs_dir / each)]


def summaries(runs_dir: Path) -> list[Summary]:
    """Return a line a study; one whose file is damaged says so in `failure`."""
    states = {row.told["id"]: row.told["state"] for row in local_rows(runs_dir, whole=False)}
    found = []
    for study_id in study_ids(runs_dir):
        try:
            study = read_study(runs_dir / study_id)
        except UserError as error:
            found.append(Summary(id=study_id, failure=str(error)))
            continue
        count = Counter(states.get(member.id, "missing") for member in study.members)
        found.append(
            Summary(
                id=study_id,
                members=len(study.members),
                finished=count["finished"],
                running=count["running"],
                failed=count["failed"] + count["damaged"],
                axes=study.axes,
            )
        )
    return found
