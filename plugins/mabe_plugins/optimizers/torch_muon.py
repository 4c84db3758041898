"""The optimizer `muon`: two of torch's optimizers that are one to whoever steps, saves and schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.optim import AdamW, Muon, Optimizer

if TYPE_CHECKING:
    from . import MuonConfig


class MuonAndAdamW(Optimizer):
    """Muon for parameters of 2 dimensions, AdamW for all others; a group each, their state in common."""

    def __init__(self, config: MuonConfig, parameters: Iterable[nn.Parameter]) -> None:
        both: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for parameter in parameters:
            both[parameter.dim() == 2].append(parameter)
        rates: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
        self._parts: list[Optimizer] = []
        if both[True]:
            muon = Muon(both[True], **rates, momentum=config.momentum, adjust_lr_fn="match_rms_adamw")
            self._parts.append(muon)
        if both[False]:
            betas = (config.beta1, config.beta2)
            self._parts.append(AdamW(both[False], **rates, betas=betas, fused=True))
        super().__init__([group for part in self._parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Let the two optimizers work on the groups and the state that are saved and restored."""
        for part, group in zip(self._parts, self.param_groups, strict=True):
            part.param_groups, part.state = [group], self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take a step of each; closure, where there is one, computes the loss."""
        loss = None if closure is None else closure()
        for part in self._parts:
            part.step()
        return loss
