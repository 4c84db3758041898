"""Which keys are valid where in one experiment, so that a misplaced key can be told its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from mabe_core.configs.annotations import attributes, is_config, item_types, kind_of, members
from mabe_core.configs.fields import complete
from mabe_core.errors import UserError
from mabe_core.experiment.node import ValuePath, path_text
from mabe_core.experiment.schema import Experiment
from mabe_core.registry import Registry


@attrs.frozen
class Section:
    """A map of an experiment: `config` says its keys; `component` is the name of the component it is of."""

    path: ValuePath
    config: type
    component: str = ""

    @property
    def title(self) -> str:
        """What a message calls it."""
        where = path_text(self.path) or "the experiment itself"
        return f"{where} ({self.component})" if self.component else where

    @property
    def keys(self) -> tuple[str, ...]:
        own = tuple(attribute.name for attribute in attributes(self.config))
        return ("name", *own) if self.component else own

    def help(self, key: str) -> str:
        """Return the help of one key."""
        told = {each.name: each.metadata.get("help", "") for each in attributes(self.config)}
        return str(told.get(key, ""))


def sections(tree: dict[str, Any], registry: Registry) -> list[Section]:
    """Return the sections of an experiment, as far as its components are known."""
    return list(_of_class(Experiment, tree, (), registry))


def _of_class(
    config: type, entries: Any, path: ValuePath, registry: Registry, component: str = ""
) -> Iterator[Section]:
    yield Section(path, config, component)
    if not isinstance(entries, dict) or len(path) > 20:
        return
    filled = complete(config, entries)
    for attribute in attributes(config):
        value = filled.get(attribute.name)
        for member in members(attribute.type):
            yield from _of_value(member, value, (*path, attribute.name), registry)


def _of_value(annotation: Any, value: Any, path: ValuePath, registry: Registry) -> Iterator[Section]:
    kind = kind_of(annotation)
    items = item_types(annotation)
    if kind is not None:
        name = value.get("name") if isinstance(value, dict) else value
        try:
            spec = registry.find(kind, name).spec if isinstance(name, str) else None
        except UserError:
            spec = None
        if spec is not None:
            yield from _of_class(spec.config, value, path, registry, spec.name)
    elif items is not None and isinstance(value, list):
        for index, item in enumerate(value):
            wanted = items[0] if items[-1] is ... or index >= len(items) else items[index]
            yield from _of_value(wanted, item, (*path, index), registry)
    elif is_config(annotation):
        yield from _of_class(annotation, value, path, registry)
