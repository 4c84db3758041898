"""Every number of a page is that of the run's, or the study's, files."""

from __future__ import annotations

import json
import re
import shutil
import statistics
from pathlib import Path

import attrs
import numpy as np
import pytest

from mabe_core.pages.content import content_of
from mabe_core.pages.numbers import numbers
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.record import read_record
from mabe_core.runs.scores import Scores, read_frames, read_scores
from mabe_core.runs.study import Study
from tests.pages.made_runs import CLASSES, made_record, made_run, made_study
from tests.pages.parsed import Page, parsed, unpacked, values


def scores_of(run: RunDirectory) -> Scores:
    found = read_scores(run)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return made_run(tmp_path_factory.mktemp("runs"), "rats-0123456789")


@pytest.fixture(scope="module")
def shown(run: RunDirectory) -> Page:
    return parsed(run, run.path.parent)


def test_scores(run: RunDirectory, shown: Page) -> None:
    pooled = scores_of(run).pooled["validation"]
    assert {name: values(row) for name, row in shown.rows("scores").items()} == {
        name: [value] for name, value in pooled.items()
    }


def test_curves(run: RunDirectory, shown: Page) -> None:
    columns = ("train_loss", "val_loss", "val_macro_f1", "learning_rate")
    rows = shown.rows("numbers of the curves")
    assert {epoch: values(row) for epoch, row in rows.items()} == {
        str(line["epoch"]): [line[column] for column in columns] for line in run.epochs()
    }


def test_classes(run: RunDirectory, shown: Page) -> None:
    scores = scores_of(run)
    for name, row in shown.rows("scores of classes").items():
        assert values(row)[2] == pytest.approx(scores.pooled["validation"][f"f1_{name}"], abs=1e-12)
        number = scores.classes.index(name)
        hits, false, missed = np.sum([each.counts[number] for each in scores.stretches["validation"]], axis=0)
        assert values(row)[:2] == [hits / (hits + false), hits / (hits + missed)]
        assert row[0][0] == f"{hits + missed:,}"


def test_confusion(run: RunDirectory, shown: Page) -> None:
    pooled = np.sum([each.confusion for each in scores_of(run).stretches["validation"]], axis=0)
    rows = list(shown.rows("confusion").values())
    assert [values(row)[1::2] for row in rows] == pooled.tolist()
    np.testing.assert_allclose([values(row)[::2] for row in rows], pooled / pooled.sum(axis=1, keepdims=True))


def test_ethograms(run: RunDirectory, shown: Page) -> None:
    scores = scores_of(run)
    drawn = shown.data("ethogram-data")
    frames = read_frames(run, scores)["validation"]
    for each, stretch, there in zip(drawn["ethograms"], scores.stretches["validation"], frames, strict=True):
        labelled = (there.truth == 1).any(axis=1)
        rows = unpacked(each["packed"])
        assert rows["annotated"] == [np.where(labelled, there.truth.argmax(axis=1), -1).tolist()]
        assert rows["predicted"] == [there.predicted.argmax(axis=1).tolist()]
        assert each["title"].startswith(stretch.recording)
        wrong = int((there.truth != there.predicted).any(axis=1)[labelled].sum())
        ((cell, _), (_, [told]), *_rest) = shown.rows("every recording")[each["title"]]
        assert (cell, told) == (f"{labelled.sum():,}", wrong)
    assert [each["name"] for each in drawn["classes"]] == list(CLASSES)


def test_worst_bouts(run: RunDirectory, shown: Page) -> None:
    """A missed bout by hand: the longest wrong time in a bout of one class."""
    scores = scores_of(run)
    worst = (0.0, 0, 0, "")
    for stretch, there in zip(
        scores.stretches["validation"], read_frames(run, scores)["validation"], strict=True
    ):
        track = there.truth[:, CLASSES.index("attack")]
        start = None
        for frame, value in enumerate([*track, 0]):
            if value == 1 and start is None:
                start = frame
            elif value != 1 and start is not None:
                wrong = int((there.predicted[start:frame, CLASSES.index("attack")] == 0).sum())
                worst = max(worst, (wrong / 30, start, frame, stretch.recording))
                start = None
    rows = [row for row in shown.tables["Missed bouts"][1:] if row[1][0] == "attack"]
    (recording, _), _, (_, [start_told]), (_, [stop_told]), (_, [wrong_told]), _ = rows[0]
    assert recording == f"{worst[3]} m1 → m2"
    assert (start_told, stop_told, wrong_told) == (worst[1] / 30, worst[2] / 30, round(worst[0] * 30))


def test_calibration(run: RunDirectory, shown: Page) -> None:
    frames = read_frames(run, scores_of(run))["validation"]
    labelled = [(each.truth == 1).any(axis=1) for each in frames]
    confidence = np.concatenate(
        [each.probability[there].max(axis=1) for each, there in zip(frames, labelled, strict=True)]
    ).astype(float)
    right = np.concatenate(
        [
            each.probability[there].argmax(axis=1) == each.truth[there].argmax(axis=1)
            for each, there in zip(frames, labelled, strict=True)
        ]
    )
    error, bins = 0.0, {}
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            name = f"{low:.3f} to {low + 1 / 15:.3f}"
            bins[name] = [confidence[inside].mean(), right[inside].mean()]
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    rows = shown.rows("numbers of the reliability diagram")
    assert {name: values(row) for name, row in rows.items()} == {
        name: pytest.approx(pair, rel=1e-9) for name, pair in bins.items()
    }
    told = re.search(r"Expected calibration error ([\d.]+) over ([\d,]+) frames", shown.text)
    assert told is not None
    assert float(told[1]) == pytest.approx(error, abs=5e-5)
    assert told[2] == f"{len(right):,}"


def test_json_has_them_too(run: RunDirectory) -> None:
    plain = numbers(content_of(run, run.path.parent))
    (member,) = plain["members"]
    assert member["scores"] == scores_of(run).pooled
    assert member["epochs"] == run.epochs()
    assert json.dumps(plain)


def test_provenance_names_software_and_components_but_not_the_host(shown: Page) -> None:
    assert "2.13.0" in shown.text
    assert "mabe-core 0.1.0" in shown.text
    assert "secret-host" not in shown.text


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    runs_dir = tmp_path_factory.mktemp("runs")
    return made_study(runs_dir), runs_dir


@pytest.fixture(scope="module")
def study_page(study: tuple[Study, Path]) -> Page:
    return parsed(*study)


def test_mean_and_deviation_of_each_setting(study: tuple[Study, Path], study_page: Page) -> None:
    found, runs_dir = study
    rows = study_page.rows("scores of settings")
    means = []
    for model in ("transformer", "gru"):
        runs = [
            RunDirectory(runs_dir / member.id)
            for member in found.members
            if member.settings["model"] == model
        ]
        scores = [scores_of(run).pooled["validation"]["macro_f1"] for run in runs]
        assert [text for text, _ in rows[f"model={model}"][:2]] == ["3", "3"]
        assert values(rows[f"model={model}"]) == pytest.approx(
            [np.mean(scores), np.std(scores, ddof=1)], rel=1e-12
        )
        means.append((statistics.fmean(scores), f"model={model}"))
    assert list(rows) == [name for _, name in sorted(means, reverse=True)]


def test_a_setting_is_named_by_the_last_words_of_its_keys(tmp_path: Path) -> None:
    found = made_study(tmp_path, seeds=1)
    settings = (
        {"model": {"name": "gru", "hidden_dim": 8}, "optimizer.learning_rate": 1e-4, "a.x": 1, "b.x": "y"},
        {"model": "gru", "optimizer.learning_rate": 1e-4, "a.x": 2, "b.x": "y"},
    )
    members = [attrs.evolve(m, settings=s) for m, s in zip(found.members, settings, strict=True)]
    rows = parsed(attrs.evolve(found, members=tuple(members)), tmp_path).rows("scores of settings")
    assert set(rows) == {
        "model=gru {hidden_dim: 8}, learning_rate=0.0001, a.x=1, b.x=y",
        "model=gru, learning_rate=0.0001, a.x=2, b.x=y",
    }


def test_a_score_that_is_an_error_is_sorted_the_other_way(tmp_path: Path) -> None:
    found = made_study(tmp_path, seeds=1)
    for place, member in enumerate(found.members):
        run = RunDirectory(tmp_path / member.id)
        record = read_record(run)
        assert record is not None
        losses = [line["val_loss"] for line in run.epochs()]
        record.monitor, record.best = "loss", min(losses)
        record.save(run)
        told = json.loads(run.scores.read_text())
        told["pooled"]["validation"]["loss"] = 1.0 - place
        run.scores.write_text(json.dumps(told))
    assert list(parsed(found, tmp_path).rows("scores of settings")) == ["model=gru", "model=transformer"]


def test_what_is_looked_into_is_the_setting_that_validation_chooses(tmp_path: Path) -> None:
    found = made_study(tmp_path, seeds=2, part="test")
    (first, other) = list(parsed(found, tmp_path).rows("scores of settings"))
    for better, worse in ((first, other), (other, first)):
        for member in found.members:
            run = RunDirectory(tmp_path / member.id)
            made_record(run.id, best=0.8 if f"model={member.settings['model']}" == better else 0.7).save(run)
        shown = parsed(found, tmp_path)
        assert f"Of the setting that validation chooses, {better}: 2 runs" in shown.text
        ids = [member.id for member in found.members if f"model={member.settings['model']}" == better]
        told = numbers(content_of(found, tmp_path))
        assert (told["chosen"], told["chosen_by"]) == (better, "validation")
        assert {bout["member"] for bout in told["bad_bouts"]} <= set(ids)
        assert worse in shown.rows("scores of settings")
    run = RunDirectory(tmp_path / found.members[0].id)
    made_record(run.id, best=None).save(run)
    assert f"Of the best setting, {first}" in parsed(found, tmp_path).text


def test_a_bout_that_several_runs_miss_is_told_once_as_it_is_where_it_is_worst(tmp_path: Path) -> None:
    study = made_study(tmp_path, seeds=3)
    told = numbers(content_of(study, tmp_path))
    of_setting = next(each["members"] for each in told["settings"] if each["name"] == told["chosen"])
    # the same truth in all runs, and one of them wrong throughout
    first, *others = (RunDirectory(tmp_path / each) for each in of_setting)
    shutil.copy(first.path / "scores.json", others[0].path)
    shutil.copy(next(first.path.glob("*.safetensors")), others[0].path)
    bouts = numbers(content_of(study, tmp_path))["bad_bouts"]
    keys = [
        tuple(map(str, (each[key] for key in ("sort", "recording", "behaviour", "start")))) for each in bouts
    ]
    assert len(set(keys)) == len(keys)
    shared = [each for each in bouts if each["others"]]
    assert shared
    assert {(each["member"], *each["others"]) for each in shared} == {(first.id, others[0].id)}
    page = parsed(study, tmp_path)
    assert f"{first.id} and 1 more run" in " ".join(page.text.split())


def test_each_member_with_its_settings(study: tuple[Study, Path], study_page: Page) -> None:
    rows = study_page.rows("every run")
    assert {name: [row[0][0], row[1][0]] for name, row in rows.items()} == {
        member.id: [member.settings["model"], str(member.settings["seed"])] for member in study[0].members
    }


def test_members_that_are_missing_running_and_failed_are_told(tmp_path: Path) -> None:
    found = made_study(tmp_path, seeds=2)
    absent, running, failed, _ = found.runs(tmp_path)
    for run in (running, failed):
        run.scores.unlink()
    made_record(running.id, state="running", epoch=3).save(running)
    made_record(failed.id, state="failed", failure="the loss became nan").save(failed)
    for file in sorted(absent.path.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    shown = parsed(found, tmp_path)
    assert f"{absent.id}: It was not begun here." in shown.text
    assert f"{running.id}: It was interrupted after epoch 3 of 8" in shown.text
    assert f"{failed.id}: It failed: the loss became nan" in shown.text
    assert [text for text, _ in shown.rows("scores of settings")["model=gru"][:2]] == ["2", "1"]


def test_several_classes_at_once_have_a_row_each(tmp_path: Path) -> None:
    run = made_run(tmp_path, "rats-0123456789", exclusive=False)
    shown = parsed(run, tmp_path)
    (frames, _) = read_frames(run, scores_of(run))["validation"]
    rows = unpacked(shown.data("ethogram-data")["ethograms"][0]["packed"])
    assert rows["annotated"] == frames.truth.T.tolist()
    assert rows["predicted"] == frames.predicted.T.tolist()
    assert "A frame may have several classes" in shown.text
    assert "confusion" not in shown.tables
