"""What a model promises: scores of the right shape at any shape of data, trainable, saved whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional

from mabe_core.exchange import DataShape
from mabe_core.testing.findings import Doubt, Fault, NotAsked, Subject, Suite
from mabe_core.testing.samples import SHAPES, noise
from mabe_core.testing.suites import modules
from mabe_core.testing.suites.modules import ModuleCase

# how a tiny problem is to be learned: a large model wants the smaller learning rate
RATES = (1e-2, 1e-3)
STEPS = 40
FALLS_TO = 0.8


def prepare(subject: Subject) -> ModuleCase:
    """Return the model at the usual shape of data, and at the others."""
    usual, *others = (_case(subject, shape) for shape in SHAPES)
    usual.built()  # one that cannot be built is told once, not by every check
    return attrs.evolve(usual, elsewhere=tuple(others))


def _case(subject: Subject, shape: DataShape) -> ModuleCase:
    frames, classes = shape.sequence_length, shape.num_classes

    def inputs(batch: int, dtype: torch.dtype, seed: int) -> Tensor:
        return noise(batch, frames, shape.input_dim, seed=seed, dtype=dtype)

    def run(model: nn.Module, given: Tensor) -> Tensor:
        scores = model(given)
        if not isinstance(scores, Tensor):
            raise Fault(f"forward returned {type(scores).__name__}, not a tensor of scores")
        return scores

    return ModuleCase(
        f"{shape.input_dim} inputs, {classes} classes, {frames} frames",
        lambda: subject.build(shape),
        inputs,
        run,
        lambda batch: (batch, frames, classes),
    )


def _loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of scores (batch, frames, classes), the mean over its stages."""
    return functional.cross_entropy(scores.flatten(0, -2), targets.expand(scores.shape[:-1]).flatten())


def loss_falls_on_a_tiny_problem(case: ModuleCase) -> str:
    """It learns the sign of the first column, on one batch, at one of RATES."""
    if not any(parameter.requires_grad for parameter in case.built().parameters()):
        raise Fault("it has no parameter that is trained: all are frozen (requires_grad), or there is none")
    reached = []
    for rate in RATES:
        model = case.built().train()
        inputs = case.inputs(8, torch.float32, 0)
        targets = (inputs[..., 0] > 0).long()
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
        losses: list[float] = []
        while len(losses) < STEPS:
            loss = _loss(case.run(model, inputs), targets)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
            if max(losses[-2:]) < FALLS_TO * losses[0]:
                return f"{losses[0]:.2f} to {losses[-1]:.2f} in {len(losses)} steps"
        reached.append(f"{losses[0]:.2f} to {losses[-1]:.2f} at a learning rate of {rate:g}")
    raise Fault(f"the loss does not fall: {', '.join(reached)}, in {STEPS} steps of Adam on one batch")


def scores_and_no_probabilities(case: ModuleCase) -> None:
    """Scores are any numbers: losses take the softmax, or the sigmoid, of them."""
    scores = case.scored(case.built(), batch=8)
    if scores.min() > 0 and scores.max() < 1:
        sums = torch.allclose(scores.sum(-1), torch.ones(()), atol=1e-4)
        what = "sum to 1 over the classes" if sums else "all lie between 0 and 1"
        raise Doubt(f"its scores {what}: losses apply softmax or sigmoid themselves, so leave it out")


def cuda_graph(case: ModuleCase) -> None:
    """Forward and backward can be captured in a CUDA graph, and a replay gives what a call gives."""
    if not torch.cuda.is_available():
        raise NotAsked("there is no GPU here")
    device = torch.device("cuda")
    model = case.built().to(device).train()
    inputs = case.inputs(4, torch.float32, 0).to(device)
    targets = torch.zeros(inputs.shape[:2], dtype=torch.int64, device=device)

    def step() -> Tensor:
        model.zero_grad(set_to_none=False)
        loss = _loss(case.run(model, inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    _replayed(step)
    model.eval()
    with torch.no_grad():
        replay, scores = _replayed(lambda: case.run(model, inputs))
        inputs.copy_(case.inputs(4, torch.float32, 1))
        replay()
        expected = case.run(model, inputs)
    if not torch.allclose(scores, expected, rtol=1e-3, atol=1e-4):
        raise Fault("replayed from a CUDA graph it gives other scores than when it is called")


def _replayed(function: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Capture a function after warming up; return what replays it, and its output."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call] # torch's annotations are missing
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = function()
    graph.replay()
    torch.cuda.synchronize()
    return graph.replay, output


def values(case: ModuleCase) -> Iterator[Tensor]:
    """Yield scores of made-up windows by weights drawn from a seed."""
    model = case.built(seed=3).double().eval()
    with torch.no_grad():
        yield case.run(model, case.inputs(2, torch.float64, 3))


SUITE = Suite(
    (*modules.CHECKS, loss_falls_on_a_tiny_problem, scores_and_no_probabilities, cuda_graph), prepare, values
)
