"""Builds the module of a model that was found, with its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from mabe_core.errors import UserError
from mabe_core.exchange import DataShape
from mabe_core.experiment import read_document, resolve
from mabe_core.experiment.plugins import plugins_of
from mabe_core.models.finding import ModelSource
from mabe_core.runs.model_input import read_model_input
from mabe_core.runs.record import read_record

if TYPE_CHECKING:
    from torch import nn


@attrs.frozen(eq=False)
class BuiltModel:
    """A module in evaluation mode, on the CPU, and what it was built for."""

    module: nn.Module
    shape: DataShape


def build_model(source: ModelSource) -> BuiltModel:
    """Build the module and load its weights; raise UserError where they do not fit each other."""
    from safetensors.torch import load

    from mabe_core.training.blame import blame, build_at

    record = read_record(source.run)
    assert record is not None, "a model that was found has a record"
    document = read_document(source.run.experiment)
    experiment = resolve(document, plugins_of(document))
    expects = read_model_input(record.model_input)
    if expects is None:
        raise UserError(
            f"{source.told} does not say what its model was built for; `mabe evaluate {source.run_id}`, "
            "where its data is, adds that"
        )
    shape = expects.data_shape()
    tensors = load(source.read_model())
    module: nn.Module = build_at("model", experiment.model, shape)
    kinds = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
    with blame("model", experiment.model):
        if len(kinds) == 1:
            module.to(dtype=kinds.pop())
        module.load_state_dict(tensors)
    return BuiltModel(module.eval(), shape)
