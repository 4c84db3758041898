"""`activation_checkpointing`: the same losses to the bit, in less memory, whatever the model."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import nn

from mabe_core.training.choosing import choose_step
from mabe_core.training.recomputing import blocks, recompute
from mabe_core.training.state import capture
from tests.training.attempts import RANDOM, assert_same_runs, run_whole
from tests.training.stepping import CPU, FLOAT32, FLOAT64, experiment_of, fresh, parts_of, train

DROPOUT = "dropout: 0.3"
MODELS = {
    "transformer": f"{{name: transformer, hidden_dim: 16, num_layers: 3, num_heads: 2, {DROPOUT}}}",
    "rotary": f"{{name: transformer, hidden_dim: 16, num_layers: 3, num_heads: 2, {DROPOUT}, "
    "positional_encoding: rotary}",
    "conv1d_bilstm": f"{{name: conv1d_bilstm, channels: 16, hidden_dim: 16, {DROPOUT}}}",
    "tcn": f"{{name: tcn, channels: 16, {DROPOUT}}}",
    "ms_tcn": f"{{name: ms_tcn, channels: 16, {DROPOUT}}}",
    "c2f_tcn": f"{{name: c2f_tcn, channels: 16, {DROPOUT}}}",
}


def silent(message: str) -> None:
    pytest.fail(message)


def built(tmp_path, model: str, recomputed: bool, *settings: str):
    experiment = experiment_of(
        tmp_path, f"model={model}", f"activation_checkpointing={str(recomputed).lower()}", *settings
    )
    parts, data = parts_of(experiment, FLOAT32, CPU)
    return choose_step(experiment, parts, data, FLOAT32, CPU, silent), data


def kept_bytes(step, data) -> int:
    """Return how many bytes autograd keeps of the forward pass, weights left out."""
    weights = {weight.untyped_storage().data_ptr() for weight in step.parts.model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    inputs, targets = data.feed.peek(data.train_starts[:32])
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = step.parts.loss(step.forward(inputs), targets)
    loss.backward()
    return sum(kept.values())


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_built_in_model_loses_the_same_to_the_bit_and_keeps_less(tmp_path, model):
    found = []
    for recomputed in (False, True):
        step, data = built(tmp_path, model, recomputed)
        kept = kept_bytes(step, data)
        torch.manual_seed(5)
        losses = train(step, data, fresh(CPU), 9)
        found.append((losses, kept, capture(step, fresh(CPU)).model))
    (losses, kept, weights), (again, less, same) = found
    assert again == losses
    assert list(same) == list(weights)
    assert all(torch.equal(same[name], weights[name]) for name in weights)
    assert less < 0.8 * kept, f"{less} bytes of {kept}"


def test_a_run_is_the_same_experiment_with_the_same_bits(tiny, tmp_path):
    settings = (*RANDOM, "model.num_layers=2")
    plain = run_whole(tiny, tmp_path / "plain", *settings)
    recomputed = run_whole(tiny, tmp_path / "recomputed", *settings, "activation_checkpointing=true")
    assert recomputed.run.id == plain.run.id
    assert_same_runs(recomputed, plain)


class Residual(nn.Module):
    """An outsider's block, which is told something beside its input."""

    def __init__(self, width: int, norm=nn.Identity) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), norm(width), nn.GELU(), nn.Linear(width, width))

    def forward(self, hidden, *, scale=1.0):
        return hidden + scale * self.inner(hidden)


class Outsider(nn.Module):
    """Blocks in lists inside lists, and one of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(8, 8)
        self.stages = nn.ModuleList(nn.ModuleList([Residual(8), nn.Linear(8, 8)]) for _ in range(2))
        self.heads = nn.ModuleDict({"one": nn.Sequential(nn.Linear(8, 8), nn.ReLU()), "two": Residual(8)})
        self.heads["three"] = self.heads["two"]

    def forward(self, inputs):
        hidden = self.enter(inputs)
        for block, linear in self.stages:
            hidden = linear(block(hidden, scale=0.5))
        return sum(head(hidden) for head in self.heads.values())


def test_blocks_are_found_by_a_rule_that_outsiders_models_follow_too():
    model = Outsider()
    assert blocks(model) == [
        model.stages[0][0],
        model.stages[1][0],
        model.heads["one"],
        model.heads["two"],
    ]
    assert blocks(nn.Sequential(nn.Linear(8, 8), nn.ReLU())) == []


def test_a_model_without_blocks_is_told_once(tmp_path):
    parts, data = parts_of(experiment_of(tmp_path), FLOAT64, CPU)
    told: list[str] = []
    linear = nn.Sequential(nn.Linear(8, 2)).double()
    assert not recompute(attrs.evolve(parts, model=linear), data, told.append)
    (message,) = told
    assert "changes nothing: the model has no blocks" in message


def test_running_statistics_are_not_counted_twice(tmp_path):
    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([Residual(16, lambda _: nn.BatchNorm1d(8)), Residual(16)])

        def forward(self, inputs):
            hidden = inputs.transpose(1, 2)  # (batch, inputs, 16 frames)
            for layer in self.layers:
                hidden = layer(hidden)
            return hidden.transpose(1, 2)[..., :2]

    parts, data = parts_of(experiment_of(tmp_path), FLOAT64, CPU)
    told: list[str] = []
    model = Normed().double().train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    recompute(attrs.evolve(parts, model=model), data, told.append)
    assert "leaves out 1 of 2 blocks" in told[0]
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, before[name]), "trying it out changes nothing"
    inputs, targets = data.feed.peek(data.train_starts[:4])
    parts.loss(model(inputs), targets).backward()
    assert int(model.layers[0].inner[1].num_batches_tracked) == 1


def test_who_draws_no_random_numbers_is_told_apart(tmp_path):
    for settings, draws in (((), False), (("model.dropout=0.1",), True)):
        parts, data = parts_of(experiment_of(tmp_path, *settings), FLOAT64, CPU)
        state = torch.get_rng_state()
        assert recompute(parts, data, silent) is draws
        assert torch.equal(torch.get_rng_state(), state)
