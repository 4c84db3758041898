"""A block of YAML to paste into an experiment: a component with all its settings, where it belongs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from mabe_core.configs.annotations import is_config, item_types, kind_of, members
from mabe_core.configs.fields import Field, brief, describe
from mabe_core.experiment.schema import Experiment
from mabe_core.experiment.text import inline_text
from mabe_core.registry import Registry
from mabe_core.specs import Spec

_WIDEST = 48  # of a setting whose explanation stands in the common column


@attrs.frozen
class Place:
    """Where something may be written: the lines above it, its indentation, and whether it is in a list."""

    above: tuple[str, ...] = ()
    indent: int = 0
    in_list: bool = False

    def below(self, key: str, *, in_list: bool = False) -> Place:
        """Return the place below a key that is written here."""
        return Place((*self.above, f"{' ' * self.indent}{key}:"), self.indent + 2, in_list)

    def inside(self, name: str) -> Place:
        """Return the place beside the name of a component that is written here."""
        line = f"{' ' * self.indent}{'- ' if self.in_list else ''}name: {name}"
        return Place((*self.above, line), self.indent + 2 * self.in_list)


def example(spec: Spec[Any], registry: Registry) -> str:
    """Return the block, each setting with its default and what it is.

    Pasted as it is, it asks for the same as the component's bare name; where something is required, there is
    no value yet.
    """
    place = place_of(spec.kind, registry) or Place()
    within = place.inside(spec.name)
    lines = [(line, "") for line in within.above]
    lines += [(" " * within.indent + text, said) for text, said in map(_setting, describe(spec.config))]
    width = max((len(text) for text, said in lines if said and len(text) <= _WIDEST), default=0)
    return "".join(f"{text.ljust(width)}  # {said}\n" if said else f"{text}\n" for text, said in lines)


def _setting(field: Field) -> tuple[str, str]:
    """Return `key: value` and what is said about it."""
    said = " ".join(field.help.split())
    if field.required:
        return f"{field.name}:", f"required, {field.type}{': ' if said else ''}{said}"
    return f"{field.name}: {inline_text(brief(field.default))}", said


def place_of(kind: str, registry: Registry) -> Place | None:
    """Return where in an experiment a component of this kind goes: the first place, nearest to the top."""
    seen: set[str] = set()
    waiting = [(Experiment, Place())]
    while waiting:
        config, place = waiting.pop(0)
        for found, below in _component_places(config, place):
            if found == kind:
                return below
            if found not in seen:
                seen.add(found)
                offers = [offer.spec for offer in registry.usable() if offer.spec.kind == found]
                waiting += [(spec.config, below.inside(spec.name)) for spec in offers]
    return None


def _component_places(config: type, place: Place) -> Iterator[tuple[str, Place]]:
    """Yield the kinds of the components that a config holds, each with its place."""
    for field in describe(config):
        for member in members(field.annotation):
            items = item_types(member)
            kind = kind_of(items[0] if items else member)
            if kind is not None:
                yield kind, place.below(field.name, in_list=items is not None)
            elif is_config(member):
                yield from _component_places(member, place.below(field.name))
