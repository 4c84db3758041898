"""How the scores of a study's members spread that differ from a run by seed or fold only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.scores import read_scores
from mabe_core.runs.settings import setting_of
from mabe_core.runs.spread import Spread
from mabe_core.runs.studies import study_ids
from mabe_core.runs.study import Member, Study, read_study


@attrs.frozen
class StudySpread:
    """The scores of a study's members; scores: by metric, over the members that have them."""

    study: str
    members: int
    scores: Mapping[str, Spread]

    def told(self, metric: str) -> str:
        """Return mean and sample standard deviation of one metric, where two have it."""
        spread = self.scores.get(metric)
        return "" if spread is None or spread.n < 2 else str(spread)


def spread(runs_dir: Path, run_id: str, part: str) -> StudySpread | None:
    """Return the spread over seeds and folds around a run, on one part; None where no study has it."""
    for study_id in study_ids(runs_dir):
        study = read_study(runs_dir / study_id)
        own = next((member for member in study.members if member.id == run_id), None)
        if own is not None:
            return _around(study, own, runs_dir, part)
    return None


def _around(study: Study, own: Member, runs_dir: Path, part: str) -> StudySpread | None:
    alike = [member for member in study.members if setting_of(member.settings) == setting_of(own.settings)]
    read = [read_scores(RunDirectory(runs_dir / member.id)) for member in alike]
    pooled = [scores.pooled[part] for scores in read if scores is not None and part in scores.pooled]
    names = dict.fromkeys(name for each in pooled for name in each)
    found = {name: Spread.of(each.get(name) for each in pooled) for name in names}
    known = {name: those for name, those in found.items() if those is not None}
    return StudySpread(study.id, len(pooled), known) if len(pooled) > 1 else None
