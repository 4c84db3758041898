"""Which keypoints are an animal's front, middle and back: named by the config, else found by common names."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from mabe_core import PoseLayout, UserError, did_you_mean

# nearest to the end of the body first; compared without case, blanks, _, - and .
FRONTS = ("nose", "snout", "nosetip", "head", "headcentre", "headcenter", "neck", "nape", "top")
MIDDLES = (
    *("body", "bodycentre", "bodycenter", "bodymid", "centre", "center", "centroid", "spine", "midspine"),
    *("back", "midback", "torso", "neck"),
)
BACKS = ("tailbase", "basetail", "baseoftail", "tailroot", "tail", "tailstart", "hip", "hips", "rump")


@attrs.frozen
class Body:
    """Numbers of the keypoints at an animal's front, middle and back; middle None where there is none."""

    front: int
    middle: int | None
    back: int

    @classmethod
    def find(
        cls, feature: str, layout: PoseLayout, front: str | None, back: str | None, middle: str | None = None
    ) -> Body:
        """Raise UserError where a keypoint is named that is not there, or front or back cannot be found."""
        found = {
            "front": _find(feature, "front", front, FRONTS, layout.keypoints),
            "back": _find(feature, "back", back, BACKS, layout.keypoints),
        }
        for end, number in found.items():
            if number is None:
                raise UserError(
                    f"{feature} cannot tell which keypoint is the animal's {end}: name it, "
                    f"`{end}: KEYPOINT`. Keypoints: {', '.join(layout.keypoints)}."
                )
        if found["front"] == found["back"]:
            name = layout.keypoints[found["front"] or 0]
            raise UserError(f"{feature} takes {name} for the animal's front and back: name both.")
        between = _find(feature, "middle", middle, MIDDLES, layout.keypoints)
        ends = (found["front"], found["back"])
        return cls(found["front"] or 0, None if between in ends else between, found["back"] or 0)


def _find(
    feature: str, what: str, named: str | None, common: Sequence[str], keypoints: Sequence[str]
) -> int | None:
    if named is not None:
        if named not in keypoints:
            raise UserError(f"{feature}: {what} is no keypoint: {named!r}.{did_you_mean(named, keypoints)}")
        return keypoints.index(named)
    plain = ["".join(filter(str.isalnum, keypoint)).casefold() for keypoint in keypoints]
    return next((plain.index(name) for name in common if name in plain), None)
