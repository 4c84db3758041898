"""Options that several commands share, and where their defaults come from."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mabe_core.configs.annotations import with_article
from mabe_core.discovery import load_plugins
from mabe_core.errors import UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment.cloud import VOLUME_NAME, Cloud
from mabe_core.redaction import redacted
from mabe_core.registry import KINDS, Kind, Registry, kind_named
from mabe_core.reports.visible import seen

if TYPE_CHECKING:
    from rich.console import Console

    from mabe_core.experiment import Document, Experiment

NARROW = 120  # columns of a terminal in which a table of many columns cannot be read

_STEERING = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def existing_file(word: str | Path) -> Path:
    """Return a plugin file as given; raise UsageError that names the nearest where there is none."""
    from mabe_core.experiment.yaml_source import similar_file

    file = Path(word)
    if not file.is_file():
        raise click.UsageError(f"there is no plugin file {str(file)!r}.{similar_file(file)}")
    return file


def _existing_files(
    _: click.Context, parameter: click.Parameter, files: tuple[Path, ...]
) -> tuple[Path, ...]:
    return tuple(map(existing_file, files))


runs_dir: Decorator = click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    envvar="MABE_RUNS",
    show_envvar=True,
    show_default=True,
    help="where runs are kept",
)
models_dir: Decorator = click.option(
    "--models-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("models"),
    envvar="MABE_MODELS",
    show_envvar=True,
    show_default=True,
    help="where named models are kept",
)
data_dir: Decorator = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="where data names are looked up, before $MABE_DATA and ./data",
)
plugin_files: Decorator = click.option(
    "-p",
    "--plugin",
    "plugin_files",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_existing_files,
    multiple=True,
    help="a local plugin file; may be given several times",
)


def _volume_name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not VOLUME_NAME.fullmatch(value):
        raise click.BadParameter(f"a volume's name is letters, digits, _ - and ., not {value!r}")
    return value


volume: Decorator = click.option(
    "--volume",
    metavar="NAME",
    default=Cloud().volume,
    envvar="MABE_VOLUME",
    show_envvar=True,
    show_default=True,
    callback=_volume_name,
    help="the Modal Volume that keeps runs and data",
)
profile: Decorator = click.option(
    "--profile", metavar="NAME", help="the profile of ~/.modal.toml; by default the active one"
)
device: Decorator = click.option(
    "--device", metavar="DEVICE", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N"
)


def _pairs(_: click.Context, __: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for word, (one, _equals, other) in zip(words, pairs, strict=True):
        if not one or not other:
            raise click.BadParameter(f"two names with = between them, such as snout=nose, not {word!r}")
    return {one.strip(): other.strip() for one, _, other in pairs}


names: Decorator = click.option(
    "--map",
    "names",
    metavar="NAME=NAME",
    multiple=True,
    callback=_pairs,
    help="what the file and the model call the same keypoint or individual; may be given several times",
)
as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="print JSON")
as_csv: Decorator = click.option("--csv", "as_csv", is_flag=True, help="print CSV, with exact values")


def data_access(folder: Path | None) -> DataAccess:
    """Return where data names are looked up: --data-dir, $MABE_DATA, ./data."""
    named = os.environ.get("MABE_DATA")
    folders = [folder, Path(named) if named else None, Path("data")]
    return DataAccess(tuple(folder for folder in folders if folder is not None))


def registry(files: Sequence[Path] = ()) -> Registry:
    """Load all plugins; tell the broken ones on standard error."""
    return _told(load_plugins(files))


def registry_of(document: Document, files: Sequence[Path] = ()) -> Registry:
    """Load all plugins, those that an experiment names among them; tell the broken ones likewise."""
    from mabe_core.experiment.plugins import plugins_of

    return _told(plugins_of(document, files))


def _told(loaded: Registry) -> Registry:
    for broken in loaded.broken:
        warn(f"not loaded: {broken.with_remedy}")
    return loaded


def kind(word: str, loaded: Registry) -> Kind:
    """Return a kind by its name; raise UserError that says what else the word is, or the nearest kind."""
    kinds = [each for each in KINDS if word in loaded.names(each)]
    if word not in KINDS and kinds:
        what = with_article(KINDS[kinds[0]].label)
        shown = " or ".join(f"`mabe show {each} {word}`" for each in kinds)
        raise UserError(f"{word!r} is the name of {what}, and no kind; name the kind first: {shown}.")
    return kind_named(word)


def warn(message: str) -> None:
    """Write a warning to standard error."""
    told = seen(redacted(message), lines=True)
    click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {told}", err=True)


def warn_deprecated(experiment: Experiment) -> None:
    """Tell which components of an experiment should no longer be named, and why."""
    from mabe_core.runs.identity import components_of

    specs = [component.spec for component in components_of(experiment) if component.spec is not None]
    for spec in {(spec.kind, spec.name): spec for spec in specs if spec.deprecated}.values():
        warn(f"{KINDS[spec.kind].label} {spec.name!r} is deprecated: {spec.deprecated}")


def other_experiment(file: Path, plugin_files: Sequence[Path]) -> Experiment:
    """Return the experiment of a file, whose data is used for another one's model."""
    from mabe_core.experiment import read_document, resolve

    document = read_document(file)
    return resolve(document, registry_of(document, plugin_files))


def table(rows: Sequence[Mapping[str, str]], *, whole: Collection[str] = ()) -> None:
    """Print rows under their keys as titles; a column that is empty in all of them is left out.

    whole: the columns that are not folded.
    """
    from rich.table import Table

    from mabe_core.reports.console import console

    made = Table(box=None, header_style="bold", pad_edge=False)
    titles = [title for title in rows[0] if any(row[title] for row in rows)] if rows else []
    for title in titles:
        made.add_column(title, overflow="fold", no_wrap=title in whole)
    for row in rows:
        made.add_row(*(row[title] for title in titles))
    if rows:
        console().print(made)


def block(screen: Console, head: str, aside: str, lines: Iterable[tuple[str, str]]) -> None:
    """Print what a row of a table holds where a terminal is too narrow for one: a head, texts with styles."""
    from rich.padding import Padding
    from rich.text import Text

    screen.print(Text.assemble((head, "bold"), (f"  {aside}", "dim"), overflow="fold"))
    for said, style in lines:
        if said:
            screen.print(Padding(Text(said, style=style), (0, 0, 0, 4)))


def json_text(value: Any) -> str:
    """Return JSON, with an end of line."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    # the rest of what steers a terminal; JSON itself escapes what comes before the space
    return _STEERING.sub(lambda each: f"\\u{ord(each[0]):04x}", text) + "\n"


def say_json(value: Any) -> None:
    """Print JSON."""
    click.echo(json_text(value), nl=False)


def csv_text(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return CSV with its titles; numbers as they read back alike, lists joined by `;`, nothing for None."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return text.getvalue()


def say_csv(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print CSV."""
    text = csv_text(titles, rows)
    click.echo(seen(text, lines=True) if sys.stdout.isatty() else text, nl=False)


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return ";".join(map(str, value)) if isinstance(value, list | tuple) else value
