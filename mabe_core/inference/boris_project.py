"""Predictions as a project of BORIS: an observation a recording, its bouts as state events.

The file is JSON of the project format 7.0, which BORIS 7 to 9 open (https://www.boris.unito.it). Observations
are live ones: a project that names no film opens wherever it is brought.
"""

from __future__ import annotations

import contextlib
import json
import string
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import IO, Any

from mabe_core.inference.prediction import Prediction
from mabe_core.inference.tables import events, told

KEYS = string.ascii_lowercase + string.digits
# what BORIS allows in no modifier
_FORBIDDEN = str.maketrans(dict.fromkeys("(|),`~", "_"))


@contextlib.contextmanager
def boris(file: IO[str], classes: Sequence[str]) -> Iterator[Callable[[Prediction], None]]:
    """Write a project, each recording as it comes; what all of them share comes last."""
    now = datetime.now().replace(microsecond=0).isoformat()
    behaviours: list[str] = []
    subjects: dict[str, None] = {}
    targets: dict[str, None] = {}
    file.write('{"observations": {')

    def add(prediction: Prediction) -> None:
        file.write(f"{',' if behaviours else ''}\n{json.dumps(prediction.recording)}: ")
        json.dump(_observation(prediction, now), file)
        behaviours[:] = [name for name in classes if name != prediction.background]
        if len(prediction.views) > 1:
            subjects.update(dict.fromkeys(view.agent for view in prediction.views))
            targets.update(dict.fromkeys(_modifier(view.target) for view in prediction.views if view.target))

    yield add
    file.write("\n},\n")
    file.write(json.dumps(_project(behaviours, list(subjects), list(targets), now), indent=1)[1:])
    file.write("\n")


def _observation(prediction: Prediction, now: str) -> dict[str, Any]:
    several = len(prediction.views) > 1
    return {
        "type": "LIVE",
        "file": [],
        "date": now,
        "description": f"predicted: {prediction.frames} frames at {prediction.fps:g} frames/s",
        "time offset": 0.0,
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "close_behaviors_between_videos": False,
        "scan_sampling_time": 0,
        "start_from_current_time": False,
        "start_from_current_epoch_time": False,
        "media_info": {"offset": {}},
        # time, subject, code, modifier, comment; what a state starts and stops with is alike but for the time
        "events": [
            [
                round(bout.start_second if starts else bout.stop_second, 3),
                bout.agent if several else "",
                bout.behaviour,
                _modifier(bout.target) if several else "",
                told(bout) if starts else "",
            ]
            for _, starts, bout in events(prediction)
        ],
    }


def _project(
    behaviours: Sequence[str], subjects: Sequence[str], targets: Sequence[str], now: str
) -> dict[str, Any]:
    target = {"0": {"name": "target", "type": 0, "values": list(targets)}} if targets else {}
    return {
        "time_format": "hh:mm:ss",
        "project_date": now,
        "project_name": "predictions",
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": {
            str(number): {"key": _key(number), "name": name, "description": ""}
            for number, name in enumerate(subjects)
        },
        "behaviors_conf": {
            str(number): {
                "type": "State event",
                "key": _key(number),
                "code": name,
                "description": "",
                "category": "",
                "modifiers": target,
                "excluded": "",
                "coding map": "",
            }
            for number, name in enumerate(behaviours)
        },
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }


def _key(number: int) -> str:
    return KEYS[number] if number < len(KEYS) else ""


def _modifier(name: str) -> str:
    return name.translate(_FORBIDDEN)
