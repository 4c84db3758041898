"""V3's weights: the imported model predicts what the original does; what cannot be carried is refused by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mabe_core import DataShape
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, resolve
from tests.conftest import TINY
from tests.importing.v3_module import Learned, Original, Places

FRAMES, INPUTS = 16, 8
NAMES = [
    ("input_proj", "pos_encoder", "transformer", "classifier"),
    ("input_projection", "positional_encoding", "encoder", "fc"),
    ("embedding", "pe", "transformer_encoder", "head"),
    ("input_layer", "pos_enc", "backbone", "output_layer"),
]


@pytest.fixture
def importing(mabe, tmp_path: Path):
    """Return a function that saves something and imports it; it returns the outcome."""
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY.replace("num_layers: 1", "num_layers: 2"), encoding="utf-8")

    def run(saved: Any, *words: object):
        torch.save(saved, tmp_path / "best_model.pth")
        return mabe("import", tmp_path / "best_model.pth", "--experiment", file, *words)

    return run


def imported_model(tmp_path: Path) -> nn.Module:
    """Build the model of the one imported run from what lies in its directory."""
    (run,) = (tmp_path / "runs").iterdir()
    document = read_document(run / "experiment.yaml")
    experiment = resolve(document, load_plugins(document.plugin_files))
    model = experiment.model.build(DataShape(INPUTS, 2, ("apart", "meet"), FRAMES))
    best = json.loads((run / "best.json").read_text())["checkpoint"]
    model.load_state_dict(load_file(run / "checkpoints" / best / "model.safetensors"))
    return model.eval()


def assert_predicts_alike(original: nn.Module, imported: nn.Module) -> None:
    inputs = torch.randn(5, FRAMES, INPUTS, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(imported(inputs), original.eval()(inputs), rtol=0, atol=1e-6)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(5)


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
def test_an_imported_model_predicts_what_the_original_does(importing, tmp_path, names):
    original = Original(names)
    outcome = importing(original.state_dict())
    assert outcome.code == 0, outcome.err
    assert_predicts_alike(original, imported_model(tmp_path))
    if names[3] != "fc":
        assert f"{names[3]} is fc" in outcome.out


def wrapped(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    return {
        "model_state_dict": state,
        "epoch": 12,
        "best_val_f1": 0.71,
        "config": {"num_heads": 2, "epochs": 3},
    }


def prefixed(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"module._orig_mod.{name}": tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    "save",
    [
        wrapped,
        prefixed,
        lambda state: {"state_dict": prefixed(state), "optimizer_state_dict": {"state": {}}},
        lambda state: dict(reversed(list(state.items()))),
        lambda state: {name: tensor.double() for name, tensor in state.items()},
    ],
    ids=["with-epoch", "prefixes", "lightning-like", "other-order", "double"],
)
def test_what_is_around_the_tensors_does_not_matter(importing, tmp_path, save: Callable[[Any], Any]):
    original = Original()
    outcome = importing(save(original.state_dict()))
    assert outcome.code == 0, outcome.err
    assert_predicts_alike(original, imported_model(tmp_path))


def test_places_are_carried_wherever_a_script_puts_the_batch(importing, tmp_path):
    original = Original(places=Places(16, batch_second=True))
    assert importing(original.state_dict()).code == 0
    assert_predicts_alike(original, imported_model(tmp_path))


def test_learned_places_are_carried_into_a_learned_encoding(importing, tmp_path):
    original = Original(places=Learned(16, FRAMES))
    refused = importing(original.state_dict(), "--name", "other")
    assert refused.code == 2
    assert "pos_encoder.pos_embedding" in refused.err
    assert "positional_encoding" in refused.err
    assert importing(original.state_dict(), "--set", "model.positional_encoding=learned").code == 0
    assert_predicts_alike(original, imported_model(tmp_path))


def test_places_that_the_file_lacks_are_the_experiments_own_and_told(importing, tmp_path):
    original = Original()
    state = {name: tensor for name, tensor in original.state_dict().items() if not name.endswith("pe")}
    outcome = importing(state)
    assert "pos_encoder.pe is not in the file" in outcome.out
    assert_predicts_alike(original, imported_model(tmp_path))


class Blocks(nn.Module):
    """An encoder of blocks of its own, whose parts have other names within them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(INPUTS, 16)
        self.places = Places(16)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(16, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.places(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 16))
        self.ln_1, self.ln_2 = nn.LayerNorm(16), nn.LayerNorm(16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.ln_1(x + self.attention(x, x, x)[0])
        return self.ln_2(x + self.mlp(x))


def test_parts_are_found_by_shapes_and_order_where_their_names_say_nothing(importing, tmp_path):
    original = Blocks()
    outcome = importing(original.state_dict())
    assert outcome.code == 0, outcome.err
    assert "blocks is transformer.layers, tensor by tensor in their order" in outcome.out
    assert "head.1 is fc" in outcome.out
    assert_predicts_alike(original, imported_model(tmp_path))


def test_the_run_says_that_it_was_imported_and_is_finished(importing, mabe, tmp_path):
    outcome = importing(wrapped(Original().state_dict()))
    assert "the file itself says: epoch 12, best_val_f1 0.71" in outcome.out
    (run,) = (tmp_path / "runs").iterdir()
    record = json.loads((run / "record.json").read_text())
    assert record["state"] == "finished"
    assert record["imported"]["file"] == "best_model.pth"
    assert len(record["imported"]["sha256"]) == 64
    assert "is finished" in mabe("run", "--resume", run.name).out
    assert mabe("models", "add", run.name, "--name", "v3", "--alias", "best").code == 0
    assert "its weights were imported" in mabe("models", "card", "v3").out
    again = importing(wrapped(Original().state_dict()))
    assert again.code == 2
    assert "`--name NAME`" in again.err


@pytest.mark.parametrize(
    ("original", "words", "told"),
    [
        (lambda: Original(layers=4), [], ["transformer.layers.3 (12 tensors) is left over", "num_layers 4"]),
        (
            lambda: Original(width=32),
            [],
            ["input_proj.weight is (32, 8), the model's (16, 8)", "hidden_dim 32"],
        ),
        (
            lambda: Original(norm=nn.LayerNorm(16)),
            [],
            ["transformer.norm.weight (16,) is left over", "post-norm"],
        ),
        (
            lambda: Original(head=nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))),
            [],
            ["classifier.0.weight (16, 16) is left over"],
        ),
        (lambda: Original(classes=3), [], ["fc.weight (2, 16)", "classifier.weight (3, 16)"]),
        (lambda: Original(places=Places(16, 100)), [], ["pos_encoder.pe", "max_len"]),
    ],
    ids=["layers", "width", "final-norm", "head", "classes", "places"],
)
def test_what_cannot_be_carried_is_refused_by_name_in_one_message(importing, tmp_path, original, words, told):
    outcome = importing(original().state_dict(), *words)
    assert outcome.code == 2
    for each in told:
        assert each in outcome.err
    assert "Traceback" not in outcome.err
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"activation": "gelu"}, "activation gelu"),
        ({"norm_first": True}, "norm_first True"),
        ({"num_heads": 4}, "num_heads 4, and the experiment has 2"),
    ],
)
def test_what_no_tensor_shows_is_taken_from_the_files_own_settings(importing, config, told):
    outcome = importing({"model_state_dict": Original().state_dict(), "config": config})
    assert outcome.code == 2
    assert told in outcome.err


class Planted:
    """Runs a command where it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        import os

        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_planted_command_does_not_run(mabe, tmp_path, tiny, legacy):
    target = tmp_path / "planted"
    file = tmp_path / "evil.pth"
    torch.save({"model": Planted(target)}, file, _use_new_zipfile_serialization=not legacy)
    outcome = mabe("import", file, "--experiment", tiny)
    assert outcome.code == 2
    assert "could run code: it was not read" in outcome.err
    assert not target.exists()


def test_what_is_no_file_of_tensors_is_told(mabe, tmp_path, tiny, importing):
    (tmp_path / "text.pth").write_text("no weights")
    for file in ("text.pth", "nowhere.pth"):
        outcome = mabe("import", tmp_path / file, "--experiment", tiny)
        assert outcome.code == 2
        assert file in outcome.err
    assert "its keys are: epoch" in importing({"epoch": 3}).err
    assert "save model.state_dict()" in importing([1, 2]).err
    assert "name the --experiment" in mabe("import", tmp_path / "text.pth").err


def test_a_file_that_is_cut_off_is_told(importing, mabe, tmp_path, tiny):
    shutil.rmtree(tmp_path / "runs", ignore_errors=True)
    torch.save(Original().state_dict(), tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:5000])
    outcome = mabe("import", tmp_path / "cut.pth", "--experiment", tiny)
    assert outcome.code == 2
    assert "is no file that torch.save wrote, or only a part of one" in outcome.err
    assert "copy it again" in outcome.err
