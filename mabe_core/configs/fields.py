"""Describes the fields of config classes, for error messages, `mabe show` and `mabe schema`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from mabe_core.configs.annotations import attributes, configs_in, kind_of, members, supported, words
from mabe_core.configs.limits import Limit, limits
from mabe_core.specs import Component

# what `identity` in a field's metadata says where the field came later than experiments that have no such key
UNLESS_DEFAULT = "unless default"


@attrs.frozen
class Field:
    """One field of a config class.

    type: in plain words; annotation: as Python has it.
    default: as an experiment file would say it, attrs.NOTHING where the field is required.
    limits: what a value must be besides, such as "> 0".
    """

    name: str
    type: str
    annotation: Any
    help: str
    default: Any
    limits: tuple[Limit, ...]
    identity: bool

    @property
    def required(self) -> bool:
        return self.default is attrs.NOTHING


def describe(config: type) -> tuple[Field, ...]:
    """Return the fields of a config class in the order in which it declares them."""
    return tuple(
        Field(
            attribute.name,
            words(attribute.type),
            attribute.type,
            attribute.metadata.get("help", ""),
            default_of(attribute),
            tuple(limits(attribute.validator)),
            bool(attribute.metadata.get("identity", True)),
        )
        for attribute in attributes(config)
    )


def default_of(attribute: attrs.Attribute[Any]) -> Any:
    """Return the default as an experiment file would say it, or attrs.NOTHING."""
    default: Any = attribute.default
    if getattr(default, "takes_self", False):
        return attrs.NOTHING
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type] # a class to attrs, a function to mypy
        default = default.factory()
    return default if default is attrs.NOTHING else plain(default)


def brief(value: Any) -> Any:
    """Return a plain value with each component that has nothing but its name written as that name."""
    if isinstance(value, dict):
        return (
            value["name"] if value.keys() == {"name"} else {key: brief(each) for key, each in value.items()}
        )
    return [brief(each) for each in value] if isinstance(value, list) else value


def defaults(config: type) -> dict[str, Any]:
    """Return the defaults of all fields that have one, as an experiment file would say them."""
    each = {attribute.name: default_of(attribute) for attribute in attributes(config)}
    return {name: default for name, default in each.items() if default is not attrs.NOTHING}


def complete(config: type, entries: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the defaults that `entries` leave out; a component without a name is the default one."""
    filled = defaults(config)
    components = {each.name for each in attributes(config) if any(map(kind_of, members(each.type)))}
    for key, entry in entries.items():
        default = filled.get(key)
        unnamed = isinstance(entry, dict) and "name" not in entry
        if key in components and unnamed and isinstance(default, dict):
            entry = {**default, **entry}
        filled[key] = entry
    return filled


def plain(value: Any, *, keep: Callable[[attrs.Attribute[Any], Any], bool] = lambda _, __: True) -> Any:
    """Return a value as maps, lists and scalars; a component as its name and its config's entries.

    keep: which fields of a config are wanted, by field and value.
    """
    if isinstance(value, Component):
        settings = value.settings if value.spec is None else value.config
        return {"name": value.name, **plain(settings, keep=keep)}
    if attrs.has(type(value)):
        entries = ((each, getattr(value, each.name)) for each in attrs.fields(type(value)) if each.init)
        return {each.name: plain(entry, keep=keep) for each, entry in entries if keep(each, entry)}
    if isinstance(value, Mapping):
        return {key: plain(inner, keep=keep) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, keep=keep) for inner in value]
    return value


def is_finite(value: Any) -> bool:
    """Tell whether a plain value holds no number that is infinite or none."""
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def faults(config: type) -> list[str]:
    """Return what is wrong with the config class of a component, for its author to mend."""
    if not attrs.has(config):
        return [f"{config!r} is no attrs class"]
    try:
        told = list(_faults_inside(config, ()))
    except NameError as error:
        return [f"an annotation cannot be resolved: {error}"]
    if any(attribute.name == "name" for attribute in attributes(config)):
        told.append("name: a field cannot be called so, because that is what a component is called by")
    return told


def _faults_inside(config: type, above: tuple[type, ...]) -> Iterator[str]:
    for attribute in attributes(config):
        yield from _faults_of(attribute)
        for inner in configs_in(attribute.type):
            if inner not in (config, *above):
                yield from (f"{attribute.name}.{fault}" for fault in _faults_inside(inner, (config, *above)))


def _faults_of(attribute: attrs.Attribute[Any]) -> Iterator[str]:
    name = attribute.name
    if name.startswith("_"):
        yield f"{name}: a field that experiments set cannot begin with _"
    if not supported(attribute.type):
        yield f"{name}: {words(attribute.type)} is no type that an experiment file can give"
    if attribute.converter is not None:
        yield f"{name}: converters are not run; declare the type that the file gives"
    if getattr(attribute.default, "takes_self", False):
        yield f"{name}: a default cannot depend on other fields"
