"""Where the training data lies: on the device where it fits beside the model, else in the host's memory."""

from __future__ import annotations

import attrs
import torch

from mabe_core.experiment import Experiment

# of the device's free memory, what data may take: the rest is for the model, its gradients and activations
SHARE = 0.5
# of windows that are copied to the device together; there are two such blocks on it
BLOCK_BYTES = 64 << 20


@attrs.frozen
class Placing:
    """What decides where data lies.

    asked: what `data_on_device` says. batch_size: windows a step. free: bytes that are free on the device
    before anything is put there; None where its memory is the host's own.
    """

    asked: str = "always"
    batch_size: int = 1
    free: int | None = None

    @classmethod
    def of(cls, experiment: Experiment, device: torch.device) -> Placing:
        """Return what decides in this run."""
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
        return cls(experiment.data_on_device, experiment.training.batch_size, free)

    def fits(self, size: int) -> bool:
        """Tell whether tables of so many bytes are to lie on the device."""
        if self.asked != "auto":
            return self.asked == "always"
        return self.free is None or size <= SHARE * self.free

    @property
    def block_bytes(self) -> int:
        """How large a block of windows may be."""
        return BLOCK_BYTES if self.free is None else min(BLOCK_BYTES, int(SHARE * self.free) // 2)

    def told(self, size: int) -> str:
        """Return in words why tables of this size are not on the device; nothing where that was asked for."""
        if self.asked != "auto" or self.free is None:
            return ""
        return (
            f"the data takes {size / 1e9:.2f} GB, more than {SHARE:.0%} of the {self.free / 1e9:.2f} GB that "
            "are free on the device: it stays in the host's memory, and windows are copied in blocks while "
            "training goes on"
        )


ON_DEVICE = Placing()
