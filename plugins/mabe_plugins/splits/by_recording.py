"""Splits that keep every recording whole."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mabe_core import Partition, Recording, Role, Segment, SplitContext, UserError, did_you_mean, natural

if TYPE_CHECKING:
    from mabe_plugins.splits import RecordingsConfig, Share

ALTERNATIVES = (
    "Write `split: {name: recordings, validation: 0.2}` to draw whole recordings, or `split: time_blocks` "
    "where there are too few of them."
)


def split_given(recordings: Sequence[Recording], context: SplitContext) -> Partition:
    """Return the parts that the dataset gives; raises UserError where it does not."""
    without = [recording.name for recording in recordings if recording.role is None]
    if without:
        raise UserError(
            f"the dataset does not say which recordings train and which validate ({', '.join(without[:5])}"
            f"{', …' if len(without) > 5 else ''}). {ALTERNATIVES}"
        )
    roles: list[Role] = [recording.role for recording in recordings if recording.role is not None]
    for role in ("train", "validation"):
        if role not in roles:
            raise UserError(f"the dataset gives no recording the role {role!r}. {ALTERNATIVES}")
    return _whole(recordings, roles)


def split_recordings(
    config: RecordingsConfig, recordings: Sequence[Recording], context: SplitContext
) -> Partition:
    """Return whole recordings, those of one group in one part.

    A share is of the number of groups, rounded, at least one where it is above 0. The groups are shuffled by
    the experiment's seed: test takes the first, validation the next, training the rest. With folds, the fold
    is the test part, and with `given_test` the dataset's own; shares are of the groups outside it.
    """
    group_of = [_group(recording, config.group_by) for recording in recordings]
    groups = sorted(set(group_of))
    tested = _given_test(recordings, group_of, config.group_by) if config.given_test else []
    if config.folds is not None:
        tested = _in_fold(config, groups)
    parts: dict[str, Role] = dict.fromkeys(tested, "test")
    groups = [group for group in groups if group not in parts]
    random.Random(context.seed).shuffle(groups)
    for role, share in (("test", config.test), ("validation", config.validation)):
        for group in _take(role, share, groups, parts, config.group_by):
            parts[group] = role  # type: ignore[assignment] # a str to mypy, though both are roles
    roles: list[Role] = [parts.get(group, "train") for group in group_of]
    for role in ("train", "validation"):
        if role not in roles:
            raise UserError(
                f"no recording is left for {role}: there are {len(groups)} by {config.group_by!r}"
                f"{' outside the test part' if tested else ''}. "
                "Lower the shares, or write `split: time_blocks`."
            )
    return _whole(recordings, roles)


def _whole(recordings: Sequence[Recording], roles: Sequence[Role]) -> Partition:
    return Partition(
        tuple(
            Segment(number, 0, recording.frames, role)
            for number, (recording, role) in enumerate(zip(recordings, roles, strict=True))
        )
    )


def _group(recording: Recording, key: str) -> str:
    if key == "recording":
        return recording.name
    if key not in recording.groups:
        known = ["recording", *recording.groups]
        raise UserError(f"recording {recording.name!r} has no {key!r} to group by.{did_you_mean(key, known)}")
    return recording.groups[key]


def _given_test(recordings: Sequence[Recording], group_of: Sequence[str], key: str) -> list[str]:
    """Return the groups of the recordings that the dataset gives as test."""
    tested = {
        group: recording for recording, group in _with(recordings, group_of) if recording.role == "test"
    }
    if not tested:
        raise UserError("the dataset gives no recording as test: leave `given_test` out.")
    for recording, group in _with(recordings, group_of):
        if group in tested and recording.role != "test":
            raise UserError(
                f"{key} {group!r} is in recording {recording.name!r} and in {tested[group].name!r}, which "
                "the dataset gives as test: they cannot be kept together. Group by something else."
            )
    return sorted(tested)


def _with(recordings: Sequence[Recording], group_of: Sequence[str]) -> Iterator[tuple[Recording, str]]:
    return zip(recordings, group_of, strict=True)


def _in_fold(config: RecordingsConfig, groups: Sequence[str]) -> list[str]:
    """Return the groups of the fold, which do not depend on the seed; raise UserError for an empty fold."""
    assert config.folds is not None, "the split has folds"
    what = f"{config.group_by}s"
    if len(groups) < config.folds:
        raise UserError(f"there are {len(groups)} {what}: too few for {config.folds} folds.")
    ordered = sorted(groups, key=natural)
    by_number = config.fold_by == "number"
    fold_of = {
        group: (_number(group, config.group_by) if by_number else place) % config.folds
        for place, group in enumerate(ordered)
    }
    for fold in range(config.folds):
        if fold not in fold_of.values():
            raise UserError(
                f"fold {fold} of {config.folds} has none of the {len(groups)} {what}, whose numbers decide: "
                "leave `fold_by` out, which deals them out in turn."
            )
    return [group for group in ordered if fold_of[group] == config.fold]


def _number(group: str, key: str) -> int:
    numbers = re.findall(r"\d+", group)
    if not numbers:
        raise UserError(f"{key} {group!r} has no number to take its fold from: leave `fold_by` out.")
    return int(numbers[-1])


def _take(
    role: str, share: Share, groups: Sequence[str], taken: Mapping[str, str], key: str
) -> Sequence[str]:
    """Return the groups of one part."""
    if isinstance(share, float | int):
        free = [group for group in groups if group not in taken]
        return free[: max(1, round(share * len(groups)))] if share > 0 else []
    for name in share:
        if name not in groups:
            raise UserError(
                f"{role} names {name!r}, but no {key} is called so.{did_you_mean(name, sorted(groups))}"
            )
        if name in taken:
            raise UserError(
                f"{name!r} is named for {role} and for {taken[name]}: it can be in one part only."
            )
    return share
