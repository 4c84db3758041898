"""The V3 model: its names, its arithmetic, and all three positional encodings."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import nn

from mabe_core import Component, DataShape
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_text, resolve
from mabe_plugins.transformer import TransformerConfig

SHAPE = DataShape(input_dim=28, num_classes=4, class_names=tuple("abcd"), sequence_length=64)


def transformer(shape: DataShape = SHAPE, **config: object) -> nn.Module:
    settings = "".join(f"\n  {key}: {value}" for key, value in config.items())
    text = f"name: x\nmodel:\n  name: transformer{settings}\ndata: {{dataset: synthetic}}\n"
    experiment = resolve(read_text(text, "test.yaml"), load_plugins())
    torch.manual_seed(0)
    return experiment.model.build(shape)


def test_parameters_are_named_as_in_v3_and_are_as_many():
    model = transformer()
    assert {name.partition(".")[0] for name in model.state_dict()} == {
        "input_proj",
        "pos_encoder",
        "transformer",
        "fc",
    }
    layer = 4 * 256 * 256 + 4 * 256 + 2 * 256 * 1024 + 1024 + 256 + 4 * 256
    expected = 28 * 256 + 256 + 4 * layer + 256 * 4 + 4
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_it_computes_what_v3s_own_module_computes():
    model = transformer().eval()
    layer = nn.TransformerEncoderLayer(256, 8, 1024, 0.1, batch_first=True)
    twin = nn.ModuleDict(
        {
            "input_proj": nn.Linear(28, 256),
            "transformer": nn.TransformerEncoder(layer, 4, enable_nested_tensor=False),
            "fc": nn.Linear(256, 4),
        }
    ).eval()
    state = model.state_dict()
    table = state.pop("pos_encoder.pe")
    twin.load_state_dict(state)
    x = torch.randn(3, 64, 28)
    expected = twin["fc"](twin["transformer"](twin["input_proj"](x) + table[:, :64]))
    torch.testing.assert_close(model(x), expected)


@pytest.mark.parametrize("encoding", ["sinusoidal", "learned", "rotary"])
def test_each_encoding_tells_frames_apart_and_trains_every_parameter(encoding):
    model = transformer(
        hidden_dim=32, num_layers=2, num_heads=4, dropout=0.0, positional_encoding=f"{{name: {encoding}}}"
    )
    x = torch.randn(2, 64, 28)
    scores = model(x)
    assert scores.shape == (2, 64, 4)
    order = torch.randperm(64)
    model.eval()
    with torch.no_grad():
        assert not torch.allclose(model(x)[:, order], model(x[:, order]), atol=1e-4)
    scores.square().sum().backward()
    untrained = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert untrained == []


def test_rotary_attention_without_rotation_is_torchs_own():
    plain = transformer(hidden_dim=32, num_layers=1, num_heads=4, dropout=0.0).eval()
    rotary = transformer(
        hidden_dim=32, num_layers=1, num_heads=4, dropout=0.0, positional_encoding="rotary"
    ).eval()
    rotary.load_state_dict(
        {k: v for k, v in plain.state_dict().items() if "pos_encoder" not in k}, strict=False
    )
    rotary.pos_encoder.cos.fill_(1.0)
    rotary.pos_encoder.sin.fill_(0.0)
    plain.pos_encoder.pe.zero_()
    x = torch.randn(2, 64, 28)
    torch.testing.assert_close(rotary(x), plain(x))


def test_a_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiple of num_heads"):
        TransformerConfig(hidden_dim=30, num_heads=8, positional_encoding=Component("sinusoidal"))


@pytest.mark.parametrize("encoding", ["sinusoidal", "learned", "rotary"])
def test_windows_of_1024_frames_are_seen_from_end_to_end(encoding):
    shape = attrs.evolve(SHAPE, sequence_length=1024)
    model = transformer(
        shape, hidden_dim=16, num_layers=1, num_heads=2, positional_encoding=f"{{name: {encoding}}}"
    )
    model.eval()
    x = torch.randn(1, 1024, 28)
    far = x.clone()
    far[:, -1] += 3.0
    with torch.no_grad():
        scores, other = model(x), model(far)
    assert scores.shape == (1, 1024, 4)
    assert (scores[:, 0] - other[:, 0]).abs().max() > 1e-7


@pytest.mark.parametrize("encoding", ["sinusoidal", "rotary"])
def test_attention_over_a_long_window_never_holds_all_pairs_of_frames(encoding):
    frames = 1024
    shape = attrs.evolve(SHAPE, sequence_length=frames)
    model = transformer(
        shape, hidden_dim=16, num_layers=1, num_heads=2, dropout=0.0, positional_encoding=encoding
    )
    sizes = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.randn(1, frames, 28))
    assert max(sizes) < frames * frames
