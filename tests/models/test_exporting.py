"""Exports: whole, the same bytes each time, never over what is there, and ONNX that agrees with torch."""

from __future__ import annotations

import filecmp
import json
import shutil

import pytest

from mabe_core.errors import UserError
from mabe_core.models.finding import find_model
from tests.conftest import TINY

ENCODINGS = ("sinusoidal", "learned", "rotary")


def test_an_export_is_a_model_by_itself_and_the_same_each_time(mabe, runs, tmp_path):
    mabe("models", "add", runs[0].name, "--name", "rats", "--alias", "best")
    for target in ("one", "two"):
        outcome = mabe("export", "rats@best", "-o", tmp_path / target)
        assert outcome.code == 0, outcome.err
    names = {
        path.relative_to(tmp_path / "one").as_posix()
        for path in (tmp_path / "one").rglob("*")
        if path.is_file()
    }
    assert {
        "README.md",
        "MODEL_CARD.md",
        "entry.json",
        "experiment.yaml",
        "plugins/tiny.py",
        "model.onnx",
    } < names
    assert filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", names, shallow=False)[0] == [*names]
    shutil.rmtree(tmp_path / "runs")
    shutil.rmtree(tmp_path / "models")
    source = find_model(f"{tmp_path}/one", tmp_path / "runs", tmp_path / "models")
    assert source.name == "rats@1"
    assert b"tmp" not in (tmp_path / "one" / "model.onnx").read_bytes()


def test_an_export_is_never_written_over_anything(mabe, runs, tmp_path):
    target = tmp_path / "mine"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    outcome = mabe("export", runs[0].name, "-o", target, "--no-onnx")
    assert outcome.code == 2
    assert "nothing is written over" in outcome.err
    assert [path.name for path in target.iterdir()] == ["notes.txt"]
    (target / "notes.txt").unlink()
    assert mabe("export", runs[0].name, "-o", target, "--no-onnx").code == 0


def test_an_export_that_cannot_be_written_is_the_users_to_mend(mabe, runs, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = mabe("export", runs[0].name, "-o", tmp_path / "file" / "given", "--no-onnx")
    assert outcome.code == 2
    assert "cannot be written" in outcome.err


def test_a_changed_export_is_not_used(mabe, runs, tmp_path):
    assert mabe("export", runs[0].name, "-o", tmp_path / "out", "--no-onnx").code == 0
    (tmp_path / "out" / "plugins" / "tiny.py").write_text("print('other')\n")
    with pytest.raises(UserError, match=r"tiny\.py was changed"):
        find_model(f"{tmp_path}/out", tmp_path / "runs", tmp_path / "models")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_onnx_gives_torchs_scores_for_any_number_of_windows(mabe, tmp_path, encoding):
    onnxruntime = pytest.importorskip("onnxruntime")
    import torch
    from safetensors.torch import load_file

    file = tmp_path / "tiny.yaml"
    file.write_text(TINY.replace("epochs: 4", "epochs: 1"))
    assert mabe("run", file, "--set", f"model.positional_encoding={encoding}").code == 0
    (run,) = (tmp_path / "runs").iterdir()
    out = tmp_path / "out"
    assert mabe("export", run.name, "-o", out).code == 0
    session = onnxruntime.InferenceSession(out / "model.onnx")
    # the oracle is built here from the weights, not by what exports
    from mabe_core import DataShape
    from mabe_core.discovery import load_plugins
    from mabe_core.experiment import read_document, resolve

    document = read_document(out / "experiment.yaml")
    experiment = resolve(document, load_plugins(document.plugin_files))
    model = experiment.model.build(DataShape(8, 2, ("apart", "meet"), 16)).eval()
    model.load_state_dict(load_file(next(out.rglob("model.safetensors"))))
    for batch in (1, 2, 7, 33):
        inputs = torch.randn(batch, 16, 8, generator=torch.Generator().manual_seed(batch))
        with torch.no_grad():
            expected = model(inputs)
        (found,) = session.run(None, {"inputs": inputs.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=0, atol=1e-4)


NO_ONNX = """
import attrs
from mabe_core import ModelSpec, hookimpl

@attrs.frozen
class SortedConfig:
    \"\"\"Scores that come of the largest frames of a window, however many those are.\"\"\"

def build(config, data):
    import torch
    from torch import nn

    class Sorted(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(data.input_dim, data.num_classes)

        def forward(self, inputs):
            if inputs.sum().item() > 0:
                inputs = inputs.flip(1)
            return self.fc(inputs)

    return Sorted()

@hookimpl
def mabe_models():
    return [ModelSpec(name="sorted", config=SortedConfig, build=build)]
"""


def test_a_model_that_onnx_cannot_hold_is_exported_without_it_and_told_once(mabe, tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "sorted.py").write_text(NO_ONNX)
    file = tmp_path / "tiny.yaml"
    model = TINY[TINY.index("model:") : TINY.index("optimizer:")]
    file.write_text(TINY.replace(model, "model: sorted\n").replace("epochs: 4", "epochs: 1"))
    assert mabe("run", file, "-p", tmp_path / "sorted.py").code == 0
    (run,) = (tmp_path / "runs").iterdir()
    outcome = mabe("export", run.name, "-o", tmp_path / "out")
    assert outcome.code == 0
    assert outcome.err.count("there is no model.onnx") == 1
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out" / "model.onnx").exists()
    assert "model.onnx" not in json.loads((tmp_path / "out" / "entry.json").read_text())["files"]


def test_without_the_extra_the_export_says_how_to_get_it(mabe, runs, tmp_path, monkeypatch):
    monkeypatch.setattr("mabe_core.models.exporting.missing_packages", lambda: ["onnxscript"])
    outcome = mabe("export", runs[0].name, "-o", tmp_path / "out")
    assert outcome.code == 0
    assert "pip install 'mabe-core[onnx]'" in outcome.err
