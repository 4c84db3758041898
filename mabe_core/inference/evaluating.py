"""The scores of a trained model on recordings with labels: its own held-out ones, or others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from mabe_core.data.fingerprint import fingerprint, partition_fingerprint
from mabe_core.errors import UserError, did_you_mean
from mabe_core.exchange import DataAccess, Dataset, Partition, Role, Segment
from mabe_core.experiment import Experiment
from mabe_core.inference.loading import load_member
from mabe_core.inference.member import Member
from mabe_core.inference.other_data import of_the_models_kind, overlap
from mabe_core.models.building import read_experiment
from mabe_core.models.entry import FILE as ENTRY
from mabe_core.models.finding import ModelSource
from mabe_core.runs.changes import check_partition_is_as_before, data_changes
from mabe_core.runs.model_input import ModelInput, model_input, read_model_input
from mabe_core.runs.record import read_record
from mabe_core.runs.scores import Stretch, read_scores
from mabe_core.training.evaluation import Metrics, Scored, pooled, score_segments
from mabe_core.training.events import Observer
from mabe_core.training.features import input_names
from mabe_core.training.held_out import best_checkpoint, score_held_out
from mabe_core.training.reading import read_data, read_dataset
from mabe_core.training.scoring import unchecked


@attrs.frozen
class Evaluated:
    """Scores of one model on one part of some data.

    told: the model. part: train, validation or test, or what the data is called. notices: what stands beside
    every score. scores: each metric over all frames together. stretches: each with its own.
    """

    told: str
    part: str
    notices: tuple[str, ...]
    classes: tuple[str, ...]
    scores: dict[str, float]
    stretches: tuple[Stretch, ...]


def own_scores(
    source: ModelSource,
    part: Role | None,
    access: DataAccess,
    *,
    device: str,
    observe: Observer,
) -> Evaluated:
    """Return a run's scores on a part of its own data, by default the one that was held out for this.

    What the run has kept is told; what it lacks, since an earlier version trained it or a file is damaged, is
    computed and kept. Raises UserError where its data is gone, or other than it was.
    """
    kept = None
    try:
        kept = read_scores(source.run)
    except UserError:
        if _is_kept_elsewhere(source):
            raise
    if kept is not None and kept.model == source.sha256 and (part is None or part in kept.pooled):
        chosen = part or kept.held_out
        return Evaluated(
            source.told,
            chosen,
            (*_told(kept.notice, chosen, kept.held_out), *_absent(kept.stretches[chosen], kept.classes)),
            tuple(kept.classes),
            kept.pooled[chosen],
            kept.stretches[chosen],
        )
    member, dataset, partition = _with_data(source, access, device)
    metrics = Metrics.build(member.experiment, member.scorer.shape)
    there: list[Role] = [role for role in ("validation", "test") if partition.of(role)]
    wanted: Role = part or there[-1]
    if not partition.of(wanted):
        valid = ["train", *there]
        raise UserError(f"the split of {source.run_id} has no part {wanted!r}.{did_you_mean(wanted, valid)}")
    if wanted in there and member.record.state == "finished" and not _is_kept_elsewhere(source):
        _keep(source, member, dataset, partition, observe)
        return own_scores(source, wanted, access, device=device, observe=observe)
    scored = score_segments(member.scorer, member.chain, metrics, dataset, partition.of(wanted))
    notices = (*source.notes, *_told(partition.notice, wanted, there[-1]))
    return _evaluated(source.told, wanted, notices, metrics, scored)


def scores_on(
    member: Member,
    other: Experiment,
    called: str,
    access: DataAccess,
    names: Mapping[str, str],
) -> Evaluated:
    """Return the scores on all recordings of another experiment's data.

    Raises UserError where its recordings or classes are of another kind than the model was trained on.
    """
    data = of_the_models_kind(read_dataset(other, access), member, names)
    metrics = Metrics.build(member.experiment, member.scorer.shape)
    segments = [Segment(number, 0, each.frames, "test") for number, each in enumerate(data.recordings)]
    scored = score_segments(member.scorer, member.chain, metrics, data, segments)
    known = overlap(member, other, access)
    return _evaluated(member.source.told, called, (*member.source.notes, *known), metrics, scored)


def _evaluated(
    told: str, part: str, notices: tuple[str, ...], metrics: Metrics, scored: Sequence[Scored]
) -> Evaluated:
    stretches = tuple(each.stretch for each in scored)
    if not any(each.labels for each in scored):
        raise UserError(f"no frame of {part} is labelled: there is nothing to score by")
    notices = (*notices, *_absent(stretches, metrics.classes))
    return Evaluated(told, part, notices, metrics.classes, pooled(metrics, scored), stretches)


def _told(notice: str, part: Role | str, held_out: str) -> tuple[str, ...]:
    told = [notice] if notice else []
    if part == "train":
        told.append("The model was trained on these recordings: such scores say nothing about others.")
    elif part == "validation":
        told.append("The checkpoint was chosen by its score on these recordings.")
    return tuple(told)


def _is_kept_elsewhere(source: ModelSource) -> bool:
    """Tell whether a model is an entry of the registry or an export, which nobody changes."""
    return (source.folder / ENTRY).exists()


def _with_data(source: ModelSource, access: DataAccess, device: str) -> tuple[Member, Dataset, Partition]:
    experiment, _ = read_experiment(source)
    record = read_record(source.run)
    assert record is not None, "a model that was found has a record"
    changed = data_changes(record.data, fingerprint(experiment.data.dataset, access))
    if changed:
        raise UserError(
            f"{source.run_id} was trained on other data than is here: {', '.join(changed[:5])}. `--data "
            "FILE` scores it on another experiment's data"
        )
    dataset, partition = read_data(experiment, access)
    parted = partition_fingerprint(dataset, partition)
    check_partition_is_as_before(record, experiment.data.split.name, parted)
    expects = read_model_input(record.model_input) or _expected(experiment, dataset)
    return load_member(source, device, expects), dataset, partition


def _expected(experiment: Experiment, dataset: Dataset) -> ModelInput:
    """Return what a model expects that an earlier version trained, from its own data."""
    first = dataset.recordings[0]
    names = input_names(experiment.data, first, first.views[0].individuals)
    return model_input(experiment.data, dataset, names)


def _keep(
    source: ModelSource,
    member: Member,
    dataset: Dataset,
    partition: Partition,
    observe: Observer,
) -> None:
    run = source.run
    with run.held():
        scores = score_held_out(
            run,
            member.experiment,
            best_checkpoint(run),
            member.scorer,
            dataset,
            partition,
            notice=partition.notice,
            observe=observe,
            check=unchecked,
        )
        record = read_record(run)
        assert record is not None, "it was there a moment ago"
        record.held_out = scores.pooled[scores.held_out]
        record.model_input = attrs.asdict(member.expects)
        record.save(run)


def _absent(stretches: Sequence[Stretch], classes: Sequence[str]) -> list[str]:
    """Tell which classes these stretches never show, whose scores say nothing."""
    seen = [
        sum(each.counts[number][0] + each.counts[number][2] for each in stretches)
        for number in range(len(classes))
    ]
    never = [name for name, frames in zip(classes, seen, strict=True) if not frames]
    if not never:
        return []
    which = "its F1 is 0, and counts" if len(never) == 1 else "their F1 is 0, and count"
    return [f"No frame here is labelled {' or '.join(never)}: {which} in means over classes."]
