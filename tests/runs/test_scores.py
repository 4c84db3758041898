"""scores.json and scores.safetensors: written, read, and told where damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mabe_core.errors import UserError
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.scores import Frames, Scores, Stretch, read_frames, read_scores, write_scores


def written(folder: Path) -> tuple[RunDirectory, Scores, Frames]:
    stretch = Stretch(
        recording="a",
        individuals=["m1", "m2"],
        fps=30.0,
        start=10,
        stop=14,
        counts=[[2, 1, 0], [1, 0, 1]],
        confusion=[[2, 0], [1, 1]],
        scores={"macro_f1": 0.7},
    )
    scores = Scores(
        checkpoint="step-00000010",
        model="ab",
        classes=["x", "y"],
        held_out="validation",
        notice="",
        pooled={"validation": {"macro_f1": 0.7}},
        stretches={"validation": (stretch,)},
        frames="",
    )
    truth = np.array([[1, 0], [1, 0], [0, 1], [-1, -1]], dtype=np.int8)
    frames = Frames(truth, truth.astype(np.float16), np.abs(truth))
    run = RunDirectory(folder)
    return run, write_scores(run, scores, {"validation": [frames]}), frames


def test_what_was_written_is_read(tmp_path: Path) -> None:
    run, scores, frames = written(tmp_path)
    found = read_scores(run)
    assert found == scores
    assert found is not None
    (read,) = read_frames(run, found)["validation"]
    for name in ("truth", "probability", "predicted"):
        assert getattr(read, name).dtype == getattr(frames, name).dtype
        np.testing.assert_array_equal(getattr(read, name), getattr(frames, name))


def test_a_run_without_scores_has_none(tmp_path: Path) -> None:
    assert read_scores(RunDirectory(tmp_path)) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.pop("classes"),
        lambda found: found.update(format=2),
        lambda found: found.update(stretches=[]),
        lambda found: found["stretches"]["validation"][0].pop("counts"),
        lambda found: found["stretches"]["validation"].append(3),
        lambda found: found["pooled"].update(validation=3),
        lambda found: found["classes"].append("z"),
        lambda found: found["stretches"]["validation"][0].update(counts=[[2, 1], [1, 0]]),
        lambda found: found["stretches"]["validation"][0].update(confusion=[[2, 0], [1]]),
        lambda found: found["stretches"]["validation"][0].update(counts=[[2, 1, 0], [1, -1, 1]]),
        lambda found: found["stretches"]["validation"][0].update(start=15),
        lambda found: found["stretches"]["validation"][0].update(fps=0),
        lambda found: found["stretches"]["validation"][0].update(fps=float("inf")),
        lambda found: found.update(held_out="test"),
        lambda found: found["pooled"].clear(),
    ],
)
def test_damaged_scores_are_told(tmp_path: Path, change: object) -> None:
    run, _, _ = written(tmp_path)
    found = json.loads(run.scores.read_text())
    change(found)  # type: ignore[operator]
    run.scores.write_text(json.dumps(found))
    with pytest.raises(UserError, match=r"scores\.json is damaged"):
        read_scores(run)


def test_frames_of_other_scores_are_refused(tmp_path: Path) -> None:
    run, scores, _ = written(tmp_path)
    content = bytearray(run.score_frames.read_bytes())
    content[-1] ^= 1
    run.score_frames.write_bytes(content)
    with pytest.raises(UserError, match="is not the file that"):
        read_frames(run, scores)


def test_frames_of_other_lengths_than_their_stretches_are_refused(tmp_path: Path) -> None:
    run, _, _ = written(tmp_path)
    run.scores.write_text(run.scores.read_text().replace('"stop": 14', '"stop": 15'))
    scores = read_scores(run)
    assert scores is not None
    with pytest.raises(UserError, match="is not the file that"):
        read_frames(run, scores)


def test_frames_of_a_part_that_is_called_otherwise_are_refused(tmp_path: Path) -> None:
    run, _, _ = written(tmp_path)
    run.scores.write_text(run.scores.read_text().replace("validation", "validatkon"))
    scores = read_scores(run)
    assert scores is not None
    with pytest.raises(UserError, match="is not the file that"):
        read_frames(run, scores)
