"""The final scores: post-processing is fitted, and the best checkpoint scored on what was held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mabe_core.data.windows import WindowShape
from mabe_core.errors import RunError
from mabe_core.exchange import Dataset, LabelledFrames, Partition, Role, Segment
from mabe_core.experiment import Experiment
from mabe_core.runs.checkpoints import (
    MODEL,
    Checkpoint,
    DamagedCheckpointError,
    read_checkpoint,
    read_pointer,
)
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.post_processing import write_post_processing
from mabe_core.runs.scores import Scores, write_scores
from mabe_core.training.evaluation import Metrics, infer, pooled, score
from mabe_core.training.events import Observer, Scoring
from mabe_core.training.post_processing import decide, fit_chain
from mabe_core.training.scoring import Check, Scorer
from mabe_core.training.state import generators, restore_generators

HELD_OUT: tuple[Role, ...] = ("validation", "test")


def best_checkpoint(run: RunDirectory) -> Checkpoint:
    """Return the best checkpoint, verified; raise RunError that says what to do where it is damaged."""
    pointer = read_pointer(run.best)
    if pointer is None:
        raise RunError(
            f"{run.best} is missing or damaged; `--fresh` trains again and moves the old run aside"
        )
    try:
        return read_checkpoint(run.checkpoints / pointer["checkpoint"])
    except DamagedCheckpointError as error:
        raise RunError(
            f"the best checkpoint cannot be used: {error}. `--fresh` trains again and moves the old run aside"
        ) from error


def score_held_out(
    run: RunDirectory,
    experiment: Experiment,
    checkpoint: Checkpoint,
    scorer: Scorer,
    dataset: Dataset,
    partition: Partition,
    *,
    notice: str,
    observe: Observer,
    check: Check,
) -> Scores:
    """Fit post-processing on the validation part, score that and the test part, and write what was found.

    scorer: with the model of the checkpoint. `check` as for Scorer.probabilities. Generators of random
    numbers are left as they were.
    """
    parts = {role: partition.of(role) for role in HELD_OUT if partition.of(role)}
    observe(Scoring(checkpoint.name, {role: len(segments) for role, segments in parts.items()}))
    metrics = Metrics.build(experiment, scorer.shape)
    model = checkpoint.state["sha256"][MODEL]
    before = generators(scorer.device)
    inferred = {role: infer(scorer, dataset, segments, check) for role, segments in parts.items()}
    fitted, chain = fit_chain(
        experiment.post_processing,
        scorer.shape,
        [
            each.frames(decide(each.probability, exclusive=dataset.exclusive))
            for each in inferred["validation"]
        ],
        _training_labels(dataset, partition),
        model,
    )
    found = {role: score(each, metrics, chain) for role, each in inferred.items()}
    restore_generators(before, scorer.device)
    if fitted.steps:
        write_post_processing(run.path, fitted)
    short = _short(parts, WindowShape(scorer.data.sequence_length, scorer.data.frame_gap))
    return write_scores(
        run,
        Scores(
            checkpoint=checkpoint.name,
            model=model,
            classes=list(dataset.classes),
            held_out=list(parts)[-1],
            notice=" ".join(told for told in (notice, short, _same(experiment, parts)) if told),
            pooled={role: pooled(metrics, scored) for role, scored in found.items()},
            stretches={role: tuple(each.stretch for each in scored) for role, scored in found.items()},
            frames="",
        ),
        {role: [each.frames for each in scored] for role, scored in found.items()},
    )


def _training_labels(dataset: Dataset, partition: Partition) -> Iterator[LabelledFrames]:
    for segment in partition.of("train"):
        recording = dataset.recordings[segment.recording]
        for view in recording.views:
            yield LabelledFrames(float(recording.fps), view.labels[segment.start : segment.stop])


def _same(experiment: Experiment, parts: Mapping[Role, Sequence[Segment]]) -> str:
    """Tell where scores are of recordings that something was fitted on."""
    learned = [each.name for each in experiment.post_processing if each.spec and each.spec.fit]
    if not learned or "test" in parts:
        return ""
    return f"Post-processing ({', '.join(learned)}) was fitted on the recordings that these scores are of."


def _short(parts: Mapping[Role, Sequence[Segment]], window: WindowShape) -> str:
    frames = [segment.stop - segment.start for segments in parts.values() for segment in segments]
    padded = sum(length for length in frames if length < window.span)
    if not padded:
        return ""
    return f"{padded} frames lie in stretches shorter than a window, scored as if the last one stood still."
