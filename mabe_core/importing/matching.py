"""Finds which tensor of a file is which of a model's, whatever its script called them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs

from mabe_core.errors import UserError
from mabe_core.importing.misfits import misfit_text

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]

# words that scripts use for the same part, to tell apart parts of equal shape
_ALIKE = (
    {"input", "in", "embed", "embedding", "proj", "projection", "stem"},
    {"fc", "head", "classifier", "output", "out", "cls", "decoder", "logits"},
    {"pos", "pe", "positional", "position"},
    {"transformer", "encoder", "layers", "blocks"},
)


@attrs.frozen
class Part:
    """A part of a model: where its names begin, and the shape of each tensor by the rest of its name."""

    prefix: str
    shapes: Mapping[str, Shape]

    def name(self, rest: str) -> str:
        """Return the whole name of one of its tensors."""
        return ".".join(word for word in (self.prefix, rest) if word)

    def names(self) -> list[str]:
        """Return the whole names of its tensors, in their order."""
        return [self.name(rest) for rest in self.shapes]

    def ordered(self) -> list[tuple[str, Shape]]:
        """Return last word and shape of each tensor, in their order."""
        return [(rest.rpartition(".")[2], shape) for rest, shape in self.shapes.items()]


@attrs.frozen
class Carried:
    """A part of the file under the model's name for it; by_order: where the names within it differ."""

    source: str
    target: str
    by_order: bool

    def __str__(self) -> str:
        how = ", tensor by tensor in their order" if self.by_order else ""
        return f"{self.source} is {self.target}{how}"


@attrs.frozen(eq=False)
class Matched:
    """The model's tensors out of a file. kept: buffers that the file lacks, which stay as they are built."""

    tensors: Mapping[str, Tensor]
    carried: tuple[Carried, ...]
    kept: tuple[str, ...]


def match(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], buffers: frozenset[str]) -> Matched:
    """Return the file's tensors under the model's names.

    found: the file's, wanted: the model's own; buffers: those names of the model's that are not trained.
    A part of the model takes the part of the file whose tensors have the same names within it and the same
    shapes, or else the same shapes in the same order; of several, the one that is called alike.
    Raises UserError that lists what is missing, left over or of another shape.
    """
    parts = [*_parts({name: shape_of(tensor) for name, tensor in wanted.items()})]
    pairs = _pairs(parts, {name: shape_of(tensor) for name, tensor in found.items()})
    tensors: dict[str, Tensor] = {}
    taken: set[str] = set()
    for part, source in pairs:
        for own, name in zip(part.names(), _names_for(part, source), strict=True):
            tensors[own] = found[name].reshape(wanted[own].shape).to(wanted[own].dtype)
            taken.add(name)
    missing = [name for name in wanted if name not in tensors]
    left = [name for name in found if name not in taken]
    if left or not set(missing) <= buffers:
        raise UserError(misfit_text(_shapes(wanted), _shapes(found), missing, left, buffers))
    carried = tuple(
        Carried(source.prefix, part.prefix, not _same_names(part, source))
        for part, source in pairs
        if source.prefix != part.prefix or not _same_names(part, source)
    )
    return Matched(tensors, carried, tuple(missing))


def shape_of(tensor: Tensor) -> Shape:
    """Return a tensor's shape without sides of 1, which scripts put here or there."""
    return tuple(side for side in tensor.shape if side != 1) or (1,)


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _parts(shapes: Mapping[str, Shape]) -> Iterator[Part]:
    """Yield the parts right below the model, each as deep as it is one, such as `transformer.layers`."""
    groups: dict[str, dict[str, Shape]] = {}
    for name, shape in shapes.items():
        first, _, rest = name.partition(".")
        groups.setdefault(first, {})[rest] = shape
    for prefix, inside in groups.items():
        while len(heads := {rest.partition(".")[0] for rest in inside}) == 1 and heads != {""}:
            (head,) = heads
            prefix = f"{prefix}.{head}"
            inside = {rest.partition(".")[2]: shape for rest, shape in inside.items()}
        yield Part(prefix, inside)


def _pairs(parts: list[Part], shapes: Mapping[str, Shape]) -> list[tuple[Part, Part]]:
    """Return which part of the file each part of the model is, for those that have one."""
    candidates = list(_candidates(shapes))
    pairs: list[tuple[Part, Part]] = []
    taken: set[str] = set()
    # large parts first: what fits many tensors leaves little in doubt
    for part in sorted(parts, key=lambda part: -len(part.shapes)):
        free = [each for each in candidates if not taken & set(each.names())]
        fitting = [each for each in free if _same_names(part, each)]
        fitting = fitting or [each for each in free if each.ordered() == part.ordered()]
        chosen = _likest(part, fitting)
        if chosen is not None:
            pairs.append((part, chosen))
            taken |= set(chosen.names())
    return pairs


def _candidates(shapes: Mapping[str, Shape]) -> Iterator[Part]:
    """Yield each part of the file, at every depth."""
    prefixes = {""}
    for name in shapes:
        words = name.split(".")
        prefixes |= {".".join(words[:depth]) for depth in range(1, len(words) + 1)}
    for prefix in sorted(prefixes):
        if prefix in shapes:
            yield Part(prefix, {"": shapes[prefix]})
            continue
        below = f"{prefix}." if prefix else ""
        yield Part(
            prefix,
            {name.removeprefix(below): shape for name, shape in shapes.items() if name.startswith(below)},
        )


def _same_names(part: Part, source: Part) -> bool:
    return dict(part.shapes) == dict(source.shapes)


def _names_for(part: Part, source: Part) -> list[str]:
    """Return the file's names in the order of the model's."""
    return [source.name(rest) for rest in (part if _same_names(part, source) else source).shapes]


def _likest(part: Part, fitting: list[Part]) -> Part | None:
    """Return what fits; of several, that of the same name, or the only one that is called alike."""
    if len(fitting) <= 1:
        return fitting[0] if fitting else None
    same = [each for each in fitting if each.prefix == part.prefix]
    alike = same or [each for each in fitting if _alike(each.prefix, part.prefix)]
    if len(alike) == 1:
        return alike[0]
    names = ", ".join(each.prefix for each in fitting)
    raise UserError(
        f"{part.prefix} may be any of {names}, which have the same shapes: rename it in the file as the "
        "experiment's model calls it"
    )


def _alike(one: str, other: str) -> bool:
    words = [set(re.findall(r"[a-z]+", name.casefold())) for name in (one, other)]
    return any(group & words[0] and group & words[1] for group in _ALIKE)
