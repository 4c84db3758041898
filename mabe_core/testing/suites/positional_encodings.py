"""What a positional encoding promises: `add` or `rotate`, and frames that can be told apart."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import torch
from torch import Tensor, nn

from mabe_core.exchange import EncodingShape
from mabe_core.testing.findings import Fault, Subject, Suite
from mabe_core.testing.samples import noise
from mabe_core.testing.suites import modules
from mabe_core.testing.suites.modules import ModuleCase

SHAPES = (EncodingShape(32, 8, 24), EncodingShape(16, 16, 7), EncodingShape(48, 4, 1))


def prepare(subject: Subject) -> ModuleCase:
    """Return the encoding at the usual widths, and at the others."""
    usual, *others = (_case(subject, shape) for shape in SHAPES)
    usual.built()  # one that cannot be built is told once, not by every check
    return attrs.evolve(usual, elsewhere=tuple(others))


def _case(subject: Subject, shape: EncodingShape) -> ModuleCase:
    """Return the case; the input of `rotate` is cut into heads, and query and key come out as one."""
    frames, width, head = shape.sequence_length, shape.model_dim, shape.head_dim

    def inputs(batch: int, dtype: torch.dtype, seed: int) -> Tensor:
        return noise(batch, frames, width, seed=seed, dtype=dtype)

    def run(encoding: nn.Module, given: Tensor) -> Tensor:
        if hasattr(encoding, "add"):
            added: Tensor = encoding.add(given)  # type: ignore[operator] # nn.Module hides its methods' types
            return added
        if not hasattr(encoding, "rotate"):
            raise Fault("it offers neither add(x) nor rotate(q, k)")
        heads = given.reshape(*given.shape[:2], -1, head).transpose(1, 2)
        query, key = encoding.rotate(heads, heads.flip(-1))  # type: ignore[operator]
        if query.shape != heads.shape or key.shape != heads.shape:
            raise Fault(f"rotate maps {tuple(heads.shape)} to {tuple(query.shape)} and {tuple(key.shape)}")
        # to (batch, frames, width) again; key and query are weighed so that a fault of either shows
        turned: Tensor = (query + 2 * key).transpose(1, 2).flatten(-2)
        return turned

    return ModuleCase(
        f"width {width}, heads of {head}, {frames} frames",
        lambda: subject.build(shape),
        inputs,
        run,
        lambda batch: (batch, frames, width),
    )


def frames_can_be_told_apart(case: ModuleCase) -> None:
    """The same vector in every frame comes out different in each."""
    encoding = case.built().eval()
    given = case.inputs(1, torch.float32, 0)
    with torch.no_grad():
        placed = case.run(encoding, given[:, :1].expand_as(given).contiguous())[0]
    distance = torch.cdist(placed, placed) + torch.eye(len(placed))
    if distance.min() < 1e-5:
        first, second = divmod(int(distance.argmin()), len(placed))
        raise Fault(f"frames {first} and {second} of a window cannot be told apart")


def values(case: ModuleCase) -> Iterator[Tensor]:
    """Yield the encoded numbers of made-up windows."""
    encoding = case.built(seed=3).double().eval()
    with torch.no_grad():
        yield case.run(encoding, case.inputs(2, torch.float64, 3))


SUITE = Suite((*modules.CHECKS, frames_can_be_told_apart), prepare, values)
