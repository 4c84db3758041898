"""How the scores of a study's members spread that differ from a run by seed or fold only."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path

import attrs

from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.scores import read_scores
from mabe_core.runs.studies import study_ids
from mabe_core.runs.study import Member, Study, read_study

# the axes that scores are spread over, by the last word of their key
SPREAD_OVER = ("seed", "fold")


@attrs.frozen
class Spread:
    """The scores of a study's members; values: by metric, one a member that has them."""

    study: str
    members: int
    values: Mapping[str, list[float]]

    def told(self, metric: str) -> str:
        """Return mean and sample standard deviation of one metric."""
        values = self.values.get(metric, [])
        if len(values) < 2:
            return ""
        return f"{statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f}"


def spread(runs_dir: Path, run_id: str, part: str) -> Spread | None:
    """Return the spread over seeds and folds around a run, on one part; None where no study has it."""
    for study_id in study_ids(runs_dir):
        study = read_study(runs_dir / study_id)
        own = next((member for member in study.members if member.id == run_id), None)
        if own is not None:
            return _around(study, own, runs_dir, part)
    return None


def _around(study: Study, own: Member, runs_dir: Path, part: str) -> Spread | None:
    values: dict[str, list[float]] = {}
    members = 0
    for member in study.members:
        if _fixed(member) != _fixed(own):
            continue
        scores = read_scores(RunDirectory(runs_dir / member.id))
        if scores is None or part not in scores.pooled:
            continue
        members += 1
        for name, score in scores.pooled[part].items():
            values.setdefault(name, []).append(score)
    return Spread(study.id, members, values) if members > 1 else None


def _fixed(member: Member) -> dict[str, object]:
    return {key: value for key, value in member.settings.items() if key.rpartition(".")[2] not in SPREAD_OVER}
