"""Tells how the tensors of a file differ from those that a model has, a line a difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

Shape = tuple[int, ...]


def misfit_text(
    wanted: Mapping[str, Shape],
    found: Mapping[str, Shape],
    missing: Iterable[str],
    left: Iterable[str],
    buffers: frozenset[str],
) -> str:
    """Return what is wrong; wanted, found: shapes by name; missing, left: what was not carried of each."""
    missing, left = list(missing), list(left)
    lines = ["the file does not fit the experiment's model:"]
    common = _likely(missing, left)
    pairs = {name: common.get(name, name) for name in missing if common.get(name, name) in left}
    lines += [f"  {told}" for told in _other_shapes(pairs, wanted, found)]
    absent = [name for name in missing if name not in pairs and name not in buffers]
    lines += [f"  {told} missing" for told in _grouped(absent, wanted)]
    over = [name for name in left if name not in pairs.values()]
    lines += [f"  {told} left over: the model has no such part" for told in _grouped(over, found)]
    longer = [name for own, name in pairs.items() if found[name][-1:] == wanted[own][-1:]]
    lines += [f"  {hint}" for hint in _hints(found, over, [*over, *longer])]
    return "\n".join(lines)


def _other_shapes(
    pairs: Mapping[str, str], wanted: Mapping[str, Shape], found: Mapping[str, Shape]
) -> Iterator[str]:
    """Yield each tensor of another shape; of layers that are alike, the first."""
    alike: dict[tuple[str, Shape, Shape], list[str]] = {}
    for own, name in pairs.items():
        if wanted[own] != found[name]:
            anywhere = ".".join("N" if word.isdigit() else word for word in name.split("."))
            alike.setdefault((anywhere, found[name], wanted[own]), []).append(own)
    for (_, there, here), names in alike.items():
        name, more = pairs[names[0]], len(names) - 1
        called = "" if name == names[0] else f" {names[0]}"
        yield f"{name} is {there}, the model's{called} {here}" + (
            f"; {more} more layers alike" if more else ""
        )


def _likely(missing: list[str], left: list[str]) -> dict[str, str]:
    """Return which left name each missing one may be: the one that ends in most of the same words."""
    likely = {}
    for name in missing:
        best = max(left, key=lambda other: _shared_end(name, other), default=None)
        if best is not None and _shared_end(name, best) >= 2:
            likely[name] = best
    return likely


def _shared_end(one: str, other: str) -> int:
    """Return how many words two names end in alike."""
    count = 0
    for a, b in zip(reversed(one.split(".")), reversed(other.split(".")), strict=False):
        if a != b:
            break
        count += 1
    return count if one != other else count + 1


def _grouped(names: list[str], shapes: Mapping[str, Shape]) -> Iterator[str]:
    """Yield each name with its shape; those of one numbered layer together."""
    layers: dict[str, list[str]] = {}
    for name in names:
        words = name.split(".")
        numbered = next((place for place, word in enumerate(words) if word.isdigit()), None)
        layers.setdefault(name if numbered is None else ".".join(words[: numbered + 1]), []).append(name)
    for layer, inside in layers.items():
        if len(inside) > 2:
            yield f"{layer} ({len(inside)} tensors) is"
        else:
            yield from (f"{name} {shapes[name]} is" for name in inside)


def _hints(found: Mapping[str, Shape], over: list[str], misfitting: list[str]) -> Iterator[str]:
    """Yield what the file looks like, as far as names that torch itself gives tell."""
    projections = [shape for name, shape in found.items() if name.endswith("self_attn.in_proj_weight")]
    if projections:
        width = projections[0][-1]
        wide = [shape[0] for name, shape in found.items() if name.endswith("linear1.weight")]
        factor = f", feedforward_factor {wide[0] // width}" if wide and wide[0] % width == 0 else ""
        yield f"the file looks like hidden_dim {width}, num_layers {len(projections)}{factor}"
    if any("norm" in name and not any(word.isdigit() for word in name.split(".")) for name in over):
        yield "a norm after the last layer, as with norm_first: the model is post-norm and has none"
    for name in misfitting:
        if "pos" in name.casefold() or name.rpartition(".")[2] == "pe":
            yield (
                f"{name} tells places: see positional_encoding, its name (sinusoidal, learned) and "
                "max_len, and data.sequence_length"
            )
