"""Builds the module of a model that was found, with its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from mabe_core.discovery import load_plugins
from mabe_core.errors import UserError
from mabe_core.exchange import DataShape
from mabe_core.experiment import Experiment, read_document, resolve
from mabe_core.models.finding import ModelSource
from mabe_core.runs.record import Record, read_record

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
    experiment = resolve(document, load_plugins(document.plugin_files))
    shape = data_shape(experiment, record)
    tensors = load(source.read_model())
    module: nn.Module = build_at("model", experiment.model, shape)
    kinds = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
    with blame("model", experiment.model):
        if len(kinds) == 1:
            module.to(dtype=kinds.pop())
        module.load_state_dict(tensors)
    return BuiltModel(module.eval(), shape)


def data_shape(experiment: Experiment, record: Record) -> DataShape:
    """Return what a run's model was built for; raise UserError where its record does not tell."""
    auto, report = record.auto, record.report
    try:
        return DataShape(
            input_dim=auto["input_dim"],
            num_classes=len(auto["class_names"]),
            class_names=tuple(auto["class_names"]),
            sequence_length=experiment.data.sequence_length,
            frame_gap=experiment.data.frame_gap,
            fps=report["fps"][0]["value"],
        )
    except (KeyError, IndexError) as error:
        raise UserError(f"the record of {record.id} does not say what its model was built for") from error
