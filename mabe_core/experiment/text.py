"""Writes an experiment out: as a plain tree, as what its id is made of, and as YAML that reads back alike."""

from __future__ import annotations

from typing import Any

import attrs
import yaml

from mabe_core.configs.fields import UNLESS_DEFAULT, default_of, plain
from mabe_core.experiment.scalars import TAGS
from mabe_core.experiment.schema import Experiment


def to_tree(experiment: Experiment) -> dict[str, Any]:
    """Return the experiment as maps, lists and scalars, with all defaults filled in."""
    tree: dict[str, Any] = plain(experiment)
    if experiment.study is None:  # most experiments are none, and need not say so
        del tree["study"]
    return tree


def identity_tree(experiment: Experiment) -> dict[str, Any]:
    """Return what `to_tree` does, less the fields that are not part of what is asked for."""
    tree: dict[str, Any] = plain(experiment, keep=_asked)
    return tree


def _asked(field: attrs.Attribute[Any], value: Any) -> bool:
    """Tell whether a field is part of what is asked for.

    One that came later says `unless default`: its default is what was done before there was such a field.
    """
    identity = field.metadata.get("identity", True)
    return bool(identity) and not (identity == UNLESS_DEFAULT and plain(value) == default_of(field))


def to_text(experiment: Experiment) -> str:
    """Return the experiment as YAML, which YAML 1.1 and 1.2 read alike."""
    return tree_text(to_tree(experiment))


def tree_text(tree: Any) -> str:
    """Return a plain tree as YAML."""
    text: str = yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=1 << 20
    )
    return text


def inline_text(value: Any) -> str:
    """Return a plain value as YAML on one line."""
    text: str = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=1 << 20)
    return text.removesuffix("\n").removesuffix("\n...")


class _Dumper(yaml.SafeDumper):
    """Quotes whatever either version of YAML would take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    lines = text.split("\n")
    if not all(line.isprintable() for line in lines):
        style = '"'
    elif len(lines) > 1:
        folds = any(line != line.strip() for line in lines) or not lines[0]
        style = '"' if folds else "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
for _name, _pattern in TAGS.items():
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, None)
