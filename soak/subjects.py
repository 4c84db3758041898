"""What is fuzzed: valid files of each kind, and what reads them as commands do."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import attrs
import yaml

from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess
from mabe_core.experiment import Experiment, identity_tree, read_document, read_text, resolve, to_text
from mabe_core.experiment.yaml_source import read_file
from mabe_core.registry import Registry
from mabe_core.runs.identity import experiment_id

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
FRAMES, FPS = 40, 10.0


@attrs.frozen(eq=False)
class Subject:
    """One file to be changed. read: raises what is wrong with it.

    form: yaml, json, sealed (JSON that holds its hash), lines (of JSON), table, h5, or bytes: of a structure
        that is not known.
    path: where it lies, below the folder that it was made in. weight: how often it is taken, beside others.
    """

    name: str
    form: str
    path: Path
    content: bytes
    read: Callable[[], object]
    weight: float = 1.0


def subjects(folder: Path) -> list[Subject]:
    """Make valid files of all kinds below a folder."""
    registry = load_plugins()
    made = [*_experiments(folder, registry), *_recordings(folder, registry), *_importers(folder)]
    return [*made, *_kept(folder)]


def _experiments(folder: Path, registry: Registry) -> list[Subject]:
    made = []
    for source in sorted(EXPERIMENTS.glob("*.yaml")):
        file = folder / source.name
        tree = read_file(source)[0].plain()  # with what it extends left to be read

        def read(file: Path = file) -> None:
            document = read_document(file)
            experiment = resolve(document, registry)
            text = to_text(experiment)
            again = resolve(read_text(text, str(file), folder=folder), registry)
            assert to_text(again) == text, "resolved twice, it is another"
            assert experiment_id(again, registry) == experiment_id(experiment, registry), "another id"
            assert identity_tree(again) == identity_tree(experiment), "another identity"
            if document.has_study:
                from mabe_core.studies.expansion import study_file

                study_file(document, registry).members()

        content = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode()
        made.append(Subject(f"experiment {source.stem}", "yaml", file, content, read))
    return made


def _recordings(folder: Path, registry: Registry) -> list[Subject]:
    from mabe_core.data.fingerprint import fingerprint
    from mabe_core.training.reading import read_data
    from tests.plugins.pose_writing import pose_frame, write_boris, write_caltech, write_csv, write_h5

    events = [
        (time, "resident", what, status)
        for start, what in ((0.5, "attack"), (2.0, "mount"), (3.0, "attack"))
        for time, status in ((start, "START"), (start + 0.6, "STOP"))
    ]
    several, one = pose_frame(FRAMES), pose_frame(FRAMES, individuals=())
    bouts = [(1, 9, "attack"), (10, 30, "other"), (31, 40, "mount")]
    forms: dict[str, tuple[str, Callable[[Path], object]]] = {
        "pose.csv": ("table", lambda file: write_csv(several, file)),
        "single.csv": ("table", lambda file: write_csv(one, file)),
        "table.h5": ("h5", lambda file: write_h5(several, file)),
        "fixed.h5": ("h5", lambda file: write_h5(several, file, "fixed")),
        "boris.csv": ("table", lambda file: write_boris(file, events, FRAMES / FPS, FPS)),
        "caltech.txt": ("table", lambda file: write_caltech(file, bouts)),
    }
    access = DataAccess((folder / "data",))
    made = []
    for pose, label, changing in (
        ("pose.csv", "boris.csv", ("pose.csv", "boris.csv")),
        ("pose.csv", "caltech.txt", ("caltech.txt",)),
        *((pose, "boris.csv", (pose,)) for pose in ("single.csv", "table.h5", "fixed.h5")),
    ):
        place = folder / "data" / f"{pose}-{label}"
        place.mkdir(parents=True)
        forms[pose][1](place / pose)
        forms[label][1](place / label)
        experiment = _on_files(registry, place.name, pose, label)

        def read(experiment: Experiment = experiment) -> None:
            fingerprint(experiment.data.dataset, access)
            read_data(experiment, access)

        made += [
            Subject(name, forms[name][0], place / name, (place / name).read_bytes(), read)
            for name in changing
        ]
    return made


def _on_files(registry: Registry, folder: str, pose: str, label: str) -> Experiment:
    dataset = {
        "name": "pose_files",
        "folder": folder,
        "labels": label.partition(".")[0],
        "pairs": [{"pose": pose, "labels": label}],
        "fps": FPS,
        "classes": ["attack", "mount"],
        "background": "other",
        "subjects": {"resident": None} if pose.startswith("single") else {},
    }
    tree = {
        "name": "fuzzed",
        "data": {
            "dataset": dataset,
            "split": {"name": "time_blocks", "blocks": 2, "validation": 0.5, "missing_classes": "allow"},
            "sequence_length": 4,
        },
        "model": "transformer",
    }
    return resolve(read_text(json.dumps(tree)), registry)


def _importers(folder: Path) -> list[Subject]:
    from tests.plugins.damaging import cases

    (folder / "importers").mkdir()
    forms = {".csv": "table", ".txt": "table", ".h5": "h5", ".json": "json"}
    return [
        Subject(name, forms.get(file.suffix, "bytes"), file, file.read_bytes(), read)
        for name, file, read in cases(folder / "importers")
    ]


def _kept(folder: Path) -> list[Subject]:
    from soak import kept

    return [
        Subject(f"{what}'s {file.name}", form, file, file.read_bytes(), read, kept.WEIGHT)
        for what, form, file, read in kept.files(folder, trained(folder / "runs"))
    ]


def trained(runs: Path) -> Path:
    """Train for a moment; return the run's folder."""
    words = ["run", EXPERIMENTS / "quickstart.yaml", "--runs-dir", runs, "--device", "cpu"]
    few = [
        *("training.epochs=2", "scheduler=null", "training.windows_per_epoch=32", "model.hidden_dim=16"),
        *("data.dataset.train_recordings=12", "data.dataset.validation_recordings=3", "threads=1"),
    ]
    code, told = command(*words, *(word for each in few for word in ("--set", each)))
    assert code == 0, told
    return next(path for path in runs.iterdir() if (path / "record.json").exists())


def command(*words: object) -> tuple[int, str]:
    """Run `mabe` in this process; return its exit status and what it wrote to standard error."""
    from mabe_core.cli import main

    before, sys.argv = sys.argv, ["mabe", *map(str, words)]
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            main()
    except SystemExit as ended:
        return int(ended.code or 0), err.getvalue()
    finally:
        sys.argv = before
    return 0, err.getvalue()
