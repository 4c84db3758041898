"""Everything that a page shows: what is drawn is drawn from this."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from mabe_core import __version__
from mabe_core.comparing.table import listed
from mabe_core.errors import UserError
from mabe_core.pages import classes
from mabe_core.pages.bouts import BadBout, bad_bouts, worst
from mabe_core.pages.calibration import Calibration, Reliability
from mabe_core.pages.ethograms import MOST, Ethogram, ethogram
from mabe_core.pages.facts import Facts, facts_of, frames_of
from mabe_core.pages.settings import (
    Setting,
    best_first,
    by_validation,
    lower_is_better,
    main_metric,
    settings_of,
)
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.record import now
from mabe_core.runs.study import Study


@attrs.frozen(kw_only=True, eq=False)
class Content:
    """What a page about a run or a study shows.

    settings: the best first by `metric`. chosen: the setting that scores of classes, confusion, calibration
    and worst bouts are of; chosen_by: "validation", or else the metric. ethograms: those of the chosen
    setting, then others, as far as they are light enough. left_out: how many are not. told: what is to be
    known of frames.
    """

    id: str
    name: str
    description: str
    study: Study | None
    made: str
    members: tuple[Facts, ...]
    settings: tuple[Setting, ...]
    metric: str | None
    lower: bool
    chosen: Setting
    chosen_by: str | None
    class_scores: tuple[classes.ClassScores, ...]
    confusion: classes.Confusion | None
    calibration: Calibration | None
    bad_bouts: tuple[BadBout, ...]
    ethograms: tuple[Ethogram, ...]
    left_out: int
    told: tuple[str, ...]

    @property
    def class_names(self) -> list[str]:
        """The classes of all members, those of the chosen setting first."""
        several = (*self.chosen.members, *self.members)
        return list(dict.fromkeys(name for member in several for name in _classes(member)))

    @property
    def metrics_of_all(self) -> list[str]:
        """The held-out scores over all classes."""
        return [name for name in self._metrics if not self._is_of_class(name)]

    @property
    def metrics_of_classes(self) -> list[str]:
        """The held-out scores of one class each, such as `f1_attack`."""
        return [name for name in self._metrics if self._is_of_class(name)]

    @property
    def notes(self) -> list[str]:
        """What is to be known of members, said once of all that it is true of, and then of frames."""
        ids: dict[str, list[str]] = {}
        for member in self.members:
            for each in member.told:
                ids.setdefault(each, []).append(member.id)
        of_members = [f"{listed(those)}: {each}" if self.study else each for each, those in ids.items()]
        return [*of_members, *self.told]

    @property
    def _metrics(self) -> list[str]:
        return list(dict.fromkeys(name for setting in self.settings for name in setting.metrics))

    def _is_of_class(self, metric: str) -> bool:
        return any(metric.endswith(f"_{name}") for name in self.class_names)


@attrs.define(eq=False)
class _Frames:
    """What is collected from scored frames, one member after another, so that the frames need not be kept."""

    ethograms: list[Ethogram] = attrs.field(factory=list)
    bad: list[BadBout] = attrs.field(factory=list)
    sums: Reliability = attrs.field(factory=Reliability)
    told: list[str] = attrs.field(factory=list)
    weight: int = 0
    left_out: int = 0

    def add(self, member: Facts, *, chosen: bool) -> None:
        if member.scores is None:
            return
        by_part, why = frames_of(member)
        if why:
            self.told.append(why)
        for part, stretches in by_part.items():
            held_out = chosen and part == member.scores.held_out
            for stretch, frames in zip(member.scores.stretches[part], stretches, strict=True):
                drawn = ethogram(member.id, part, stretch, frames)
                place = self._keep(drawn)
                if held_out:
                    self.sums.add(frames, exclusive=drawn.exclusive)
                    self.bad += bad_bouts(member.id, place, stretch, frames, member.scores.classes)

    def _keep(self, drawn: Ethogram) -> int | None:
        self.weight += len(drawn.packed)
        if self.weight > MOST:
            self.left_out += 1
            return None
        self.ethograms.append(drawn)
        return len(self.ethograms) - 1


def content_of(entry: RunDirectory | Study, runs_dir: Path) -> Content:
    """Return what a page about a run or a study shows; what is missing or damaged is told in it."""
    members = facts_of(entry, runs_dir)
    if not members:
        raise UserError(f"{entry.id} has no members, so there is nothing to report")
    metric = main_metric(members)
    lower = metric is not None and lower_is_better(members, metric)
    settings = tuple(best_first(settings_of(members), metric, lower=lower))
    best = by_validation(settings)
    chosen = best or settings[0]
    frames = _Frames()
    for setting in sorted(settings, key=lambda each: each is not chosen):
        for member in setting.members:
            frames.add(member, chosen=setting is chosen)
    study = entry if isinstance(entry, Study) else None
    return Content(
        id=entry.id,
        name=study.name if study else entry.id.rpartition("-")[0],
        description=study.description if study else _description(members[0]),
        study=study,
        made=f"{now()} by mabe-core {__version__}",
        members=members,
        settings=settings,
        metric=metric,
        lower=lower,
        chosen=chosen,
        chosen_by="validation" if best else metric,
        class_scores=classes.class_scores(chosen.members),
        confusion=classes.confusion_of(chosen.members),
        calibration=frames.sums.result(),
        bad_bouts=(*worst(frames.bad, "missed"), *worst(frames.bad, "false")),
        ethograms=tuple(frames.ethograms),
        left_out=frames.left_out,
        told=tuple(frames.told),
    )


def curves(members: Sequence[Facts]) -> Iterator[tuple[str, str]]:
    """Yield the columns of the epochs' lines that are drawn, each with its title."""
    yield "train_loss", "training loss"
    yield "val_loss", "validation loss"
    monitors = dict.fromkeys(member.record.monitor for member in members if member.record)
    for name in monitors:
        if name and name != "loss":
            yield f"val_{name}", f"validation {name}"
    yield "learning_rate", "learning rate"


def _classes(member: Facts) -> list[str]:
    return member.scores.classes if member.scores else []


def _description(member: Facts) -> str:
    from mabe_core.experiment import read_document

    try:
        return str(read_document(member.run.experiment).tree.get("description") or "")
    except (OSError, ValueError):
        return ""
