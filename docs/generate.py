"""Writes what is generated of README, docs and experiments: help texts, tables, figures, the JSON Schema.

    python -m docs.generate [--check]

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`. With --check nothing is written, and the
exit status is 1 where a part is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import click

from docs.figures import FIGURES, table
from mabe_core import DataShape
from mabe_core.cli import group
from mabe_core.configs.fields import describe
from mabe_core.discovery import load_plugins
from mabe_core.experiment.cloud import Cloud
from mabe_core.experiment.example import example
from mabe_core.experiment.json_schema import FILE as SCHEMA_FILE
from mabe_core.experiment.json_schema import schema_text
from mabe_core.experiment.schema import Checkpoint, Data, EarlyStopping, Experiment, Training
from mabe_core.experiment.structure import resolve_component
from mabe_core.experiment.study import Folds, Sample, StudySection
from mabe_core.registry import EVENTS, KINDS, Registry

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def commands() -> str:
    """Return the help text of every command."""
    context = click.Context(group, info_name="mabe", terminal_width=100, **group.context_settings)
    return "\n".join(help_texts(group, context))


def help_texts(commands: click.Group, context: click.Context) -> Iterator[str]:
    """Yield the help text of each command of a group, and of those inside it."""
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=context, terminal_width=100) as inner:
            if isinstance(command, click.Group):
                yield from help_texts(command, inner)
            else:
                yield f"## {inner.command_path}\n\n```text\n{command.get_help(inner)}\n```\n"


def built_in() -> Registry:
    """Return the built-in components, whatever else is installed."""
    found = load_plugins()
    plugins = [plugin for plugin in found.plugins if plugin.origin.place == "built-in"]
    offers = [offer for plugin in plugins for offer in found.offered_by(plugin.origin)]
    return Registry(offers, plugins=plugins)


def components() -> str:
    """Return every built-in component by kind."""
    specs = [offer.spec for offer in built_in().all()]
    rows = [[spec.kind, f"`{spec.name}`", spec.describe()] for spec in specs]
    return table(["kind", "name", "what it is"], rows)


def formats() -> str:
    """Return every dataset, pose reader and label reader with the files that it takes."""
    rows = [
        [spec.kind, f"`{spec.name}`", " ".join(getattr(spec, "suffixes", ())), spec.describe()]
        for spec in (offer.spec for offer in built_in().all())
        if spec.kind in ("dataset", "pose_reader", "label_reader")
    ]
    return table(["kind", "name", "files", "what it reads"], rows)


def models() -> str:
    """Return every built-in model with its size at V3's shape of data, and its source."""
    shape = DataShape(input_dim=28, num_classes=4, class_names=tuple("abcd"), sequence_length=64)
    found = built_in()
    rows = []
    for spec in (offer.spec for offer in found.all() if offer.spec.kind == "model"):
        model = resolve_component(spec, {}, found).build(shape)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        source = " ".join((spec.config.__doc__ or "").partition("\n")[2].split())
        rows.append([f"`{spec.name}`", f"{parameters:,}", source])
    return table(["model", "parameters", "source"], rows)


def kinds() -> str:
    """Return every kind with its hook and what it exchanges."""
    rows = [
        [f"`{kind.name}`", f"`{kind.hook}`", f"`{kind.spec.__name__}`", " ".join(kind.help.split())]
        for kind in KINDS.values()
    ]
    return table(["kind", "hook", "spec", "what it is"], rows)


def events() -> str:
    """Return every event with what its hook may take."""
    rows = [
        [f"`{event.hook}`", ", ".join(f"`{name}`" for name in event.arguments), " ".join(event.help.split())]
        for event in EVENTS.values()
    ]
    return table(["hook", "may take", "when"], rows)


def shown_example() -> str:
    """Return what `mabe show model transformer` gives to paste."""
    found = built_in()
    return f"```yaml\n{example(found.find('model', 'transformer').spec, found)}```\n"


def fields(config: type) -> str:
    """Return the fields of one section of an experiment file."""
    rows = []
    for field in describe(config):
        default = "required" if field.default is attrs.NOTHING else f"`{json.dumps(field.default)}`"
        limits = f" ({', '.join(map(str, field.limits))})" if field.limits else ""
        part_of_id = "yes" if field.identity else "no"
        rows.append([f"`{field.name}`", field.type + limits, default, part_of_id, field.help])
    return table(["key", "type", "default", "in the id", "what it says"], rows)


def sections() -> str:
    """Return the fields of each section of an experiment file."""
    titles = {
        "top level": Experiment,
        "data": Data,
        "training": Training,
        "training.early_stopping": EarlyStopping,
        "checkpoint": Checkpoint,
        "study": StudySection,
        "study.folds": Folds,
        "study.sample": Sample,
    }
    return "\n".join(f"### {title}\n\n{fields(config)}" for title, config in titles.items())


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "components": components,
    "models": models,
    "formats": formats,
    "kinds": kinds,
    "events": events,
    "sections": sections,
    "cloud-settings": lambda: fields(Cloud),
    "example": shown_example,
    **FIGURES,
}


# files that are generated whole
FILES: dict[Path, Callable[[], str]] = {
    ROOT / "experiments" / SCHEMA_FILE: lambda: schema_text(built_in()),
}


def renew(text: str) -> str:
    """Return a page with its generated parts made anew."""
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n{part[3]}", text)


def main() -> int:
    """Write the pages and files, or check them; return the exit status."""
    new = {page: renew(page.read_text(encoding="utf-8")) for page in PAGES}
    new |= {file: make() for file, make in FILES.items()}
    stale = [path for path in new if not path.exists() or path.read_text(encoding="utf-8") != new[path]]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(new[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
