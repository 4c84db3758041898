"""`mabe show`: what a component can be told."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import click

from mabe_core.cli import completing, options
from mabe_core.configs.fields import Field, describe
from mabe_core.errors import UserError
from mabe_core.registry import KINDS, Kind, Provided, Registry


@click.command("show")
@click.argument("kind", shell_complete=completing.kinds)
@click.argument("name", required=False, shell_complete=completing.components)
@options.plugin_files
@options.as_json
def command(kind: str, name: str | None, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """Show the component NAME of a KIND: every field, YAML to paste, the plugin, the file it is in."""
    from mabe_core.experiment.example import example

    registry = options.registry(plugin_files)
    if name is None:
        raise UserError(_which(kind, registry))
    known = options.kind(kind, registry)
    offer = registry.find(kind, name)
    pasted = example(offer.spec, registry)
    if as_json:
        options.say_json(_as_json(offer, pasted))
    else:
        _print(known, offer, pasted)


def _which(word: str, registry: Registry) -> str:
    """Say what to type where one word was given: a kind without a name, or a name without its kind."""
    if word in KINDS:
        return f"which {KINDS[word].label}? There are: {', '.join(registry.names(word))}."
    options.kind(word, registry)
    raise AssertionError("a word that is no kind was refused")


def _print(kind: Kind, offer: Provided, pasted: str) -> None:
    from mabe_core.reports.console import console

    spec = offer.spec
    screen = console()
    screen.print(f"{kind.label} {spec.name}, version {spec.version}: {spec.describe()}")
    if spec.deprecated:
        screen.print(f"deprecated: {spec.deprecated}", style="yellow")
    screen.print(f"from {offer.origin}")
    file, line = source(offer)
    screen.print(f"in {file}:{line}", soft_wrap=True)
    fields = describe(spec.config)
    if fields:
        screen.print()
        options.table([_row(field) for field in fields], whole=("field",))
    screen.print("\nin an experiment:\n")
    screen.print(pasted, end="", soft_wrap=True)


def source(offer: Provided) -> tuple[str | None, int | None]:
    """Return the file and the line of a component's config class; None where they cannot be told."""
    try:
        return inspect.getsourcefile(offer.spec.config), inspect.getsourcelines(offer.spec.config)[1]
    except (OSError, TypeError):
        return None, None


def _row(field: Field) -> dict[str, str]:
    default = "(required)" if field.required else json.dumps(field.default, ensure_ascii=False)
    return {
        "field": field.name,
        "type": field.type,
        "default": default,
        "limits": ", ".join(map(str, field.limits)),
        "help": field.help,
    }


def _as_json(offer: Provided, pasted: str) -> dict[str, Any]:
    spec, origin = offer.spec, offer.origin
    file, line = source(offer)
    return {
        "kind": spec.kind,
        "name": spec.name,
        "version": spec.version,
        "summary": spec.describe(),
        "deprecated": spec.deprecated,
        "plugin": origin.plugin,
        "place": origin.place,
        "distribution": origin.distribution,
        "distribution_version": origin.version,
        "file": file,
        "line": line,
        "fields": [
            {
                "name": field.name,
                "type": field.type,
                "required": field.required,
                "default": None if field.required else field.default,
                "limits": [str(limit) for limit in field.limits],
                "help": field.help,
                "in_id": field.identity,
            }
            for field in describe(spec.config)
        ],
        "example": pasted,
    }
