"""Writes a model as ONNX, and holds it to what torch says."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mabe_core.errors import MabeError
from mabe_core.models.building import BuiltModel

if TYPE_CHECKING:
    from torch import Tensor, nn

EXTRA = "mabe-core[onnx]"
NEEDS = ("onnx", "onnxscript", "onnxruntime")
# of any score, between torch and onnxruntime, relative to the largest score where that is above 1
TOLERANCE = 1e-4
# windows at once that are tried
BATCHES = (1, 2, 3, 16)


class OnnxError(MabeError):
    """A model that cannot be written as ONNX; the message says why."""


def missing_packages() -> list[str]:
    """Return the packages that ONNX needs and that are not installed."""
    return [name for name in NEEDS if importlib.util.find_spec(name) is None]


def to_onnx(built: BuiltModel) -> tuple[bytes, float]:
    """Return the model's bytes, and the largest difference to torch's scores.

    Its input is `inputs` (batch, frames, inputs), any number of windows of the experiment's length; its
    output `scores`. Raises OnnxError where it cannot be written, or differs by more than TOLERANCE.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    kind = next((parameter.dtype for parameter in built.module.parameters()), torch.float32)
    windows = [
        torch.randn(
            (batch, built.shape.sequence_length, built.shape.input_dim), generator=generator, dtype=kind
        )
        for batch in BATCHES
    ]
    content = _exported(built.module, windows[1])
    return content, _largest_difference(content, built.module, windows)


def _exported(module: nn.Module, example: Tensor) -> bytes:
    import torch

    try:
        with _quiet():
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=["inputs"],
                output_names=["scores"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
        assert program is not None, "with dynamo there is a program"
        _strip(program.model)
        content: bytes = program.model_proto.SerializeToString(deterministic=True)
    except Exception as error:  # whatever an operation without an ONNX counterpart raises
        told = str(error).strip().splitlines() or [""]
        raise OnnxError(f"{type(error).__name__}: {told[-1] if len(told) == 1 else _reason(told)}") from error
    return content


def _reason(lines: list[str]) -> str:
    """Return the line of a long message that says what was raised."""
    raised = [line for line in lines if line.startswith("<class ")]
    return raised[0] if raised else lines[0]


def _largest_difference(content: bytes, module: nn.Module, windows: list[Tensor]) -> float:
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    largest = 0.0
    for inputs in windows:
        with torch.no_grad():
            expected = module(inputs)
        (found,) = session.run(None, {"inputs": inputs.numpy()})
        scale = max(float(expected.abs().max()), 1.0)
        largest = max(largest, float((torch.from_numpy(found) - expected).abs().max()) / scale)
    if not largest <= TOLERANCE:
        raise OnnxError(f"its scores differ from torch's by {largest:.1e}, more than {TOLERANCE:.0e}")
    return largest


def _strip(model: Any) -> None:
    """Leave out what torch notes of where in the source each part came from: paths of this machine."""
    graphs = [model.graph, *(function.graph for function in model.functions.values())]
    for graph in graphs:
        noted = [graph, *graph.inputs, *graph.outputs, *graph.initializers.values()]
        for node in graph.all_nodes():
            noted += [node, *node.outputs]
        for each in noted:
            each.metadata_props.clear()
            each.doc_string = None
    model.metadata_props.clear()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from telling of its own deprecations and of packages that no model here uses."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
