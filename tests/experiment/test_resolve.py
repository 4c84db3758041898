"""A document becomes an experiment strictly: what is wrong is told, all of it, each with its line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mabe_core.experiment import Experiment

DATASET = """\
name: x
model: gru
data:
  dataset:
    name: pose_files
    folder: rats
    {}
"""


def test_a_small_experiment_is_complete(load: Callable[..., Experiment]) -> None:
    experiment = load("name: x\nmodel: gru\ndata: {dataset: synthetic}\n")
    assert experiment.training.epochs == 10
    assert experiment.optimizer.config.learning_rate == 1e-3
    assert [metric.name for metric in experiment.metrics] == ["accuracy", "f1"]
    assert all(metric.spec is not None for metric in experiment.metrics)


def test_a_whole_number_may_stand_for_a_float_and_becomes_one(load: Callable[..., Experiment]) -> None:
    experiment = load("name: x\nmodel: gru\ndata: {dataset: synthetic}\ntraining: {grad_clip: 2}\n")
    assert type(experiment.training.grad_clip) is float


def test_a_default_is_typed_like_a_given_value(load: Callable[..., Experiment]) -> None:
    config = load("name: x\nmodel: transformer\ndata: {dataset: synthetic}\n").model.config
    assert type(config.positional_encoding.config.base) is float


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("seed: abc", "seed: expects a whole number, not the text 'abc'."),
        ("seed: '3'", "seed: expects a whole number, not the text '3'. Leave out the quotes."),
        ("seed: 3.0", "seed: expects a whole number, not the number 3.0."),
        ("seed: 1e3", "seed: expects a whole number, not the number 1000.0."),
        ("seed: true", "seed: expects a whole number, not true."),
        ("seed:", "seed: expects a whole number, not null."),
        ("seed: -1", "seed: must be >= 0, not -1."),
        ("description: 3", "description: expects text, not the whole number 3. Put it in quotes"),
        ("description: true", "description: expects text, not true. Put it in quotes"),
        ("description: [a]", "description: expects text, not a list."),
        ("training: {grad_clip: '1'}", "training.grad_clip: expects a number or null, not the text '1'."),
        ("training: {grad_clip: true}", "training.grad_clip: expects a number or null, not true."),
        ("training: {grad_clip: 0}", "training.grad_clip: must be > 0, not 0."),
        ("training: {grad_clip: .nan}", "training.grad_clip: must be > 0, not nan."),
        (
            "training: {precision: flaot32}",
            "training.precision: expects 'auto', 'float32', 'bfloat16', 'float16' or 'float64', not the text 'flaot32'."
            " Did you mean 'float32'?",
        ),
        ("training:", "training: expects a map with `epochs`"),
        ("training: [1]", "training: expects a map with `epochs`"),
        ("metrics: f1", "metrics: expects a list of metrics, not the text 'f1'."),
        ("plugins: {a: b}", "plugins: expects a list of texts, not a map."),
        ("device: gpu", "device: must be of the form auto|cpu|mps|cuda"),
        ("sede: 3", "sede: there is no key `sede` in the experiment itself. Did you mean 'seed'?"),
        ("epochs: 3", "epochs: `epochs` is a key of training, not of the experiment itself."),
        (
            "training: {order: 1}",
            "training.order: `order` is a key of feature 'motion', which this experiment does not name, not of training.",
        ),
        (
            "training: {bidirectoinal: 1}",
            "training.bidirectoinal: there is no key `bidirectoinal` in training."
            " Did you mean 'bidirectional', a key of model (gru)?",
        ),
        (
            "extend: a.yaml",
            "extend: there is no key `extend` in the experiment itself. Did you mean 'extends'?",
        ),
        (
            "training: {bidirectional: true}",
            "training.bidirectional: `bidirectional` is a key of model (gru), not of training.",
        ),
        ("training: {zzz: 1}", "training.zzz: there is no key `zzz` in training. Valid: epochs, batch_size"),
    ],
)
def test_a_wrong_value_or_key_is_told(complaints: Callable[..., list[str]], line: str, said: str) -> None:
    (complaint,) = complaints(f"name: x\nmodel: gru\ndata:\n  dataset: synthetic\n{line}\n")
    assert complaint.startswith(f"e.yaml:5: {said}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("fps: 30", None),
        ("fps: file", None),
        ("fps: fiel", "fps: expects a number or 'file', not the text 'fiel'. Did you mean 'file'?"),
        ("labels: null", "labels: there is no key `labels`"),
        ("pairs: [{pose: a}, {pose: b, labels: c}]", None),
        ("pairs: [{pose: a}, {labels: c}]", "pairs[1]: `pose` is missing."),
        ("pairs: [{pose: a, label: c}]", "pairs[0].label: there is no key `label` in data.dataset.pairs[0]."),
        ("pairs: [a]", "pairs[0]: expects a map with `pose`, `labels`, not the text 'a'."),
        ("rename: {a: b}", None),
        ("rename: {a: b, c: 3}", "rename.c: expects text, not the whole number 3."),
        ("rename: [a]", "rename: expects a map from text to texts, not a list."),
        ("crop: [1, 2]", None),
        ("crop: [1, b]", "crop[1]: expects a whole number, not the text 'b'."),
        ("crop: [1]", "crop: expects a list of 2 (a whole number, a whole number), not one of 1."),
        ("crop: 3", "crop: expects a list of 2 (a whole number, a whole number) or null, not the whole"),
        ("classes: [a, no]", None),
        ("classes: [a, 1]", "classes[1]: expects text, not the whole number 1."),
        ("classes: a", "classes: expects a list of texts, not the text 'a'."),
    ],
)
def test_lists_maps_and_alternatives_are_strict_inside(
    load: Callable[..., Experiment], complaints: Callable[..., list[str]], line: str, said: str | None
) -> None:
    text = DATASET.format(line)
    if said is None:
        load(text)
    else:
        (complaint,) = complaints(text)
        assert complaint.startswith(f"e.yaml:7: data.dataset.{said}")


def test_values_have_the_types_that_the_config_declares(load: Callable[..., Experiment]) -> None:
    config = load(DATASET.format("classes: [a]\n    crop: [1, 2]\n    fps: 30")).data.dataset.config
    assert (config.classes, config.crop, config.fps) == (["a"], (1, 2), 30.0)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("{name: transformer, dropout: 1}", "model.dropout: must be < 1, not 1."),
        ("{name: transformer, hidden_dim: 0}", "model.hidden_dim: must be > 0, not 0."),
        ("{name: gru, hidden_dim: x}", "model.hidden_dim: expects a whole number, not the text 'x'."),
    ],
)
def test_a_config_s_own_rules_are_told_in_plain_words(
    complaints: Callable[..., list[str]], model: str, said: str
) -> None:
    assert complaints(f"name: x\ndata: {{dataset: synthetic}}\nmodel: {model}\n")[0].startswith(
        f"e.yaml:3: {said}"
    )


def test_the_rules_of_lists_and_choices_are_told_too(complaints: Callable[..., list[str]]) -> None:
    assert complaints(
        "name: x\nmodel: gru\ndata:\n  dataset: {name: synthetic, frequencies: [1, -2]}\n"
        "  features: [{name: motion, order: 3}]\n"
    ) == [
        "e.yaml:4: data.dataset.frequencies: item 1 must be >= 0, not -2.",
        "e.yaml:5: data.features[0].order: must be one of 1, 2, not 3.",
    ]


def test_a_rule_about_several_fields_is_told_of_their_map(complaints: Callable[..., list[str]]) -> None:
    assert complaints(
        "name: x\nmodel: gru\ndata: {dataset: synthetic}\nscheduler:\n  name: cosine\n  min_lr: 3\n"
    ) == ["e.yaml:4: scheduler: min_lr and warmup do not go together."]


def test_what_is_missing_is_told_of_the_map_that_lacks_it(complaints: Callable[..., list[str]]) -> None:
    assert complaints("name: x\ndata:\n  frame_gap: 2\n") == [
        "e.yaml:1: `model` is missing: what is trained.",
        "e.yaml:2: data: `dataset` is missing: where recordings and labels come from.",
    ]


def test_everything_wrong_is_told_together_in_the_order_of_lines(
    complaints: Callable[..., list[str]],
) -> None:
    told = complaints(
        "name: My Try\nseed: x\nmodel: {name: transfromer}\ndata:\n  dataset: synthetic\n  dataset: other\n"
        "  features: [motoin, {name: motion, oder: 1}]\nepoch: 3\ntraining: {epochs: 0, batch_size: 1.5}\n"
    )
    assert [complaint.split(": ")[:2] for complaint in told] == [
        ["e.yaml:1", "name"],
        ["e.yaml:2", "seed"],
        ["e.yaml:3", "model"],
        ["e.yaml:6", "the key `dataset` was already given on line 5. Keep one of the two."],
        ["e.yaml:7", "data.features[0]"],
        ["e.yaml:7", "data.features[1].oder"],
        ["e.yaml:8", "epoch"],
        ["e.yaml:9", "training.epochs"],
        ["e.yaml:9", "training.batch_size"],
    ]


def test_more_than_a_screen_is_cut(complaints: Callable[..., list[str]]) -> None:
    told = complaints("name: x\nmodel: gru\ndata: {dataset: synthetic, features: [" + "a, " * 5000 + "]}\n")
    assert len(told) == 21
    assert told[-1] == "… and 30 more, at least."
