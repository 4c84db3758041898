"""From SLEAP's arrays, whichever file they were in, to pose tracks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mabe_core import DataError, PoseTracks, did_you_mean
from mabe_plugins.pose_readers.dlc_tracks import ONLY_INDIVIDUAL
from mabe_plugins.pose_readers.doubtful import drop_doubtful

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mabe_plugins.pose_readers import SleapConfig

# SLEAP's scores are peaks of confidence maps, which lie a little above 1 after refinement
HIGHEST_SCORE = 2.0


@attrs.frozen(eq=False)
class SleapArrays:
    """points (frames, tracks, nodes, 2); scores (frames, tracks, nodes) or None; names, which may be none."""

    points: NDArray[Any]
    scores: NDArray[Any] | None
    tracks: tuple[str, ...]
    nodes: tuple[str, ...]


def pose_tracks(found: SleapArrays, config: SleapConfig, file: Path) -> PoseTracks:
    """Return the tracks that are asked for; raises DataError where values or names make no sense."""
    names = found.tracks or (ONLY_INDIVIDUAL,)
    for what, there in (("node", found.nodes), ("track", names)):
        if not there:
            raise DataError.at(file, f"has no {what}.")
        twice = [name for name in there if there.count(name) > 1]
        if twice:
            raise DataError.at(file, f"has two {what}s of the name {twice[0]!r}: rename one in SLEAP.")
    if not len(found.points):
        raise DataError.at(file, "there is no frame in it.")
    for name in config.tracks:
        if name not in names:
            raise DataError.at(file, f"has no track {name!r}.{did_you_mean(name, names)}")
    wanted = config.tracks or names
    which = [names.index(name) for name in wanted]
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes infinite, which is told
        points = np.ascontiguousarray(found.points[:, which], dtype=np.float32)
    endless = np.argwhere(np.isinf(points))
    if len(endless):
        frame, track, node, _ = endless[0]
        raise DataError.at(file, f"frame {frame}: {wanted[track]} {found.nodes[node]} lies at infinity.")
    confidence = None
    if found.scores is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            scores = np.nan_to_num(found.scores[:, which].astype(np.float32), posinf=np.inf, neginf=-np.inf)
        wrong = np.argwhere((scores < 0) | (scores > HIGHEST_SCORE))
        if len(wrong):
            frame, track, node = wrong[0]
            raise DataError.at(
                file,
                f"frame {frame}: {wanted[track]} {found.nodes[node]} has the score "
                f"{scores[frame, track, node]:g}; scores lie between 0 and 1: are arrays swapped?",
            )
        confidence = scores.clip(0, 1)
    notes = drop_doubtful(points, confidence, config.min_confidence, file)
    return PoseTracks(points, tuple(wanted), found.nodes, confidence, notes=notes)
