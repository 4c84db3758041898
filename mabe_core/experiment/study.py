"""The `study:` section of a file that stands for many experiments: seeds, folds, a grid, a sampled space."""

from __future__ import annotations

from typing import Any, Literal

import attrs
from attrs.validators import deep_iterable, ge, gt, le, min_len, optional

# of trials, and of experiments in a study: more are no longer told apart by anybody
MOST_MEMBERS = 1000


def _setting(help: str, **field: Any) -> Any:  # noqa: A002 - click's word for it
    return attrs.field(metadata={"help": help, "identity": False}, **field)


@attrs.frozen(kw_only=True)
class Folds:
    """Cross-validation: each group of recordings is the test part once."""

    number: int = _setting("how many folds", validator=ge(2))
    by: str | None = _setting(
        "what is kept together: subject, lab, or other key of the dataset's groups; by default what the "
        "split's `group_by` says",
        default=None,
    )


@attrs.frozen(kw_only=True)
class Range:
    """Numbers from `low` to `high`, both included; whole numbers where both are."""

    low: int | float = _setting("the smallest")
    high: int | float = _setting("the largest")
    log: bool = _setting("whether drawn evenly on a logarithmic scale", default=False)


@attrs.frozen(kw_only=True)
class Sample:
    """Settings drawn from a space, trial by trial, to better `training.monitor` on validation."""

    trials: int = _setting("how many settings are tried", validator=[gt(0), le(MOST_MEMBERS)])
    space: dict[str, Range | tuple[Any, ...] | None] = _setting(
        "for each dotted key a map with `low`, `high` and `log`, or a list of choices; null drops a key that "
        "is inherited",
        validator=min_len(1),
    )
    sampler: Literal["tpe", "random"] = _setting(
        "tpe learns from earlier trials (Bergstra et al. 2011); random does not", default="tpe"
    )
    seed: int = _setting("what the sampler draws from", default=0, validator=ge(0))

    @property
    def drawn(self) -> dict[str, Range | tuple[Any, ...]]:
        """The space without what was dropped."""
        return {key: value for key, value in self.space.items() if value is not None}


@attrs.frozen(kw_only=True)
class StudySection:
    """Many experiments in one file: every setting of the grid, on every fold, with every seed."""

    seeds: tuple[int, ...] | None = _setting(
        "each experiment is run with each of these", default=(), validator=optional(deep_iterable(ge(0)))
    )
    folds: int | Folds | None = _setting(
        "each experiment is run on each fold, by a split that has `folds`; a number, or a map",
        default=None,
        validator=optional(lambda _, __, value: _check_folds(value)),
    )
    grid: dict[str, tuple[Any, ...] | None] | None = _setting(
        "for each dotted key the values it takes; every combination is an experiment; null drops a key that "
        "is inherited",
        factory=dict,
    )
    sample: Sample | None = _setting("settings drawn from a space", default=None)

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The grid without what was dropped."""
        return {key: values for key, values in (self.grid or {}).items() if values is not None}

    @property
    def fold_plan(self) -> Folds | None:
        """The folds, a bare number written out."""
        return Folds(number=self.folds) if isinstance(self.folds, int) else self.folds


def _check_folds(value: int | Folds) -> None:
    if isinstance(value, int) and value < 2:
        raise ValueError(f"expects 2 folds or more, not {value}.")
