"""The scores of a study's models together: each frame by the mean of those that it was held out from."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.errors import UserError
from mabe_core.exchange import ScoredFrames
from mabe_core.inference.evaluating import Evaluated
from mabe_core.inference.loading import load_chain
from mabe_core.inference.study_scores import MemberScores, metrics_of
from mabe_core.runs.scores import Stretch, read_frames, read_scores
from mabe_core.runs.settings import by_setting
from mabe_core.training.evaluation import Metrics, Scored, judged, pooled
from mabe_core.training.post_processing import decide

# recording, individuals, first frame, frame after the last
Place = tuple[str, tuple[str, ...], int, int]


@attrs.define(eq=False)
class _Sums:
    """One stretch and the sums over its models: of their probabilities, and of what is decided by."""

    stretch: Stretch
    truth: NDArray[np.int8]
    probability: NDArray[np.float64]
    decided_by: NDArray[np.float64]
    models: int = 0


def ensemble_scores(members: Sequence[MemberScores]) -> Evaluated | None:
    """Return the scores of the mean of a study's models, as `mabe predict` has it of all of them.

    A stretch of a recording that several models were scored on is scored by those; models that were trained
    on it have no say. Computed from the frames that runs keep, as float16. None where no stretch has two
    models, or where a run has kept no frames of this part.
    """
    sums: dict[Place, _Sums] = {}
    for member in members:
        if not _add(member, sums):
            return None
    if max(each.models for each in sums.values()) < 2:
        return None
    metrics = metrics_of(members[0])
    scored = [_scored(each, metrics) for each in sums.values()]
    models = sorted({each.models for each in sums.values()})
    told = " to ".join(map(str, dict.fromkeys((models[0], models[-1]))))
    return Evaluated(
        told=f"the mean of {told} models a recording",
        part=members[0].evaluated.part,
        notices=(),
        classes=members[0].evaluated.classes,
        scores=pooled(metrics, scored),
        stretches=tuple(each.stretch for each in scored),
    )


def setting_ensembles(members: Sequence[MemberScores]) -> list[Evaluated | None]:
    """Return of each setting the scores of the mean of its own models, in the study's order."""
    return [ensemble_scores(alike) for alike in by_setting(members, lambda member: member.settings)]


def _add(member: MemberScores, sums: dict[Place, _Sums]) -> bool:
    """Add one model's frames; tell whether its run has kept them."""
    run, part = member.source.run, member.evaluated.part
    try:
        scores = read_scores(run)
        frames = read_frames(run, scores)[part] if scores and part in scores.stretches else None
    except UserError:
        return False
    if scores is None or frames is None or scores.model != member.source.sha256:
        return False
    chain, _ = load_chain(member.source)
    for stretch, each in zip(scores.stretches[part], frames, strict=True):
        place = (stretch.recording, tuple(stretch.individuals), stretch.start, stretch.stop)
        probability = each.probability.astype(np.float32)
        if place not in sums:
            nothing = np.zeros(probability.shape)
            sums[place] = _Sums(stretch, each.truth, nothing, nothing.copy())
        sums[place].probability += probability
        sums[place].decided_by += chain(probability, stretch.fps)
        sums[place].models += 1
    return True


def _scored(sums: _Sums, metrics: Metrics) -> Scored:
    stretch = sums.stretch
    seen = ScoredFrames(
        stretch.recording,
        tuple(stretch.individuals),
        stretch.fps,
        sums.truth,
        (sums.probability / sums.models).astype(np.float32),
        decide(sums.decided_by / sums.models, exclusive=metrics.exclusive),
        stretch.groups,
    )
    return judged(seen, metrics, stretch.start, stretch.stop)
