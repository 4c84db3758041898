"""Loads the plugins of an experiment: installed ones, those that it names, those that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mabe_core.discovery import load_plugins
from mabe_core.experiment.document import Document
from mabe_core.registry import Origin, Registry


def plugins_of(
    document: Document, files: Sequence[Path] = (), installed: Sequence[Origin] | None = None
) -> Registry:
    """Load what an experiment can name; files: those that the user names beside it.

    Raises UntrustedError, before any of them is run, where a file came with a run and was not agreed to; else
    as load_plugins, which says what `installed` is.
    """
    return load_plugins((*document.plugin_files, *files), installed, kept=document.kept_plugin_files)
