"""Every wrong experiment ends in one screen that names file, line and nearest word, with exit status 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TINY

BOMB = "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\nname: bomb\n"
MERGES = "name: bomb\nbase: &base {a: 1}\nmodel:\n  <<: *base\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TINY + "sede: 3\n", "bad.yaml:21: sede: there is no key `sede` in the experiment itself. Did you mean 'seed'?"),
        (TINY.replace("name: transformer", "name: transfromer"), "bad.yaml:8: model: no model is named 'transfromer'. Did you mean 'transformer'?"),
        (TINY.replace("hidden_dim: 16", "hidden_dim: wide"), "bad.yaml:9: model.hidden_dim: expects a whole number"),
        (TINY + "seed: 8\n", "bad.yaml:21: the key `seed` was already given on line 2"),
        (TINY.replace("name: tiny\n", "name: tiny\nextends: tiny_base.yaml\n"), "bad.yaml:2: "),
        (TINY.replace("name: tiny\n", "name: tiny\nextends: bad.yaml\n"), "bad.yaml"),
        (BOMB, "bad.yaml:1"),
        (MERGES, "bad.yaml:2"),
        ("", "bad.yaml"),
        ("[" * 3000, "bad.yaml:1"),
        ("\x00\x01\x7f\n", "bad.yaml"),
        (TINY.replace("epochs: 4", "epochs: 4.5"), "bad.yaml:15: training.epochs: expects a whole number"),
        (TINY.replace("tiny.py", "tinny.py"), "Did you mean"),
    ],
    ids=[
        "unknown key",
        "unknown component",
        "wrong type",
        "duplicate key",
        "missing parent",
        "extends cycle",
        "alias bomb",
        "merge bomb",
        "empty file",
        "brackets",
        "binary rubbish",
        "fraction",
        "missing plugin file",
    ],
)  # fmt: skip
def test_a_wrong_experiment_file(mabe, tmp_path, text, told):
    file = tmp_path / "bad.yaml"
    file.write_text(text, encoding="utf-8")
    outcome = mabe("run", file)
    assert outcome.code == 2
    assert told in outcome.err
    assert len(outcome.err.splitlines()) < 25
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "runs").exists()


def test_a_directory_and_a_missing_file(mabe, tmp_path, tiny):
    assert mabe("run", tmp_path).code == 2
    missing = mabe("run", tmp_path / "tinny.yaml")
    assert missing.code == 2
    assert f"Did you mean '{tiny}'?" in missing.err


@pytest.fixture
def pose_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an experiment on two recordings in DeepLabCut's and Caltech's formats, named as data."""
    folder = tmp_path / "data" / "dots"
    folder.mkdir(parents=True)
    for number in (1, 2):
        points = np.random.default_rng(number).normal(100, 5, size=(120, 4))
        header = ["scorer" + ",s" * 6, "individuals" + ",a" * 3 + ",b" * 3]
        header += ["bodyparts" + ",nose" * 6, "coords" + ",x,y,likelihood" * 2]
        rows = [
            f"{frame},{a:.3f},{b:.3f},0.9,{c:.3f},{d:.3f},0.9" for frame, (a, b, c, d) in enumerate(points)
        ]
        (folder / f"{number}DLC.csv").write_text("\n".join([*header, *rows]) + "\n", encoding="utf-8")
        bouts = "\n".join(
            f"   \t{start}\t{start + 29}\t{name}"
            for start, name in ((1, "rest"), (31, "run"), (61, "rest"), (91, "run"))
        )
        (folder / f"{number}_annot.txt").write_text(
            "Caltech Behavior Annotator - Annotation File\n\nConfiguration file:\nrest\tr\nrun\tu\n\n"
            f"S1:\tstart\tend\ttype\n-----------------------------\n{bouts}\n",
            encoding="utf-8",
        )
    monkeypatch.setenv("MABE_DATA", str(tmp_path / "data"))
    file = tmp_path / "dots.yaml"
    dataset = (
        "{name: pose_files, folder: dots, labels: caltech, fps: 30, classes: [rest, run], "
        'pose_pattern: "{session}DLC.csv", labels_pattern: "{session}_annot.txt"}'
    )
    text = TINY.replace(
        "dataset: {name: tiny}", f"dataset: {dataset}\n  split: {{name: recordings, validation: 0.5}}"
    )
    file.write_text(text.replace("name: tiny\n", "name: dots\n", 1), encoding="utf-8")
    return file


def test_a_label_file_that_changed_in_between_is_told_and_nothing_is_lost(
    mabe, pose_files, tmp_path, monkeypatch
):
    monkeypatch.delenv("MABE_DATA")
    words = ("run", pose_files, "--data-dir", tmp_path / "data", "--set", "training.epochs=1")
    assert mabe(*words).code == 0
    label_file = tmp_path / "data" / "dots" / "2_annot.txt"
    before = label_file.read_text(encoding="utf-8")
    label_file.write_text(before.replace("\t31\t60\trun", "\t31\t60\trest"), encoding="utf-8")
    changed = mabe(*words)
    assert changed.code == 2
    assert "dots/2_annot.txt has other content" in changed.err
    assert "--fresh" in changed.err
    fresh = mabe(*words, "--fresh")
    assert fresh.code == 0, fresh.err
    assert len(list((tmp_path / "runs").glob("dots-*"))) == 2
    label_file.write_text(before, encoding="utf-8")
    assert mabe(*words).code == 2
