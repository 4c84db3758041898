"""The JSON Schema of experiment files, which editors complete and check them by.

It is made of what `mabe show` tells, so it covers whatever is registered. What it cannot say, `mabe-run`
tells all the same: rules over several keys, and what a file lacks that `extends` another.
"""

from __future__ import annotations

import json
import sys
import typing
from typing import Any, Literal

import attrs

from mabe_core.configs.annotations import (
    SCALARS,
    item_types,
    json_type,
    kind_of,
    members,
    value_type,
)
from mabe_core.configs.fields import Field, brief, describe, is_finite
from mabe_core.experiment.schema import EXTENDS, Experiment
from mabe_core.registry import KINDS, Provided, Registry

Schema = dict[str, Any]

FILE = "mabe.schema.json"
# what editors look for at the top of a YAML file; the schema's path is relative to that file
EDITOR_COMMENT = "# yaml-language-server: $schema="

# what infinity is above: numbers are finite, unless the default is none
LARGEST = sys.float_info.max

_NAMED = {"type": "object", "required": ["name"]}
_UNNAMED = {"type": "object", "not": {"required": ["name"]}}


def schema_text(registry: Registry) -> str:
    """Return the schema as the text of a JSON file."""
    return json.dumps(experiment_schema(registry), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def experiment_schema(registry: Registry) -> Schema:
    """Return the JSON Schema (draft 2020-12) of experiment files that name what the registry has."""
    writer = _Writer(registry)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mabe experiment",
        "description": "An experiment on animal behaviour: `mabe-run FILE` runs it.",
        "type": "object",
        "if": {"required": ["extends"]},
        "then": writer.experiment(partial=True),
        "else": writer.experiment(partial=False),
        "$defs": dict(sorted(writer.definitions.items())),
    }


class _Writer:
    """Writes definitions, each once.

    partial: of a file that extends another, which may give what is missing. Lists replace the other's, so
    what they hold is whole all the same.
    """

    def __init__(self, registry: Registry) -> None:
        self.definitions: dict[str, Schema] = {}
        self._offers: dict[str, list[Provided]] = {kind: [] for kind in KINDS}
        for offer in registry.usable():
            self._offers[offer.spec.kind].append(offer)
        self._watching = registry.watching()

    def experiment(self, *, partial: bool) -> Schema:
        """Return the schema of a file, without or with the key `extends`."""
        reference = self._section(Experiment, partial)
        keys = self.definitions[_name(Experiment, partial)]["properties"]
        keys["extends"] = {"type": "string", "minLength": 1, "description": EXTENDS}
        keys["watchers"]["items"] = _one_of(self._watching)
        return reference

    def _section(self, config: type, partial: bool) -> Schema:
        name = _name(config, partial)
        if name not in self.definitions:
            self.definitions[name] = schema = {"type": "object"}
            schema.update(self._entries(config, partial))
        return {"$ref": f"#/$defs/{name}"}

    def _entries(self, config: type, partial: bool, given: typing.Container[str] = ()) -> Schema:
        fields = describe(config)
        required = [each.name for each in fields if each.required and each.name not in given]
        return {
            "properties": {each.name: self._field(each, partial) for each in fields},
            **({"required": required} if required and not partial else {}),
            "additionalProperties": False,
        }

    def _field(self, field: Field, partial: bool) -> Schema:
        schema: Schema = {"description": field.help} if field.help else {}
        if _is_json(field.default):
            schema["default"] = brief(field.default)
        schema.update(self._value(field.annotation, partial, field.default))
        for limit in field.limits:
            if schema.keys().isdisjoint(limit.schema):
                schema.update(limit.schema)
            else:
                schema.setdefault("allOf", []).append(limit.schema)
        if float in members(field.annotation) and is_finite(field.default):
            for words, bound in (("minimum", -LARGEST), ("maximum", LARGEST)):
                if f"exclusive{words.title()}" not in schema:
                    schema.setdefault(words, bound)
        return schema

    def _value(self, annotation: Any, partial: bool, default: Any = attrs.NOTHING) -> Schema:
        if annotation is Any:
            return {}
        alternatives = members(annotation)
        if all(each in SCALARS for each in alternatives):
            kinds = [json_type(each) for each in alternatives]
            return {"type": kinds if len(kinds) > 1 else kinds[0]}
        if len(alternatives) > 1:
            return {"anyOf": [self._value(each, partial, default) for each in alternatives]}
        if typing.get_origin(annotation) is Literal:
            return {"enum": list(typing.get_args(annotation))}
        kind = kind_of(annotation)
        if kind is not None:
            return self._component(kind, partial, default)
        items = item_types(annotation)
        if items is not None and items[-1] is ...:
            return {"type": "array", "items": self._value(items[0], partial=False)}
        if items is not None:
            each = [self._value(item, partial=False) for item in items]
            return {"type": "array", "prefixItems": each, "items": False, "minItems": len(each)}
        values = value_type(annotation)
        if values is not None:
            return {"type": "object", "additionalProperties": self._value(values, partial)}
        return self._section(annotation, partial)

    def _component(self, kind: str, partial: bool, default: Any) -> Schema:
        """Return the schema of a place for a component; a map without `name` is the default one."""
        reference = self._any_of_kind(kind, partial)
        if partial:
            return reference
        offers = {offer.spec.name: offer for offer in self._offers[kind]}
        unnamed: Schema = {"required": ["name"]}
        if isinstance(default, dict) and default["name"] in offers:
            unnamed = self._component_settings(offers[default["name"]], partial, given=tuple(default))
        return {**reference, "if": _UNNAMED, "then": unnamed}

    def _any_of_kind(self, kind: str, partial: bool) -> Schema:
        name = f"partial.{kind}" if partial else kind
        if name not in self.definitions:
            self.definitions[name] = schema = {"description": " ".join(KINDS[kind].help.split())}
            schema.update(self._choice(kind, partial))
        return {"$ref": f"#/$defs/{name}"}

    def _choice(self, kind: str, partial: bool) -> Schema:
        """Return the schema of a bare name or a map; the names stand where editors look for them."""
        offers = self._offers[kind]
        fields = {offer.spec.name: describe(offer.spec.config) for offer in offers}
        bare = [each for each in offers if partial or not any(f.required for f in fields[each.spec.name])]
        keys = sorted({"name", *(field.name for each in fields.values() for field in each)})
        settings = [
            {
                "if": {**_NAMED, "properties": {"name": {"const": offer.spec.name}}},
                "then": self._component_settings(offer, partial),
            }
            for offer in offers
        ]
        return {
            "anyOf": [_names(bare), {"type": "object"}],
            "allOf": [
                {"if": _NAMED, "then": {"properties": {"name": _names(offers)}}},
                *([{"if": _UNNAMED, "then": {"propertyNames": {"enum": keys}}}] if partial else []),
                *settings,
            ],
        }

    def _component_settings(self, offer: Provided, partial: bool, given: tuple[str, ...] = ()) -> Schema:
        spec = offer.spec
        name = f"{'partial.' if partial else ''}{spec.kind}.{spec.name}"
        lacking = [each.name for each in describe(spec.config) if each.required and each.name in given]
        if lacking:  # a default that gives what its component requires
            name += f".with-{'-'.join(lacking)}"
        if name not in self.definitions:
            schema: Schema = {"type": "object", "description": spec.describe()}
            self.definitions[name] = schema
            schema.update({"deprecated": True} if spec.deprecated else {})
            schema.update(self._entries(spec.config, partial, given))
            schema["properties"] = {"name": {"const": spec.name}, **schema["properties"]}
        return {"$ref": f"#/$defs/{name}"}


def _name(config: type, partial: bool) -> str:
    place = "section" if config.__module__ == Experiment.__module__ else config.__module__
    return f"{'partial.' if partial else ''}{place}.{config.__qualname__}"


def _names(offers: list[Provided]) -> Schema:
    """Allow these names; `enumDescriptions` is what VS Code shows beside each."""
    specs = [offer.spec for offer in offers]
    if not specs:
        return {"not": {}}
    return {"enum": [each.name for each in specs], "enumDescriptions": [each.describe() for each in specs]}


def _one_of(words: list[str]) -> Schema:
    return {"enum": words} if words else {"not": {}}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
