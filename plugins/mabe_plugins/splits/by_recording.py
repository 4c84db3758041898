"""Splits that keep every recording whole."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mabe_core import Partition, Recording, Role, Segment, SplitContext, UserError, did_you_mean

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
    the experiment's seed: test takes the first, validation the next, training the rest.
    """
    group_of = [_group(recording, config.group_by) for recording in recordings]
    groups = sorted(set(group_of))
    random.Random(context.seed).shuffle(groups)
    parts: dict[str, Role] = {}
    for role, share in (("test", config.test), ("validation", config.validation)):
        for group in _take(role, share, groups, parts, config.group_by):
            parts[group] = role  # type: ignore[assignment] # a str to mypy, though both are roles
    roles: list[Role] = [parts.get(group, "train") for group in group_of]
    for role in ("train", "validation"):
        if role not in roles:
            raise UserError(
                f"no recording is left for {role}: there are {len(groups)} by {config.group_by!r}. "
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
