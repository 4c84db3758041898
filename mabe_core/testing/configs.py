"""Checks of a component's config class: what an experiment may set is typed and documented."""

from __future__ import annotations

import typing
from typing import Any

import attrs

from mabe_core.configs.annotations import attributes, configs_in
from mabe_core.specs import Spec
from mabe_core.testing.findings import Fault

PLAIN = (bool, int, float, str, tuple, list, dict, type(None))


def _nested(config: type) -> list[type]:
    """Return a config class and those inside it."""
    found = [config]
    for attribute in attributes(config):
        found += [each for inner in configs_in(attribute.type) for each in _nested(inner)]
    return found


def it_is_documented(spec: Spec[Any]) -> None:
    """The config class has a docstring, and each field a help."""
    for config in _nested(spec.config):
        if not (config.__doc__ or "").strip() and not spec.summary:
            raise Fault(f"{config.__name__} has no docstring: its first line is what `mabe list` tells")
        silent = [each.name for each in attributes(config) if not each.metadata.get("help")]
        if silent:
            raise Fault(
                f"{config.__name__}: {', '.join(silent)} without a help; write "
                'attrs.field(default=…, metadata={"help": "…"})'
            )


def every_setting_is_a_field(spec: Spec[Any]) -> None:
    """No class attribute looks like a field but has no type, so that no experiment can set it."""
    for config in _nested(spec.config):
        fields = {each.name for each in attrs.fields(config)}
        hints = typing.get_type_hints(config)
        for name, value in vars(config).items():
            plain = isinstance(value, PLAIN) and not name.startswith("_")
            if plain and name not in fields and typing.get_origin(hints.get(name)) is not typing.ClassVar:
                raise Fault(f"{config.__name__}.{name} has no type, so no experiment can set it: write one")


def no_default_is_shared(spec: Spec[Any]) -> None:
    """No default is a list or a map, which all configs would have in common."""
    for config in _nested(spec.config):
        for each in attributes(config):
            if isinstance(each.default, list | dict | set):
                raise Fault(
                    f"{config.__name__}.{each.name}: all configs have its default, a "
                    f"{type(each.default).__name__}, in common: write a tuple, or factory=lambda: …"
                )


CHECKS = (it_is_documented, every_setting_is_a_field, no_default_is_shared)
