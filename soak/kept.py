"""The files that runs, studies and the registry keep, and what reads them as commands do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mabe_core.comparing.table import compare_runs
from mabe_core.errors import MabeError
from mabe_core.inference.loading import open_model
from mabe_core.models.adding import add_run, check
from mabe_core.models.card import model_card
from mabe_core.models.finding import find_model
from mabe_core.models.folder import ModelFolder
from mabe_core.models.gathering import gather
from mabe_core.models.history import as_row
from mabe_core.pages.content import content_of
from mabe_core.pages.numbers import numbers
from mabe_core.reports.compared import as_json, as_text
from mabe_core.runs.checkpoints import checkpoint_names, newest_checkpoint, read_pointer
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.listing import known_keys, local_rows, select
from mabe_core.runs.record import read_record
from mabe_core.runs.studies import summaries
from mabe_core.runs.study import Member, Study, find, write_study

Ask = Callable[[], object]
NAME = "fuzzed"
# reading one takes ten times as long as reading an experiment
WEIGHT = 0.2
STUDY = f"{NAME}-0123456789"


def files(folder: Path, run: Path) -> Iterator[tuple[str, str, Path, Ask]]:
    """Yield what each file belongs to, its form, its path, and what reads it."""
    runs, models = run.parent, ModelFolder(folder / "models")
    directory = RunDirectory(run)
    add_run(models, directory, NAME, aliases=["best"])
    member = Member(id=run.name, settings={"seed": 42})
    text = directory.experiment.read_text(encoding="utf-8")
    write_study(runs, Study(id=STUDY, name=NAME, description="", axes=["seed"], members=(member,), text=text))

    def of_run() -> None:
        rows = local_rows(runs, whole=True)
        known = known_keys(rows)
        select(rows, None, ["-best"], [key for key in list(known)[:20] if known[key]])
        _all(
            lambda: _shown(runs, run.name),
            lambda: model_card(find_model(run.name, runs, models.path), runs),
            lambda: gather(directory, "best"),
            lambda: _compared(runs, run.name),
        )

    def of_checkpoint() -> None:
        read_record(directory)
        _all(
            lambda: read_pointer(directory.last),
            lambda: newest_checkpoint(directory.checkpoints),
            lambda: open_model(run.name, runs, models.path, device="cpu"),
        )

    def of_study() -> None:
        _all(
            lambda: summaries(runs),
            lambda: _shown(runs, STUDY),
            lambda: _compared(runs, STUDY),
        )

    def of_registry() -> None:
        def listed() -> None:
            for name in models.names():
                names = models.read(name)
                for version in names.versions:
                    as_row(names, version, name)

        _all(
            listed,
            lambda: check(models, NAME),
            lambda: models.history(NAME),
            lambda: model_card(find_model(f"{NAME}@best", runs, models.path), runs),
        )

    newest = directory.checkpoints / checkpoint_names(directory.checkpoints)[0]
    version = models.entry(NAME, 1)
    history = sorted((models.path / NAME / "history").glob("*.json"))
    yield from (
        ("run", form, run / name, of_run)
        for name, form in {
            "record.json": "json",
            "scores.json": "json",
            "best.json": "json",
            "metrics.jsonl": "lines",
            "experiment.yaml": "yaml",
        }.items()
    )
    yield "model", "json", run / "record.json", of_checkpoint
    yield "model", "json", run / "best.json", of_checkpoint
    yield "checkpoint", "sealed", newest / "state.json", of_checkpoint
    yield "checkpoint", "bytes", newest / "model.safetensors", of_checkpoint
    yield "study", "json", runs / STUDY / "study.json", of_study
    yield "registry", "json", version / "entry.json", of_registry
    yield "registry", "json", history[-1], of_registry


def _shown(runs: Path, name: str) -> None:
    numbers(content_of(find(runs, name), runs))


def _compared(runs: Path, name: str) -> None:
    compared = compare_runs(runs, [name], others=None, draws=100)
    as_json(compared)
    as_text(compared)


def _all(*asked: Ask) -> None:
    """Ask each, whatever is wrong with the one before; raise what a user is told first."""
    first: Exception | None = None
    for ask in asked:
        try:
            ask()
        except MabeError as error:
            first = first or error
    if first is not None:
        raise first
