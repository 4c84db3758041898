"""Experiment files: read, composed, resolved against a registry, written out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mabe_core.experiment.document import Document, read_document, read_text
from mabe_core.experiment.schema import Experiment
from mabe_core.experiment.text import identity_tree, to_text, to_tree

if TYPE_CHECKING:
    from mabe_core.registry import Registry

__all__ = [
    "Document",
    "Experiment",
    "identity_tree",
    "read_document",
    "read_text",
    "resolve",
    "to_text",
    "to_tree",
]


def resolve(document: Document, registry: Registry) -> Experiment:
    """Return the experiment of a document: components looked up, defaults filled in.

    Raises UserError with everything that is wrong, each with file and line.
    """
    from mabe_core.experiment import structure  # cattrs takes a while to import

    return structure.resolve(document, registry)
