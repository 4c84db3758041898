"""What `mabe plugin new` and `mabe init` write: template files, filled in."""

from __future__ import annotations

import importlib.resources
import re
import string
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import attrs

from mabe_core.errors import Location, Problem, UserError
from mabe_core.registry import KINDS
from mabe_core.runs.files import write_whole, writing
from mabe_core.scaffold.experiments import SAMPLES, experiment_slots
from mabe_core.specs import NAME

Texts = Mapping[PurePosixPath, str]


@attrs.frozen
class NewPlugin:
    """A plugin to be written: its files by their place, and the commands that come next."""

    files: Texts
    commands: tuple[str, ...]


def template(name: str, words: Mapping[str, str] | None = None) -> str:
    """Return a template file's text, its `$words` filled in."""
    text = (importlib.resources.files(__name__) / "templates" / name).read_text(encoding="utf-8")
    return string.Template(text).substitute(words) if words is not None else text


def new_plugin(name: str, kind: str, *, package: bool) -> NewPlugin:
    """Return a plugin of one component as a file, or as an installable package, with an experiment.

    Raises UserError where the name is none for a component.
    """
    if not NAME.fullmatch(name):
        better = re.sub(r"[^a-z0-9_]+", "_", name.lower()).lstrip("_0123456789")
        hint = f" Did you mean {better!r}?" if NAME.fullmatch(better) else ""
        raise UserError(f"a component's name is lower case letters, digits and _, not {name!r}.{hint}")
    words = {"name": name, "Name": "".join(part.title() for part in name.split("_"))}
    module = name if name.startswith("mabe_") else f"mabe_{name}"
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
        return NewPlugin({PurePosixPath(f"{name}.py"): source, **files}, commands)
    words |= {
        "module": module,
        "distribution": module.replace("_", "-"),
        "label": KINDS[kind].label,
        "commands": "".join(f"    {command}\n" for command in commands),
        "samples": f', samples=["{sample}"]' if sample else "",
    }
    files |= {
        root / "pyproject.toml": template("package/pyproject.toml.tmpl", words),
        root / "README.md": template("package/README.md.tmpl", words),
        root / "src" / module / "__init__.py": source,
        root / "src" / module / "py.typed": "",
        root / "tests" / f"test_{module}.py": template("package/test_plugin.py.tmpl", words),
    }
    return NewPlugin(files, (f"cd {module}", "pip install -e '.[test]'", *commands, "pytest"))


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
    plugin = new_plugin("my_model", "model", package=False).files
    return {
        **plugin,
        PurePosixPath(".gitignore"): template("folder/gitignore"),
        PurePosixPath(".vscode/settings.json"): template("folder/settings.json"),
        PurePosixPath(".vscode/extensions.json"): template("folder/extensions.json"),
    }


def write_all(folder: Path, files: Texts) -> list[Path]:
    """Write files where none is; raise UserError that names those that are there, and write nothing then."""
    there = [folder / place for place in files if (folder / place).exists()]
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
        if not file.exists():
            with writing(file.parent):
                file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, text)
            written.append(file)
    return written
