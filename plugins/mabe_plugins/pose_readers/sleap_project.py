"""Reads SLEAP's projects (.slp) with sleap-io."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mabe_core import DataError, PoseTracks, UserError
from mabe_plugins.pose_readers.sleap_tracks import SleapArrays, pose_tracks

if TYPE_CHECKING:
    from mabe_plugins.pose_readers import SleapConfig


def read_project(file: Path, config: SleapConfig) -> PoseTracks:
    """Return the tracks of one video of a project; raises DataError where it cannot be read."""
    try:
        import sleap_io
    except ImportError as error:
        raise UserError(
            f"{file} needs the package sleap-io: `pip install 'mabe-core[sleap]'`, or export it from SLEAP "
            "as an analysis file (H5), which needs nothing."
        ) from error
    try:
        labels = sleap_io.load_slp(str(file), open_videos=False)
        videos = len(labels.videos)
        if config.video >= videos:
            raise DataError.at(file, f"has {videos} videos: `video` counts them from 0.")
        tracks = tuple(track.name for track in labels.tracks)
        found = labels.numpy(video=config.video, return_confidence=True)
    except DataError:
        raise
    # sleap-io passes on what h5py, json and its own checks raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        raise DataError.at(
            file, f"not a project that SLEAP wrote, or damaged: {' '.join(str(error).split())}."
        ) from error
    nodes = tuple(node.name for node in labels.skeletons[0].nodes) if labels.skeletons else ()
    if found.ndim != 4 or found.shape[1] != max(len(tracks), 1):
        raise DataError.at(
            file, f"has instances without a track ({found.shape[1:2]} in a frame): track them in SLEAP."
        )
    return pose_tracks(SleapArrays(found[..., :2], found[..., 2], tracks, nodes), config, file)
