"""Which videos show the same mice, so that a split can keep them together."""

from __future__ import annotations

from collections.abc import Sequence

from mabe_plugins.mabe_kaggle.table import Video


def subjects(videos: Sequence[Video]) -> dict[tuple[str, str], str]:
    """Return the subject of each video, by lab and name: all mice of a lab that were ever filmed together.

    A video whose table tells no ids is a subject of its own.
    """
    leader: dict[tuple[str, str], tuple[str, str]] = {}

    def find(mouse: tuple[str, str]) -> tuple[str, str]:
        while leader.setdefault(mouse, mouse) != mouse:
            mouse = leader[mouse]
        return mouse

    for video in videos:
        together = [find((video.lab, mouse)) for mouse in video.mice]
        for other in together[1:]:
            first, second = sorted((find(together[0]), find(other)))
            leader[second] = first
    return {
        (video.lab, video.name): "/".join(find((video.lab, video.mice[0])))
        if video.mice
        else f"{video.lab}/video {video.name}"
        for video in videos
    }
