"""Which keypoint is a left one's right one, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mabe_core import UserError, did_you_mean

# a side as a word of its own (ear_l, L-hip), or a capital at the end of a word (earL); left and right as
# words are found anywhere, since leftear is usual
LETTER = re.compile(r"(?<![A-Za-z])[LlRr](?![A-Za-z])|(?<=[a-z])[LR](?![A-Za-z])")
WORD = re.compile("left|right", re.IGNORECASE)
OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def other_sides(keypoints: Sequence[str], pairs: Sequence[tuple[str, str]]) -> tuple[int, ...]:
    """Return for each keypoint the number of the one that it becomes in a mirror: its own in the middle.

    Raises UserError where a pair names no keypoint, or the name of a left one says that there is a right one
    that is not there.
    """
    for name in (name for pair in pairs for name in pair):
        if name not in keypoints:
            raise UserError(f"mirror: no keypoint is named {name!r}.{did_you_mean(name, keypoints)}")
    told = dict(pairs) | {right: left for left, right in pairs}
    return tuple(keypoints.index(told.get(name) or _other_side(name, keypoints)) for name in keypoints)


def _other_side(name: str, keypoints: Sequence[str]) -> str:
    for side in (WORD, LETTER):
        if side.search(name):
            wanted = side.sub(lambda found: OTHER[found[0].casefold()], name).casefold()
            found = next((each for each in keypoints if each.casefold() == wanted), None)
            if found is None:
                raise UserError(
                    f"mirror: {name} seems to lie on one side, but no keypoint is named {wanted}. Say what "
                    f"it becomes in a mirror, itself if in the middle: `pairs: [[{name}, KEYPOINT]]`. "
                    f"Keypoints: {', '.join(keypoints)}."
                )
            return found
    return name
