"""What processes that train one model do together: share each batch, sum gradients, heed one of them.

Each holds all weights and all data, and scores its share of a batch. The scores, which are small, are then
brought together, so that each takes the loss of the whole batch: whatever a loss does, it is that of one
process. Only the gradients of a process's own scores flow back through its model, and their sum is that of
the batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs
import torch
import torch.distributed as dist
from torch import Tensor, nn

from mabe_core.errors import RunError


@attrs.frozen(eq=False)
class Processes:
    """So many processes, and which of them this is; the first leads: it decides, saves and tells.

    meet: joins their group, on this process's device; called once, when each is ready to train.
    """

    count: int = 1
    rank: int = 0
    meet: Callable[[torch.device], None] = lambda _: None

    @property
    def alone(self) -> bool:
        """Tell whether there are no others."""
        return self.count == 1

    @property
    def leads(self) -> bool:
        """Tell whether this is the first."""
        return self.rank == 0

    def leave(self) -> None:
        """Leave the group; nothing is done together after that."""
        if not self.alone:
            dist.destroy_process_group()

    def lane(self, places: Tensor) -> Tensor:
        """Return this process's share of the windows of a batch, by their places in it.

        All shares are of one size: the last process repeats the last window where they do not come out even.
        """
        each = -(-len(places) // self.count)
        mine = torch.arange(self.rank * each, (self.rank + 1) * each, device=places.device)
        return places[mine.clamp(max=len(places) - 1)]

    def together(self, own: Tensor, size: int, axis: int) -> Tensor:
        """Return what all have of a batch of so many windows, which lie along an axis.

        Gradients flow into one's own part alone.
        """
        if self.alone:
            return own
        mine = own.detach().movedim(axis, 0).contiguous()
        parts = [each.movedim(0, axis) for each in self._everyone(mine)]
        parts[self.rank] = own
        return torch.cat(parts, axis).narrow(axis, 0, size)

    def _everyone(self, mine: Tensor) -> list[Tensor]:
        each = [torch.empty_like(mine) for _ in range(self.count)]
        dist.all_gather(each, mine)
        return each

    def sum(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the sums over all processes, taken in place."""
        if not self.alone:
            for tensor in tensors:
                dist.all_reduce(tensor)
        return tensors

    def decide(self, *words: bool) -> tuple[bool, ...]:
        """Return what the first process says, whatever the others do."""
        if self.alone:
            return words
        said = torch.tensor(words, dtype=torch.uint8)
        dist.broadcast(said, 0)
        return tuple(bool(word) for word in said.tolist())

    def told(self, text: str = "") -> str:
        """Return the text that the first process tells."""
        if self.alone:
            return text
        said = torch.tensor(list(text.encode()), dtype=torch.uint8)
        length = torch.tensor(len(said))
        dist.broadcast(length, 0)
        if not self.leads:
            said = torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(said, 0)
        return bytes(said.tolist()).decode()

    def check_alike(self, what: str, mine: str) -> None:
        """Raise RunError where this process has another `what` than the first."""
        if self.told(mine) != mine:
            raise RunError(
                f"process {self.rank} of {self.count} has other {what} than the first: a plugin gives "
                "something else in each process"
            )

    def align(self, model: nn.Module) -> None:
        """Let the model's buffers be those of the first process: running statistics are each one's own."""
        if not self.alone:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def everyones(self, states: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors on the CPU, which all processes have in these shapes: those of the first under
        their names, those of others under `process.<rank>.<name>`."""
        found = dict(states)
        if self.alone:
            return found
        for name, tensor in states.items():
            each = self._everyone(tensor)
            found[name] = each[0]
            found |= {f"process.{rank}.{name}": each[rank] for rank in range(1, self.count)}
        return found

    def own(self, states: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what `everyones` returned of this process; nothing where there was no such process."""
        if self.leads:
            return {name: tensor for name, tensor in states.items() if not name.startswith("process.")}
        beginning = f"process.{self.rank}."
        return {
            name.removeprefix(beginning): tensor
            for name, tensor in states.items()
            if name.startswith(beginning)
        }

    def draw_apart(self) -> None:
        """Let torch draw other numbers here than in the other processes: dropout must not repeat itself.

        To be called where all draw alike. Python's and NumPy's stay alike, so that what a model decides by
        them is the same in all.
        """
        if not self.leads:
            digest = hashlib.sha256(f"process {self.rank} after {torch.get_rng_state().tolist()}".encode())
            torch.manual_seed(int.from_bytes(digest.digest()[:7], "big"))


ALONE = Processes()


def digest_of(tensors: Iterable[Tensor]) -> str:
    """Return the SHA-256 of what tensors hold."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
