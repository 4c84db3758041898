"""The model card: what the record and the scores say, and names that start nothing in Markdown."""

from __future__ import annotations

import json
import shutil
import statistics
from pathlib import Path

import pytest

from mabe_core.models.markdown import block, escaped
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.scores import Scores, Stretch, write_scores
from mabe_core.runs.study import Member, Study, write_study


def scored(run: Path, f1: float, classes: list[str]) -> None:
    """Give a run final scores, of its best checkpoint on two stretches."""
    checkpoint = json.loads((run / "best.json").read_text())["checkpoint"]
    state = json.loads((run / "checkpoints" / checkpoint / "state.json").read_text())
    stretch = Stretch(
        recording="night 1",
        individuals=["a", "b"],
        fps=30.0,
        start=0,
        stop=100,
        counts=[[30, 10, 5], [50, 5, 10]],
        confusion=[[30, 5], [10, 50]],
        scores={"macro_f1": f1},
    )
    scores = Scores(
        checkpoint=checkpoint,
        model=state["sha256"]["model.safetensors"],
        classes=classes,
        held_out="test",
        notice="",
        pooled={"test": {"macro_f1": f1}},
        stretches={"test": (stretch,)},
        frames="",
    )
    write_scores(RunDirectory(run), scores, {})


def test_a_card_tells_data_classes_scores_limits_versions_and_the_command(mabe, runs):
    (runs[0] / "scores.json").unlink()  # as a run of an earlier version
    card = mabe("models", "card", runs[0].name).out
    record = json.loads((runs[0] / "record.json").read_text())
    report = record["report"]
    assert f"# Model card: {runs[0].name}" in card
    for name in ("apart", "meet"):
        parts = [f"{report['parts'][part]['class_frames'][name]:,}" for part in ("train", "validation")]
        assert f"| {name} | {report['class_frames'][name]:,} | {' | '.join(parts)} |" in card
    for told in (
        "| fps | 30 |",
        "| keypoints | nose, tail |",
        "| individuals | a, b |",
        "mabe-run experiment.yaml",
    ):
        assert told in card
    assert f"The record says macro_f1 {record['best']:.3f} on validation" in card
    assert f"| torch | {record['software']['torch']} |" in card
    assert "| dataset tiny | the file tiny.py | 1 |" in card
    assert "tells apart, meet apart" in card


def test_a_card_has_the_scores_of_the_held_out_part_and_of_each_class(mabe, runs):
    scored(runs[0], 0.7654, ["apart", "meet"])
    assert mabe("models", "add", runs[0].name, "--name", "rats").code == 0
    card = mabe("models", "card", "rats").out
    assert "| macro_f1 | 0.7654 |" in card
    assert "On test: 1 recording, 100 frames" in card
    # 30 of 40 predicted and of 35 labelled frames are right
    assert "| apart | 35 | 0.7500 | 0.8571 | 0.8000 |" in card
    assert "macro_f1 0.765 on test" in mabe("models").out


def test_a_card_of_a_studys_member_tells_the_spread_over_seeds(mabe, runs):
    values = [0.71, 0.79]
    for run, value in zip(runs, values, strict=True):
        scored(run, value, ["apart", "meet"])
    members = tuple(
        Member(id=run.name, settings={"model": "transformer", "seed": n}) for n, run in enumerate(runs)
    )
    study = Study(
        id="seeds-0123456789", name="seeds", description="", axes=["model", "seed"], members=members, text=""
    )
    write_study(runs[0].parent, study)
    card = mabe("models", "card", runs[0].name).out
    assert "mean ± sd of 2 members" in card
    assert f"| 0.7100 | {statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f} |" in card


def test_names_from_files_start_nothing_in_a_card(mabe, runs, tmp_path):
    hostile = "<img src=x onerror=alert(1)> | [a](http://evil) `x`\n# heading"
    record = json.loads((runs[0] / "record.json").read_text())
    record["report"]["class_frames"] = {hostile: 5}
    record["auto"]["class_names"] = [hostile]
    record["notice"] = hostile
    (runs[0] / "record.json").write_text(json.dumps(record))
    card = mabe("models", "card", runs[0].name).out
    assert "<img" not in card.replace("\\<img", "")
    assert "\n# heading" not in card
    assert "](http" not in card.replace("\\](http", "")
    rows = [line for line in card.splitlines() if "onerror" in line and line.startswith("|")]
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)


@pytest.mark.parametrize("text", ["plain", "macro_f1", "a-b 3"])
def test_plain_names_stay_as_they_are(text):
    assert escaped(text) == text


def test_a_block_cannot_be_closed_from_inside():
    assert block("a\n```\nb", "yaml").startswith("````yaml\n")


def test_a_card_of_another_checkpoint_than_the_scored_one_has_no_scores_of_it(mabe, runs):
    scored(runs[0], 0.9, ["apart", "meet"])
    other = next(
        path.name
        for path in sorted((runs[0] / "checkpoints").iterdir())
        if path.name != json.loads((runs[0] / "best.json").read_text())["checkpoint"]
    )
    assert mabe("models", "add", runs[0].name, "--name", "rats", "--checkpoint", other).code == 0
    assert "There are no scores of this checkpoint." in mabe("models", "card", "rats").out
    shutil.rmtree(runs[0])
    assert mabe("models", "card", "rats").code == 0


NONSENSE = [3, "x", None, [], {}, [1], {"x": 1}, 10**400]


def test_a_card_of_a_record_that_holds_anything_is_written_or_refused(mabe, runs):
    file = runs[0] / "record.json"
    record = json.loads(file.read_text())
    report = record["report"]
    changed = [
        *({**record, "report": {**report, key: value}} for key in report for value in NONSENSE),
        *({**record, "auto": {**record["auto"], "class_names": value}} for value in NONSENSE),
        *({**record, key: value} for key in record for value in NONSENSE),
        {**record, "report": {**report, "fps": [{"value": {}, "recordings": 1}]}},
        {**record, "report": {**report, "individuals": [{"value": [3], "recordings": 1}]}},
        {**record, "report": {**report, "parts": {"train": {"class_frames": []}}}},
        {**record, "changes": [{"step": 3, "software": [{}]}]},
    ]
    told = []
    for each in changed:
        file.write_text(json.dumps(each))
        outcome = mabe("models", "card", runs[0].name)
        assert outcome.code in (0, 2), (each, outcome.err)
        assert "Traceback" not in outcome.err
        told.append(outcome.code)
    assert 0 < sum(told) < 2 * len(told), "some are cards, others are refused"


@pytest.mark.parametrize("data", [3, "synthetic", [1]])
def test_a_card_of_an_experiment_that_holds_anything_is_written(mabe, runs, data):
    (runs[0] / "experiment.yaml").write_text(f"name: x\ndata: {data}\nmodel: y\n")
    outcome = mabe("models", "card", runs[0].name)
    assert outcome.code == 0, outcome.err
