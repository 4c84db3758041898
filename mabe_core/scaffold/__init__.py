"""What `mabe plugin new` and `mabe init` write: template files, filled in."""

from __future__ import annotations

import importlib.resources
import os
import string
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import attrs

from mabe_core.errors import Location, Problem, UserError
from mabe_core.runs.files import write_whole, writing
from mabe_core.scaffold.experiments import SAMPLES, experiment_slots, label
from mabe_core.scaffold.names import NewName

Texts = Mapping[PurePosixPath, str]


@attrs.frozen
class NewPlugin:
    """A plugin to be written: its files by their place, where its own code is, and what to type next."""

    files: Texts
    source: PurePosixPath
    commands: tuple[str, ...]


def template(name: str, words: Mapping[str, str] | None = None) -> str:
    """Return a template file's text, its `$words` filled in."""
    text = (importlib.resources.files(__name__) / "templates" / name).read_text(encoding="utf-8")
    return string.Template(text).substitute(words) if words is not None else text


def new_plugin(new: NewName, *, package: bool) -> NewPlugin:
    """Return a plugin of one component, or a watcher, as a file or a package, with an experiment."""
    name, kind, module = new.name, new.kind, new.module
    words = {"name": name, "Name": new.as_class}
    source = template(f"kinds/{kind}.py.tmpl", words)
    root = PurePosixPath(module if package else "")
    files = {root / place: text for place, text in _experiment(name, kind, package=package).items()}
    runs = any(place.suffix == ".yaml" for place in files)
    check = f"mabe plugin check {module if package else name + '.py'}"
    read = {"pose_reader": "pose.csv", "label_reader": "labels.txt"}.get(kind)
    sample = f"data/{name}/{read}" if read else ""
    check += f" --sample {sample}" if sample else ""
    commands = (check, *([f"mabe-run {name}.yaml"] if runs else []))
    if not package:
        file = PurePosixPath(f"{name}.py")
        return NewPlugin({file: source, **files}, file, commands)
    words |= {
        "module": module,
        "distribution": new.distribution,
        "label": label(kind),
        "commands": "".join(f"    {command}\n" for command in commands),
        "samples": f', samples=["{sample}"]' if sample else "",
    }
    file = root / "src" / module / "__init__.py"
    files |= {
        root / ".gitignore": template("package/gitignore"),
        root / "pyproject.toml": template("package/pyproject.toml.tmpl", words),
        root / "README.md": template("package/README.md.tmpl", words),
        file: source,
        root / "src" / module / "py.typed": "",
        root / "tests" / f"test_{module}.py": template("package/test_plugin.py.tmpl", words),
    }
    return NewPlugin(files, file, (f"cd {module}", "pip install -e '.[test]'", *commands, "pytest"))


def _experiment(name: str, kind: str, *, package: bool) -> Texts:
    """Return an experiment that uses the component, and the data that it needs, by their place."""
    slots = experiment_slots(name, kind, package=package)
    data = {
        PurePosixPath("data") / name / file: template(f"data/{source}")
        for file, source in SAMPLES.get(kind, {}).items()
    }
    return {PurePosixPath(f"{name}.yaml"): template("experiment.yaml.tmpl", slots), **data}


def new_folder() -> Texts:
    """Return the files of a folder to work in: an experiment, a plugin, editor settings, a .gitignore."""
    plugin = new_plugin(NewName("my_model", "model"), package=False).files
    return {
        **plugin,
        PurePosixPath(".gitignore"): template("folder/gitignore"),
        PurePosixPath(".vscode/settings.json"): template("folder/settings.json"),
        PurePosixPath(".vscode/extensions.json"): template("folder/extensions.json"),
    }


def write_all(folder: Path, files: Texts) -> list[Path]:
    """Write files where none is; raise UserError that names those that are there, and write nothing then."""
    there = [folder / place for place in files if os.path.lexists(folder / place)]
    if there:
        raise UserError(
            Problem("is there already: it is left as it is", Location(str(file))) for file in there
        )
    return write_missing(folder, files)


def write_missing(folder: Path, files: Texts) -> list[Path]:
    """Write the files that are not there yet; return those that were written."""
    written = []
    for place, text in files.items():
        file = folder / place
        if not os.path.lexists(file):
            with writing(file.parent):
                file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, text)
            written.append(file)
    return written
