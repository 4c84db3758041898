"""Everything that decides the next step, to and from a checkpoint."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

from mabe_core.errors import UserError
from mabe_core.runs.checkpoints import Checkpoint
from mabe_core.training.average import Average
from mabe_core.training.processes import Processes
from mabe_core.training.skipping import Skipping
from mabe_core.training.step import Step


@attrs.define(eq=False)
class Progress:
    """How far a training has come.

    step: optimizer steps done. loss_sum: of this epoch's steps so far, on the device.
    ranking: score, epoch and step of the best epochs, the best first. scores: the validation scores of each
    epoch, where something that is still to be decided depends on them. average, skipping: where the
    experiment asks for them.
    """

    step: int
    loss_sum: Tensor
    ranking: list[dict[str, Any]] = attrs.field(factory=list)
    scores: list[dict[str, float]] = attrs.field(factory=list)
    average: Average | None = None
    skipping: Skipping | None = None


def capture(step: Step, progress: Progress) -> Checkpoint:
    """Copy everything off the device; all processes do so together, and the first has what is to be saved."""
    model, optimizer, scale = step.state()
    steps_per_epoch = step.parts.schedule.steps_per_epoch
    training: dict[str, Tensor] = {
        "progress.loss_sum": _copy(progress.loss_sum),
        **step.processes.everyones(generators(progress.loss_sum.device)),
    }
    training |= {f"scale.{name}": _copy(tensor) for name, tensor in scale.items()}
    if progress.skipping is not None:
        training |= {f"skipping.{name}": _copy(count) for name, count in progress.skipping.state().items()}
    if progress.average is not None:
        averages, weights = progress.average.state()
        model = {**model, **averages}
        training |= {f"weights.{name}": _copy(weight) for name, weight in weights.items()}
        training["average.updates"] = _copy(progress.average.updates)
    plain: dict[str, dict[str, Any]] = {}
    for index, entries in optimizer["state"].items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                training[f"optimizer.{index}.{key}"] = _copy(value)
            else:
                plain.setdefault(str(index), {})[key] = value
    return Checkpoint(
        model={name: _copy(tensor) for name, tensor in model.items()},
        training=training,
        state={
            "step": progress.step,
            "epoch": progress.step // steps_per_epoch,
            "steps_per_epoch": steps_per_epoch,
            "ranking": list(progress.ranking),
            "scores": list(progress.scores),
            "optimizer": {"param_groups": optimizer["param_groups"], "state": plain},
        },
    )


def restore(step: Step, progress: Progress, checkpoint: Checkpoint) -> None:
    """Put everything back as it was captured; raise UserError where it is of another training than this."""
    try:
        _restore(step, progress, checkpoint)
    except torch.OutOfMemoryError:
        raise
    # whole as it is, it may be of a model that an edited package builds otherwise now, or made by hand
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        told = " ".join(str(error).split())
        raise UserError(
            f"{checkpoint.name} does not fit what this experiment builds ({type(error).__name__}: {told}). "
            "Where the code of a component was changed, bring back what it was; `--fresh` trains again and "
            "moves the old run aside"
        ) from error


def _restore(step: Step, progress: Progress, checkpoint: Checkpoint) -> None:
    saved = checkpoint.state["optimizer"]
    state: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in saved["state"].items()}
    for name, tensor in checkpoint.training.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    for group in saved["param_groups"]:
        # JSON knows lists where optimizers have tuples
        group.update({key: tuple(value) for key, value in group.items() if key == "betas"})
    weights = _named(checkpoint.training, "weights.")  # where the model is an average of them
    step.load(
        {**checkpoint.model, **weights},
        {"state": state, "param_groups": saved["param_groups"]},
        _named(checkpoint.training, "scale."),
    )
    if progress.average is not None:
        progress.average.load(checkpoint.model, checkpoint.training["average.updates"])
    if progress.skipping is not None:
        for name, count in progress.skipping.state().items():
            count.copy_(checkpoint.training[f"skipping.{name}"])
    progress.step = int(checkpoint.state["step"])
    format_1 = [checkpoint.state["best"]] if checkpoint.state.get("best") else []
    progress.ranking = [
        {"score": float(each["score"]), "epoch": int(each["epoch"]), "step": int(each["step"])}
        for each in checkpoint.state.get("ranking", format_1)
    ]
    progress.scores = [dict(each) for each in checkpoint.state.get("scores", ())]
    progress.loss_sum.copy_(checkpoint.training["progress.loss_sum"])
    _restore_generators(step.processes, checkpoint, progress)


def _restore_generators(processes: Processes, checkpoint: Checkpoint, progress: Progress) -> None:
    """Draw on where each process stood; those that were not there then begin numbers of their own."""
    device = progress.loss_sum.device
    restore_generators(checkpoint.training, device)
    own = processes.own(checkpoint.training)
    if own:
        restore_generators(own, device)
    else:
        processes.draw_apart()


def _named(tensors: Mapping[str, Tensor], beginning: str) -> dict[str, Tensor]:
    found = [name for name in tensors if name.startswith(beginning)]
    return {name.removeprefix(beginning): tensors[name] for name in found}


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True).contiguous()


def generators(device: torch.device) -> dict[str, Tensor]:
    """Return the states of all that random numbers are drawn from, as tensors by name."""
    version, words, gauss = random.getstate()
    numpy_state: dict[str, Any] = np.random.get_state(legacy=False)
    tensors = {
        "generator.python": torch.tensor([version, *words], dtype=torch.int64),
        "generator.python_gauss": torch.tensor([torch.nan if gauss is None else gauss], dtype=torch.float64),
        "generator.numpy": torch.from_numpy(numpy_state["state"]["key"].astype(np.int64)),
        "generator.numpy_place": torch.tensor([numpy_state["state"]["pos"], numpy_state["has_gauss"]]),
        "generator.numpy_gauss": torch.tensor([numpy_state["gauss"]], dtype=torch.float64),
        "generator.torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        tensors["generator.cuda"] = torch.cuda.get_rng_state(device)
    return tensors


def restore_generators(saved: Mapping[str, Tensor], device: torch.device) -> None:
    """Put them back as `generators` found them."""
    version, *words = saved["generator.python"].tolist()
    gauss = saved["generator.python_gauss"].item()
    random.setstate((version, tuple(words), None if np.isnan(gauss) else gauss))
    place, has_gauss = saved["generator.numpy_place"].tolist()
    key = saved["generator.numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", key, place, has_gauss, saved["generator.numpy_gauss"].item()))
    torch.set_rng_state(saved["generator.torch"])
    if "generator.cuda" in saved and device.type == "cuda":
        torch.cuda.set_rng_state(saved["generator.cuda"], device)
