"""The settings of experiments that runs keep, read fast and without line numbers: there may be thousands."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import yaml

from mabe_core.experiment.node import ValuePath, path_text
from mabe_core.experiment.scalars import TAGS, read_scalar
from mabe_core.experiment.yaml_source import MAX_BYTES, MAX_DEPTH, MAX_VALUES, read_source


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's where it is
    """Reads YAML 1.2's core schema, as experiment files are read, and no more of YAML than they hold."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way


# few, where `mabe-run` wrote the file: it uses brackets for what is empty
FLOW = 200
_IN_A_ROW = re.compile(rb"(?:[-?:][ \t]+){50}")


def _scalar(loader: Any, node: yaml.ScalarNode) -> Any:
    return read_scalar(node.value)


for _name, _pattern in TAGS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, None)
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _scalar)


def read_kept(content: bytes) -> dict[str, Any] | None:
    """Return the experiment of a run as plain maps; None where it is none that `mabe-run` wrote."""
    if len(content) > MAX_BYTES:
        return None
    try:
        text = content.decode()
        found = read_source(text, "")[0].plain() if _may_be_deep(content) else yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _may_be_deep(content: bytes) -> bool:
    """Tell whether lists and maps may be nested so deep that libyaml's own recursion ends the process."""
    return content.count(b"[") + content.count(b"{") > FLOW or _IN_A_ROW.search(content) is not None


def flat(tree: Any) -> dict[str, Any]:
    """Return settings by dotted key, `model.hidden_dim`; a component's own key says its name.

    A list of components says their names, a list of plain values those. At most so many values, so deep, as
    an experiment file may hold: aliases can make few bytes many.
    """
    found: dict[str, Any] = {}
    seen = itertools.count()
    for path, value in _settings(tree, (), seen):
        found[path_text(path)] = value
    return found


def _settings(value: Any, path: ValuePath, seen: Iterator[int]) -> Iterator[tuple[ValuePath, Any]]:
    if next(seen) > MAX_VALUES or len(path) > MAX_DEPTH:
        return
    if isinstance(value, dict):
        if path and isinstance(value.get("name"), str):
            yield path, value["name"]
        for key, inner in value.items():
            yield from _settings(inner, (*path, str(key)), seen)
    elif isinstance(value, list):
        plain = [item.get("name") if isinstance(item, dict) else item for item in value]
        yield path, [item for item in plain if not isinstance(item, list | dict)]
        for index, item in enumerate(value):
            if isinstance(item, dict):
                yield from _settings(item, (*path, index), seen)
    else:
        yield path, value
