"""Experiment ids: the same id means the same experiment."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import attrs

from mabe_core.errors import UserError
from mabe_core.experiment import Experiment, identity_tree
from mabe_core.registry import Provided, Registry
from mabe_core.specs import Component

EXPERIMENT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}-[0-9a-f]{10}")


def components_of(value: Any) -> Iterator[Component[Any]]:
    """Return every component in a config or experiment, nested ones after the one that holds them."""
    if isinstance(value, Component):
        yield value
        yield from components_of(value.config)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from components_of(getattr(value, field.name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from components_of(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from components_of(item)


def providers(experiment: Experiment, registry: Registry) -> list[Provided]:
    """Return who provides the experiment's components, each once, by kind and name."""
    used = {
        (component.spec.kind, component.name) for component in components_of(experiment) if component.spec
    }
    return [registry.find(kind, name) for kind, name in sorted(used)]


def experiment_id(experiment: Experiment, registry: Registry) -> str:
    """Return `name-` and 10 hex digits of a SHA-256 over what the user asked for.

    That is the resolved configuration less what says where and how it runs, the content of each local plugin
    file, and distribution and version of every other component.
    """
    sources = []
    for offer in providers(experiment, registry):
        origin = offer.origin
        source = (
            {"sha256": origin.sha256} if origin.place == "file" else {"distribution": origin.distribution}
        )
        sources.append([*offer.key, {**source, "version": offer.spec.version}])
    asked = {"experiment": identity_tree(experiment), "components": sources}
    canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"{experiment.name}-{hashlib.sha256(canonical.encode()).hexdigest()[:10]}"


def check_id_like(text: str) -> str:
    """Return the beginning of an id as given; raise UserError for anything that is no such beginning."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,74}", text):
        raise UserError(
            f"not an experiment id: {text!r}. An id is a name, a dash and 10 hex digits, such as "
            "v3_transformer-3f9a1c02d7; `mabe runs` lists them."
        )
    return text
