"""`mabe models`: name trained models, keep them, and bring them to the cloud and back."""

from __future__ import annotations

from pathlib import Path

import click

from mabe_core.cli import SuggestingGroup, completing, options
from mabe_core.cli.models import (
    event_words,
    models_here,
    models_there,
    registry,
    show_models,
    tell_event,
    tell_moved,
    with_progress,
)
from mabe_core.cli.trusting import settle, trust_option
from mabe_core.errors import RunError, UserError

in_cloud = click.option("--cloud", "in_cloud", is_flag=True, help="the registry on the volume")
reference = click.argument("reference", metavar="MODEL", shell_complete=completing.models)


@click.group("models", cls=SuggestingGroup, invoke_without_command=True)
@in_cloud
@options.models_dir
@options.volume
@options.profile
@options.as_json
@click.pass_context
def command(
    ctx: click.Context, in_cloud: bool, models_dir: Path, volume: str, profile: str | None, as_json: bool
) -> None:
    """Keep trained models under names: without a COMMAND, list them.

    A MODEL is NAME@ALIAS, NAME@VERSION, or NAME, which is its alias `best` or else its newest version.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_lost_options(ctx)
        return
    if in_cloud:
        there = models_there(volume, profile)
        show_models(there.read_all(), str(there), as_json=as_json)
    else:
        here = models_here(models_dir)
        found, damaged = {}, False
        for name in here.names():
            try:
                found[name] = here.read(name)
            except UserError as error:  # the others are as good as ever
                options.warn(str(error))
                damaged = True
        show_models(found, str(here), as_json=as_json)
        ctx.exit(int(damaged))


@command.command("add", short_help="keep a run's checkpoint under a name")
@click.argument("run_id", metavar="ID", shell_complete=completing.run_ids)
@click.option("--name", required=True, metavar="NAME", help="what the model is called")
@click.option(
    "--alias", "aliases", metavar="ALIAS", multiple=True, help="promote it to this alias; may be repeated"
)
@click.option(
    "--checkpoint",
    metavar="WHICH",
    default="best",
    show_default=True,
    help="best, last or such as step-10000",
)
@click.option("--description", metavar="TEXT", default="", help="what it is, for people")
@options.runs_dir
@options.models_dir
def add(
    run_id: str,
    name: str,
    aliases: tuple[str, ...],
    checkpoint: str,
    description: str,
    runs_dir: Path,
    models_dir: Path,
) -> None:
    """Copy a checkpoint of the run ID into the registry, under the next version of NAME.

    ID may also be NAME@ALIAS, NAME@VERSION or an exported folder; or a study, of which the member is kept
    that is best on validation. The copy needs nothing of the run: its experiment, plugin files, weights and
    scores are in it, each pinned by its SHA-256.
    """
    from mabe_core.models.adding import add
    from mabe_core.models.entry import FILE
    from mabe_core.models.exporting import contents_of
    from mabe_core.models.finding import find_model, find_study
    from mabe_core.models.gathering import gather
    from mabe_core.models.history import check_name
    from mabe_core.models.of_study import best_member

    check_name(name)
    study = find_study(run_id, runs_dir, models_dir)
    if study is not None:
        kept_member = best_member(study, runs_dir)
        run_id = kept_member.member.id
        for line in kept_member.told:
            click.echo(line)
    source = find_model(run_id, runs_dir, models_dir, checkpoint=checkpoint)
    kept = (source.folder / FILE).exists()
    contents = contents_of(source) if kept else gather(source.run, checkpoint)
    here = models_here(models_dir)
    added = add(here, contents, name, aliases=aliases, description=description, wanted=None)
    number = added.version.number
    verb = "is" if added.new else "was there already as"
    click.echo(f"{source.run_id}, {added.version.checkpoint} {verb} {name}@{number}")
    for alias in aliases:
        click.echo(f"{name}@{alias} is {name}@{number}")


@command.command("promote", short_help="let an alias stand for a version")
@reference
@click.argument("alias")
@in_cloud
@options.models_dir
@options.volume
@options.profile
def promote(
    reference: str, alias: str, in_cloud: bool, models_dir: Path, volume: str, profile: str | None
) -> None:
    """Let ALIAS stand for MODEL, whatever it stood for before: `promote rats@3 best`."""
    from mabe_core.models.naming import promote

    tell_event(reference, promote(registry(in_cloud, models_dir, volume, profile), reference, alias))


@command.command("alias", short_help="give or take away an alias")
@reference
@click.argument("alias")
@click.option("--remove", "removes", is_flag=True, help="take the alias away; MODEL is a NAME here")
@in_cloud
@options.models_dir
@options.volume
@options.profile
def alias_command(
    reference: str,
    alias: str,
    removes: bool,
    in_cloud: bool,
    models_dir: Path,
    volume: str,
    profile: str | None,
) -> None:
    """Give MODEL a new ALIAS; one that stands for another version is not moved (`promote` does that)."""
    from mabe_core.models.naming import give_alias, remove_alias

    models = registry(in_cloud, models_dir, volume, profile)
    if removes and "@" in reference:
        raise click.UsageError(f"say whose alias it is: {reference.partition('@')[0]} {alias} --remove")
    tell_event(reference, (remove_alias if removes else give_alias)(models, reference, alias))


@command.command("describe", short_help="say what a model is")
@reference
@click.argument("text")
@in_cloud
@options.models_dir
@options.volume
@options.profile
def describe(
    reference: str, text: str, in_cloud: bool, models_dir: Path, volume: str, profile: str | None
) -> None:
    """Say what MODEL is, in place of what was said before."""
    from mabe_core.models.naming import describe

    tell_event(reference, describe(registry(in_cloud, models_dir, volume, profile), reference, text))


@command.command("history", short_help="tell what became of a name")
@click.argument("name", metavar="NAME[@ALIAS]", shell_complete=completing.models)
@in_cloud
@options.models_dir
@options.volume
@options.profile
@options.as_json
def history(
    name: str, in_cloud: bool, models_dir: Path, volume: str, profile: str | None, as_json: bool
) -> None:
    """Tell all that became of NAME, or of one alias or version of it, the oldest first."""
    from mabe_core.models.history import Reference

    asked = Reference.parse(name)
    events = registry(in_cloud, models_dir, volume, profile).history(asked.name)
    if asked.which:
        events = [event for event in events if asked.which in (event.alias, str(event.version))]
    keys = ("number", "time", "what", "version", "alias", "before", "text", "by", "host")
    if as_json:
        options.say_json([{key: getattr(event, key) for key in keys} for event in events])
        return
    rows = [
        {
            "": str(event.number),
            "time": event.time,
            "what": event_words(asked.name, event),
            "by": "@".join(word for word in (event.by, event.host) if word),
        }
        for event in events
    ]
    options.table(rows, whole=("", "time"))


@command.command("remove", short_help="delete a version")
@reference
@click.option("--yes", is_flag=True, help="do not ask")
@in_cloud
@options.models_dir
@options.volume
@options.profile
def remove(
    reference: str, yes: bool, in_cloud: bool, models_dir: Path, volume: str, profile: str | None
) -> None:
    """Delete the version that MODEL says, with its aliases; its number is never used again."""
    from mabe_core.models.adding import remove_model
    from mabe_core.models.history import Reference
    from mabe_core.models.naming import remove_version
    from mabe_core.models.volume import ROOT

    models = registry(in_cloud, models_dir, volume, profile)
    asked = Reference.parse(reference)
    names = models.read(asked.name)
    version = asked.find(names)
    aliases = ", ".join(names.aliases_of(version.number))
    said = f"{asked.name}@{version.number} ({version.run}{f'; {aliases}' if aliases else ''})"
    if asked.which and not yes:
        click.confirm(f"remove {said} from {models}?", abort=True)
    exact = f"{asked.name}@{version.number}" if asked.which else reference
    if in_cloud:
        event = remove_version(models, exact)
        click.echo(
            f"removed {said}; its files are still there: `modal volume rm -r {volume} "
            f"{ROOT}/{asked.name}/{event.version}` deletes them"
        )
    else:
        remove_model(models_here(models_dir), exact)
        click.echo(f"removed {said}")


@command.command("check", short_help="compare every file with its SHA-256")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completing.models)
@options.models_dir
def check(names: tuple[str, ...], models_dir: Path) -> None:
    """Compare every file of every version with its SHA-256; exit status 1 where one was changed."""
    from mabe_core.models.adding import check

    models = models_here(models_dir)
    asked = [name.partition("@")[0] for name in names] or models.names()
    told = [fault for name in asked for fault in check(models, name)]
    if told:
        raise RunError("\n".join(told))
    versions = sum(len(models.read(name).versions) for name in asked)
    click.echo(f"{models}: every file is as it was added (names: {len(asked)}, versions: {versions})")


@command.command("push", short_help="bring a model to the volume")
@reference
@options.models_dir
@options.volume
@options.profile
def push(reference: str, models_dir: Path, volume: str, profile: str | None) -> None:
    """Bring MODEL to the volume, and with it those aliases that are free there."""
    from mabe_core.models.moving import push

    here, there = models_here(models_dir), models_there(volume, profile, create=True)
    tell_moved(with_progress(lambda told: push(here, there, reference, told)), str(here), str(there))


@command.command("pull", short_help="bring a model from the volume")
@click.argument("reference", metavar="MODEL")
@options.models_dir
@options.volume
@options.profile
@trust_option
def pull(reference: str, models_dir: Path, volume: str, profile: str | None) -> None:
    """Bring MODEL from the volume, each file checked, and with it those aliases that are free here."""
    from mabe_core.models.moving import pull

    here, there = models_here(models_dir), models_there(volume, profile)
    moved = with_progress(lambda told: pull(there, here, reference, told))
    tell_moved(moved, str(there), str(here))
    settle([here.entry(moved.name, moved.version.number)])


@command.command("card", short_help="print a model card in Markdown")
@click.argument("reference", metavar="MODEL", shell_complete=completing.models_and_runs)
@options.runs_dir
@options.models_dir
def card(reference: str, runs_dir: Path, models_dir: Path) -> None:
    """Print a model card in Markdown: data, classes, scores, limits, versions, the command that made it.

    MODEL may also be the ID of a run or an exported folder.
    """
    from mabe_core.models.card import model_card
    from mabe_core.models.finding import find_model

    click.echo(model_card(find_model(reference, runs_dir, models_dir), runs_dir), nl=False)


def _refuse_lost_options(ctx: click.Context) -> None:
    """Refuse options before the name of a command: that command would not see them."""
    for parameter in ctx.command.params:
        if ctx.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE:
            option = parameter.opts[0]
            raise click.UsageError(
                f"say {option} after the command: mabe models {ctx.invoked_subcommand} {option} …"
            )
