"""V3's flat file of settings becomes an experiment that resolves, and each key that is left out is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, resolve, to_tree

V3 = """\
# V3
train_data_dir: /vol/data/rat_dyad/train
val_data_dir: /vol/data/rat_dyad/val
model_type: transformer
input_dim: 28
num_classes: 4
hidden_dim: 128
num_layers: 6
num_heads: 4
dropout: 0.2
sequence_length: 48
frame_gap: 2
epochs: 100
batch_size: 24
learning_rate: 3e-4
weight_decay: 1e-5
optimizer: AdamW
grad_clip: 1.0
scheduler: cosine
min_lr: 1e-6
checkpoint_dir: /vol/checkpoints
save_freq: 3
device: cuda
seed: 11
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return V3's file, in a folder of the name of its try; the working directory is beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v3_modal_basic").mkdir()
    file = tmp_path / "v3_modal_basic" / "config.yaml"
    file.write_text(V3)
    return file


def test_every_setting_is_carried_or_named(mabe, settings):
    outcome = mabe("import", settings)
    assert outcome.code == 0, outcome.err
    written = Path("v3_modal_basic.yaml")
    tree = to_tree(resolve(read_document(written), load_plugins()))
    assert tree["model"] | {"positional_encoding": None, "feedforward_factor": None} == {
        "name": "transformer", "hidden_dim": 128, "num_layers": 6, "num_heads": 4, "dropout": 0.2,
        "positional_encoding": None, "feedforward_factor": None,
    }  # fmt: skip
    assert tree["model"]["positional_encoding"]["dropout"] == 0.2
    data = {key: tree["data"][key] for key in ("input_dim", "num_classes", "sequence_length", "frame_gap")}
    assert data == {"input_dim": 28, "num_classes": 4, "sequence_length": 48, "frame_gap": 2}
    training = {key: tree["training"][key] for key in ("epochs", "batch_size", "grad_clip")}
    assert training == {"epochs": 100, "batch_size": 24, "grad_clip": 1.0}
    assert (tree["optimizer"]["name"], tree["optimizer"]["learning_rate"]) == ("adamw", 3e-4)
    assert tree["optimizer"]["weight_decay"] == 1e-5
    assert (tree["scheduler"]["name"], tree["scheduler"]["min_lr"]) == ("cosine", 1e-6)
    assert (tree["checkpoint"]["every_epochs"], tree["device"], tree["seed"]) == (3, "cuda", 11)
    for line, key in ((2, "train_data_dir"), (3, "val_data_dir"), (21, "checkpoint_dir")):
        assert f"config.yaml:{line}: {key}: " in outcome.out
        assert f"#   {key}: " in written.read_text()
    assert outcome.out.count("config.yaml:") == 3
    assert mabe("run", written, "--dry-run").code == 0


def test_what_there_is_no_counterpart_of_is_named_with_what_stands_in_its_place(mabe, settings):
    text = V3.replace("AdamW", "sgd_of_their_own").replace("scheduler: cosine", "scheduler: plateau_like")
    settings.write_text(text.replace("seed: 11", "num_workers: 4\nepoch: 3\nseed: 11"))
    outcome = mabe("import", settings, "-o", "new.yaml")
    assert outcome.code == 0, outcome.err
    for told in (
        ":17: optimizer: there is no optimizer 'sgd_of_their_own' here",
        ":19: scheduler: there is no scheduler 'plateau_like' here",
        ":20: min_lr: it is the scheduler's",
        ":24: num_workers: no key of V3's settings that is known here",
        ":25: epoch: no key of V3's settings that is known here. Did you mean 'epochs'?",
    ):
        assert told in outcome.out
    tree = to_tree(resolve(read_document("new.yaml"), load_plugins()))
    assert tree["optimizer"]["name"] == "adamw"
    assert tree["scheduler"] is None


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("epochs: 100", "epochs: 0", "config.yaml:13: epochs: must be > 0"),
        ("num_heads: 4", "num_heads: many", "config.yaml:9: num_heads: expects a whole number"),
        ("num_heads: 4", "num_heads: 5", "config.yaml"),
        (
            "model_type: transformer",
            "model_type: transfromer",
            "config.yaml:4: model_type: no model is named",
        ),
        ("epochs: 100", "epochs: [1, 2]", "config.yaml:13: epochs: expects one value"),
        (V3, "a: 1\n", "none of the keys of V3's settings"),
        ("seed: 11", "seed: 11\nseed: 12", "seed"),
    ],
)
def test_a_value_that_cannot_be_is_told_where_it_stands(mabe, settings, before, after, told):
    settings.write_text(V3.replace(before, after))
    outcome = mabe("import", settings)
    assert outcome.code == 2
    assert told in outcome.err
    assert not Path("v3_modal_basic.yaml").exists()


def test_a_model_type_of_null_is_v3s_default(mabe, settings):
    settings.write_text(V3.replace("model_type: transformer", "model_type: null"))
    assert mabe("import", settings).code == 0
    tree = to_tree(resolve(read_document("v3_modal_basic.yaml"), load_plugins()))
    assert tree["model"]["name"] == "transformer"


def test_a_dropout_that_cannot_be_is_told_once(mabe, settings):
    settings.write_text(V3.replace("dropout: 0.2", "dropout: much"))
    told = mabe("import", settings).err
    assert told.count("dropout: expects a number, not the text 'much'") == 1


def test_numbers_in_quotes_are_numbers_as_in_v3(mabe, settings):
    settings.write_text(V3.replace("3e-4", '"3e-4"'))
    assert mabe("import", settings).code == 0
    tree = to_tree(resolve(read_document("v3_modal_basic.yaml"), load_plugins()))
    assert tree["optimizer"]["learning_rate"] == 3e-4


def test_nothing_is_written_over(mabe, settings):
    Path("v3_modal_basic.yaml").write_text("mine")
    outcome = mabe("import", settings)
    assert outcome.code == 2
    assert "nothing is written over" in outcome.err
    assert Path("v3_modal_basic.yaml").read_text() == "mine"


def test_a_text_in_the_settings_cannot_become_a_line_of_the_experiment(mabe, settings):
    settings.write_text(
        V3.replace("/vol/data/rat_dyad/train", '"a/b\\nseed: 99/c"').replace("checkpoint_dir", '"x\\nseed"')
    )
    assert mabe("import", settings, "--name", "mine").code == 0
    assert to_tree(resolve(read_document("mine.yaml"), load_plugins()))["seed"] == 11
