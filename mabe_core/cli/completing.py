"""What a shell is offered for an argument that is half typed: kinds, components, plugins, ids, files."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from mabe_core.errors import MabeError
from mabe_core.registry import KINDS

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _quietly(completer: Completer) -> Completer:
    """Offer nothing where something is wrong: the command itself will say what."""

    @functools.wraps(completer)
    def complete(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        try:
            return completer(ctx, parameter, begun)
        except MabeError:
            return []

    return complete


def _beginning(begun: str, words: dict[str, str]) -> list[CompletionItem]:
    return [CompletionItem(word, help=said) for word, said in words.items() if word.startswith(begun)]


def among(words: dict[str, str]) -> Completer:
    """Offer these words, each with what is said of it."""
    return lambda ctx, parameter, begun: _beginning(begun, words)


def kinds(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the kinds of components."""
    return _beginning(begun, {kind.name: kind.help.partition("\n")[0] for kind in KINDS.values()})


@_quietly
def components(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the names of the components of the kind that is typed already."""
    offers = [offer.spec for offer in _registry(ctx).all() if offer.spec.kind == ctx.params.get("kind")]
    return _beginning(begun, {spec.name: spec.describe() for spec in offers})


@_quietly
def plugins(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the names of plugins, and files."""
    found = _beginning(begun, {each.origin.plugin: each.origin.source for each in _registry(ctx).plugins})
    return found or [CompletionItem(begun, type="file")]


@_quietly
def run_ids(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the ids of the experiments that were run here."""
    from mabe_core.runs.directory import all_runs

    return _beginning(begun, {run.id: "" for run in all_runs(ctx.params.get("runs_dir") or Path("runs"))})


@_quietly
def models(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the models of the registry here; once a name is whole, its aliases and versions."""
    from mabe_core.models.finding import default_models_dir
    from mabe_core.models.folder import ModelFolder

    folder = ModelFolder(ctx.params.get("models_dir") or default_models_dir())
    name, at, _ = begun.partition("@")
    if not at:
        return _beginning(begun, dict.fromkeys(folder.names(), ""))
    names = folder.read(name)
    said = {f"{name}@{alias}": f"version {number}" for alias, number in sorted(names.aliases.items())}
    return _beginning(begun, said | {f"{name}@{each.number}": each.run for each in names.versions})


def models_and_runs(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer models, runs, and folders where neither begins so."""
    found = [*models(ctx, parameter, begun), *run_ids(ctx, parameter, begun)]
    return found or [CompletionItem(begun, type="dir")]


@_quietly
def keys(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer what runs can be filtered and sorted by, after what is typed of a condition already."""
    from mabe_core.runs.listing import known_keys, local_rows

    word = re.split(r"[\s(,-]", begun)[-1]
    before = begun[: len(begun) - len(word)]
    known = known_keys(local_rows(ctx.params.get("runs_dir") or Path("runs"), whole=True))
    return [CompletionItem(before + key) for key, types in known.items() if types and key.startswith(word)]


@_quietly
def run_and_study_ids(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the ids of runs and studies."""
    from mabe_core.runs.directory import all_ids

    return _beginning(begun, dict.fromkeys(all_ids(ctx.params.get("runs_dir") or Path("runs")), ""))


def run_ids_and_files(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer ids, and experiment files; any file where neither begins so."""
    files = [
        CompletionItem(str(file))
        for pattern in ("*.yaml", "*.yml")
        for file in sorted(Path(begun).parent.glob(pattern))
        if str(file).startswith(begun)
    ]
    return [*run_ids(ctx, parameter, begun), *files] or [CompletionItem(begun, type="file")]


def _registry(ctx: click.Context) -> Any:
    from mabe_core.discovery import load_plugins

    return load_plugins(ctx.params.get("plugin_files") or ())
