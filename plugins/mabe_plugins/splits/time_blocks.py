"""The split that cuts recordings: contiguous blocks of time, with a gap where the part changes.

A window spans `window_span` frames. Between two segments of different parts that many frames are left out,
so that no frame of one part's windows lies nearer than a window to the other's. Which block goes where is
drawn by the experiment's seed, DRAWS times; the draw wins in which every class is shared out most evenly.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from mabe_core import Partition, Recording, Role, Segment, SplitContext, UserError

if TYPE_CHECKING:
    from mabe_plugins.splits import TimeBlocksConfig

DRAWS = 64
# how often it is tried further to get every class into every part, before it is given up
MOST_DRAWS = 2048


@attrs.frozen
class _Draw:
    """One assignment of blocks, and how it shares out the classes.

    lacking: pairs of part and class, for classes that the part has no frame of; unevenness: the largest
    difference between a part's share of a class and its share of all blocks.
    """

    segments: tuple[Segment, ...]
    lacking: tuple[tuple[str, int], ...]
    unevenness: float


def split_time_blocks(
    config: TimeBlocksConfig, recordings: Sequence[Recording], context: SplitContext
) -> Partition:
    """Return the parts; raises UserError where blocks are too short or a class cannot be in every part."""
    roles = _roles(config)
    gap = context.window_span
    for recording in recordings:
        shortest = recording.frames // config.blocks - gap
        if shortest < context.window_span:
            raise UserError(
                f"recording {recording.name!r} has {recording.frames} frames: too few for {config.blocks} "
                f"blocks that hold a window of {context.window_span} frames and a gap of as many. "
                f"{_most_blocks(recording.frames, context.window_span)}"
            )
    chance = random.Random(context.seed)
    best: _Draw | None = None
    for number in range(MOST_DRAWS):
        draw = _draw(roles, recordings, gap, chance)
        if best is None or (len(draw.lacking), draw.unevenness) < (len(best.lacking), best.unevenness):
            best = draw
        if number + 1 >= DRAWS and not best.lacking:
            break
    assert best is not None, "something is drawn"
    if best.lacking and config.missing_classes == "error":
        raise UserError(
            f"in {MOST_DRAWS} ways to cut the recordings into {config.blocks} blocks there is none with every "
            f"class in every part: {_lacking(best, context.classes)}. Raise `blocks`, leave the class out of "
            "the dataset's classes, or write `missing_classes: allow`."
        )
    return Partition(best.segments, _notice(best, len(recordings), context))


def _roles(config: TimeBlocksConfig) -> list[Role]:
    """Return the roles of a recording's blocks, in no order."""
    validation = max(1, round(config.validation * config.blocks))
    test = max(1, round(config.test * config.blocks)) if config.test > 0 else 0
    train = config.blocks - validation - test
    if train < 1:
        raise UserError(
            f"no block of {config.blocks} is left to train on. Raise `blocks` or lower validation and test."
        )
    return [*["train"] * train, *["validation"] * validation, *["test"] * test]  # type: ignore[list-item]


def _most_blocks(frames: int, span: int) -> str:
    most = frames // (2 * span)
    return f"At most {most} fit." if most > 1 else "Shorten sequence_length or frame_gap."


def _draw(roles: Sequence[Role], recordings: Sequence[Recording], gap: int, chance: random.Random) -> _Draw:
    segments: list[Segment] = []
    for number, recording in enumerate(recordings):
        shuffled = list(roles)
        chance.shuffle(shuffled)
        segments += _segments(number, recording.frames, shuffled, gap)
    shares = {role: roles.count(role) / len(roles) for role in set(roles)}
    counts = {role: _class_frames(segments, role, recordings) for role in shares}
    totals = [sum(frames) for frames in zip(*counts.values(), strict=True)]
    occurring = [column for column, total in enumerate(totals) if total]
    lacking = [(role, column) for role in sorted(shares) for column in occurring if not counts[role][column]]
    unevenness = max(
        (
            abs(counts[role][column] / totals[column] - shares[role])
            for role in shares
            for column in occurring
        ),
        default=0.0,
    )
    return _Draw(tuple(segments), tuple(lacking), unevenness)


def _segments(number: int, frames: int, roles: Sequence[Role], gap: int) -> list[Segment]:
    """Return the stretches of equal role, the gap taken half from either side of each change."""
    starts = [block * frames // len(roles) for block in range(len(roles))]
    changes = [block for block in range(1, len(roles)) if roles[block] != roles[block - 1]]
    stops = [*(starts[block] - gap // 2 for block in changes), frames]
    begins = [0, *(starts[block] - gap // 2 + gap for block in changes)]
    return [
        Segment(number, begin, stop, roles[block])
        for begin, stop, block in zip(begins, stops, [0, *changes], strict=True)
    ]


def _class_frames(segments: Sequence[Segment], role: Role, recordings: Sequence[Recording]) -> list[int]:
    """Return the labelled frames a class in one part."""
    counts = [0] * recordings[0].views[0].labels.shape[1]
    for segment in segments:
        if segment.role == role:
            for view in recordings[segment.recording].views:
                present = (view.labels[segment.start : segment.stop] == 1).sum(axis=0)
                counts = [count + int(more) for count, more in zip(counts, present, strict=True)]
    return counts


def _lacking(draw: _Draw, classes: Sequence[str]) -> str:
    return "; ".join(
        f"{role} has no frame of {classes[column] if classes else f'class number {column + 1}'!r}"
        for role, column in draw.lacking
    )


def _notice(draw: _Draw, recordings: int, context: SplitContext) -> str:
    what = "one recording" if recordings == 1 else f"{recordings} recordings"
    which = "this recording" if recordings == 1 else "these recordings"
    notice = f"{what} split by time blocks with a gap of {context.window_span} frames: "
    notice += f"scores tell about {which} only"
    return notice + (f"; {_lacking(draw, context.classes)}" if draw.lacking else "")
