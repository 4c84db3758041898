"""Which parts of the whole step torch compiles, and which runs are long enough to earn that back."""

from __future__ import annotations

from torch.optim import Optimizer

from mabe_core.experiment import Experiment
from mabe_core.training.parts import Parts

# a cold compile of V3's step took 15 to 22 s on an H100, and the compiled step 0.7 of the time: see
# docs/decisions.md
EARNED_BACK_AFTER = 90.0
# seconds that a captured step takes at least, and the FLOP/s of a small model's: V3's on the same GPU
SHORTEST_STEP, FLOPS = 1e-3, 5e13


def is_compiled(experiment: Experiment, parts: Parts) -> bool:
    """Tell whether the step is to be compiled; the same for a run and for one that goes on with it."""
    if experiment.compile != "auto":
        return experiment.compile == "always"
    if experiment.activation_checkpointing:
        return False  # torch's compiler has a mind of its own about what is computed again
    weights = sum(parameter.numel() for parameter in parts.model.parameters())
    frames = parts.schedule.batch_size * experiment.data.sequence_length
    # 2 operations a weight and frame forward, 4 backward
    seconds = parts.schedule.total_steps * max(SHORTEST_STEP, 6 * weights * frames / FLOPS)
    return seconds > EARNED_BACK_AFTER


def one_kernel(optimizer: Optimizer) -> None:
    """Let an optimizer's arithmetic be single operations, which torch compiles into one kernel."""
    for group in optimizer.param_groups:
        group.update(dict.fromkeys({"fused", "foreach"} & set(group), False))
