"""`mabe diff`: how two experiments differ, all defaults filled in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from mabe_core.cli import completing, options
from mabe_core.cli.trusting import trust_option

if TYPE_CHECKING:
    from mabe_core.experiment import Document
    from mabe_core.registry import Registry
    from mabe_core.runs.comparison import Comparison, Difference, Side


@click.command("diff")
@click.argument("a", shell_complete=completing.run_ids_and_files)
@click.argument("b", shell_complete=completing.run_ids_and_files)
@options.plugin_files
@options.runs_dir
@options.as_json
@trust_option
def command(a: str, b: str, plugin_files: tuple[Path, ...], runs_dir: Path, as_json: bool) -> int:
    """Tell how B differs from A: experiment files, or ids of runs and studies.

    Exit status 0: the same id; 1: not.
    """
    from mabe_core.experiment.plugins import plugins_of
    from mabe_core.runs.comparison import compare

    before = _side(a, runs_dir, lambda document: plugins_of(document, plugin_files))[0]
    after, registry = _side(b, runs_dir, lambda document: options.registry_of(document, plugin_files))
    compared = compare(before, after, registry)
    if as_json:
        options.say_json(_as_json(compared))
    else:
        from mabe_core.reports.comparison import print_comparison
        from mabe_core.reports.console import console

        print_comparison(console(), compared)
    return 0 if compared.same_id else 1


def _side(word: str, runs_dir: Path, load: Callable[[Document], Registry]) -> tuple[Side, Registry]:
    """Return an experiment by its file or the beginning of its id, and the plugins it is read with."""
    from mabe_core.experiment import read_document
    from mabe_core.runs.comparison import side_of_run
    from mabe_core.runs.study import Study, find

    if Path(word).suffix in (".yaml", ".yml") or Path(word).exists():
        return _written(word, read_document(word), load)
    found = find(runs_dir, word)
    if isinstance(found, Study):
        from mabe_core.studies.keeping import document_of

        return _written(found.id, document_of(found, runs_dir / found.id), load)
    document = read_document(found.experiment)
    return side_of_run(found, document), load(document)


def _written(name: str, document: Document, load: Callable[[Document], Registry]) -> tuple[Side, Registry]:
    """Return what a document, a study's too, says now."""
    from mabe_core.experiment import resolve
    from mabe_core.runs.comparison import side_of

    registry = load(document)
    side = side_of(name, resolve(document, registry), registry)
    if document.has_study:
        from mabe_core.studies.expansion import study_file, study_id

        study = study_file(document, registry)
        side = attrs.evolve(side, id=study_id(study, study.members()))
    return side, registry


def _as_json(compared: Comparison) -> dict[str, Any]:
    before, after = compared.before, compared.after
    return {
        "a": {"name": before.name, "id": before.id},
        "b": {"name": after.name, "id": after.id},
        "same_id": compared.same_id,
        "settings": [_difference(each) for each in compared.settings],
        "components": [_difference(each) for each in compared.components],
        "files": [
            {"name": file.name, "diff": file.diff(f"{before.name}/{file.name}", f"{after.name}/{file.name}")}
            for file in compared.files
        ],
    }


def _difference(each: Difference) -> dict[str, Any]:
    return {"what": each.what, "a": each.before, "b": each.after, "in_id": each.in_id}
