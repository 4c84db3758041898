"""Builds the module of a model that was found, with its weights, and reads what it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from mabe_core.errors import UserError
from mabe_core.exchange import DataShape
from mabe_core.experiment import Experiment, read_document, resolve
from mabe_core.experiment.plugins import plugins_of
from mabe_core.models.finding import ModelSource
from mabe_core.registry import Registry
from mabe_core.runs.model_input import ModelInput, read_model_input
from mabe_core.runs.record import Record, read_record

if TYPE_CHECKING:
    import torch
    from torch import nn


@attrs.frozen(eq=False)
class BuiltModel:
    """A module in evaluation mode on its device, in the precision that it was trained in.

    expects: what it was trained on. registry: the plugins that lie beside it, and those installed.
    """

    module: nn.Module
    device: torch.device
    dtype: torch.dtype
    expects: ModelInput
    experiment: Experiment
    registry: Registry
    record: Record

    @property
    def shape(self) -> DataShape:
        """Return what it was built for."""
        return self.expects.data_shape()


def read_experiment(source: ModelSource) -> tuple[Experiment, Registry]:
    """Return the experiment of a model, with the plugins that lie beside it and those installed."""
    document = read_document(source.run.experiment)
    registry = plugins_of(document)
    return resolve(document, registry), registry


def build_model(source: ModelSource, device: str = "cpu", expects: ModelInput | None = None) -> BuiltModel:
    """Build the module and load its weights; generators of random numbers are left as they were.

    expects: what it was trained on, where its record does not tell. Raises UserError where nothing tells, or
    the weights do not fit.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from mabe_core.training.assembling import find_device
    from mabe_core.training.blame import build_at
    from mabe_core.training.state import generators, restore_generators

    experiment, registry = read_experiment(source)
    record = read_record(source.run)
    assert record is not None, "a model that was found has a record"
    expects = expects or read_model_input(record.model_input)
    if expects is None:
        raise UserError(
            f"{source.told} was trained by an earlier version, which did not keep what its model expects. "
            f"`mabe evaluate {source.run_id}`, where its data is, adds that"
        )
    place = find_device(device)
    dtype = torch.float64 if record.auto.get("precision") == "float64" else torch.float32
    before = generators(place)
    module: nn.Module = build_at("model", experiment.model, expects.data_shape())
    restore_generators(before, place)
    module.to(device=place, dtype=dtype)  # before it is filled: float64 tensors stay what they are
    try:
        module.load_state_dict(load(source.read_model()))
    except (SafetensorError, RuntimeError) as error:
        told = " ".join(str(error).split())
        raise UserError(f"the weights of {source.told} do not fit its model: {told}") from error
    return BuiltModel(module.eval(), place, dtype, expects, experiment, registry, record)
