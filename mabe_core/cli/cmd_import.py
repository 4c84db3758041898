"""`mabe import`: bring a model or settings from V3."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from mabe_core.cli import options
from mabe_core.cli.trusting import trust_option
from mabe_core.errors import UserError
from mabe_core.experiment import read_document, resolve
from mabe_core.reports.visible import seen
from mabe_core.trust import trust_used


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--experiment",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="the experiment whose model the weights are of",
)
@click.option(
    "--set", "settings", metavar="KEY=VALUE", multiple=True, help="change a value of that experiment"
)
@click.option("--name", metavar="NAME", help="what the run, or the experiment that is written, is called")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="of settings: the experiment file to write; by default NAME.yaml",
)
@options.plugin_files
@options.runs_dir
@options.data_dir
@trust_option
def command(
    file: Path,
    experiment: Path | None,
    settings: tuple[str, ...],
    name: str | None,
    output: Path | None,
    plugin_files: tuple[Path, ...],
    runs_dir: Path,
    data_dir: Path | None,
) -> None:
    """Bring FILE from V3: weights (.pth, .pt) become a run, settings (.yaml) an experiment.

    Of weights only tensors are read, never code, and they are scored on the experiment's validation data.
    Nothing is written over.
    """
    if file.suffix in (".yaml", ".yml"):
        if experiment is not None or settings:
            raise click.UsageError("--experiment and --set go with weights; settings become an experiment")
        _import_settings(file, name, output, plugin_files)
    else:
        if experiment is None:
            raise click.UsageError("name the --experiment whose model these weights are of")
        if output is not None:
            raise click.UsageError("-o goes with settings; weights become a run, under --runs-dir")
        _import_weights(file, experiment, settings, name, plugin_files, runs_dir, data_dir)


def _import_settings(
    file: Path, name: str | None, output: Path | None, plugin_files: tuple[Path, ...]
) -> None:
    from mabe_core.importing.v3_settings import import_settings

    imported = import_settings(file, options.registry(plugin_files), name)
    target = output or Path(f"{imported.name}.yaml")
    try:
        with target.open("x", encoding="utf-8") as opened:
            opened.write(imported.text)
    except FileExistsError:
        raise UserError(
            f"{target} is there already, and nothing is written over: say -o FILE or --name NAME"
        ) from None
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {target}")
    if imported.not_carried:
        click.echo("\nnot carried:")
    for each in imported.not_carried:
        click.echo(seen(f"  {file}:{each.line}: {each}"))
    click.echo(
        "\nnext: name your recordings under data.dataset (generated mice stand in for them), then\n"
        f"  mabe-run {target} --dry-run\n  mabe-run {target}"
    )


def _import_weights(
    file: Path,
    experiment: Path,
    settings: tuple[str, ...],
    name: str | None,
    plugin_files: tuple[Path, ...],
    runs_dir: Path,
    data_dir: Path | None,
) -> None:
    from mabe_core.importing.weights import read_weights

    document = read_document(experiment, settings)
    registry = options.registry_of(document, plugin_files)
    asked = resolve(document, registry)
    weights = read_weights(file)
    trust_used(plugin.origin for plugin in registry.plugins)

    from mabe_core.importing.trained import import_run
    from mabe_core.reports.console import console
    from mabe_core.reports.results import results

    named = attrs.evolve(asked, name=name or f"{asked.name[:55]}-imported")
    imported = import_run(weights, named, registry, runs_dir, options.data_access(data_dir))
    screen = console()
    carried = [str(each) for each in imported.matched.carried] or ["every name is the model's own"]
    for told in carried:
        screen.print(told)
    if weights.prefix:
        screen.print(f"{weights.prefix} before each name was left out")
    for buffer in imported.matched.kept:
        screen.print(f"note: {buffer} is not in the file; the experiment's own is used", style="yellow")
    if any(part.endswith("self_attn.in_proj_weight") for part in weights.tensors):
        screen.print(
            "note: no tensor shows activation and order of norms: torch's defaults are taken, ReLU and "
            "post-norm. The scores below tell whether that is right",
            style="yellow",
        )
    screen.print()
    screen.print(results(imported.run, imported.record))
    if weights.told:
        said = ", ".join(f"{key} {value:g}" for key, value in weights.told.items())
        screen.print(f"\nthe file itself says: {said}")
    screen.print(
        f"\nexperiment id  {imported.run.id} (imported)\ncheckpoints    {imported.run.checkpoints}\n"
        f"next           mabe models add {imported.run.id} --name NAME"
    )
