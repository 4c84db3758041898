"""The command line: `mabe` and `mabe-run`; each command's module is imported when it is asked for."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mabe_core.errors import MabeError, did_you_mean
from mabe_core.redaction import redacted
from mabe_core.reports.visible import seen
from mabe_core.trust import asking

if TYPE_CHECKING:
    from types import TracebackType

    from mabe_core.registry import Origin

PROGRAMS = ("mabe", "mabe-run")
COMMANDS = {
    "run": "train an experiment, here or in the cloud",
    "list": "list the components that experiments can name",
    "show": "show what a component can be told",
    "runs": "list the experiments that were run, here or in the cloud",
    "compare": "tell which of several experiments is better, and how sure that is",
    "watch": "watch a run or a study as it goes on, here or in the cloud",
    "report": "write one page about a run or a study",
    "attach": "show the progress of a run in the cloud",
    "logs": "print what a run in the cloud has told",
    "stop": "stop a run in the cloud",
    "pull": "bring a run and its checkpoints from the cloud",
    "evaluate": "score a trained model on recordings with labels",
    "predict": "label recordings with a trained model",
    "models": "keep trained models under names and versions",
    "export": "write a model into a folder that others can run",
    "import": "bring a model or settings from V3",
    "data": "bring data to the cloud",
    "cache": "tell what is kept of recordings that were read, or remove it",
    "diff": "tell how two experiments differ",
    "plugins": "list the plugins, and what broken ones failed with",
    "schema": "write what editors complete and check experiments by",
    "doctor": "check what this machine has and lacks",
    "completion": "print what lets a shell complete commands and names",
    "init": "begin a folder of experiments",
    "plugin": "write a plugin to start from, or check one",
}


class SuggestingGroup(click.Group):
    """A group that names the nearest command where there is none of the name given."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            ctx.fail(f"no command is named {args[0]!r}.{did_you_mean(args[0], names)}")
        return super().resolve_command(ctx, args)


class LazyGroup(SuggestingGroup):
    """A group whose commands cost nothing until they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"mabe_core.cli.cmd_{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mabe-core", message="%(package)s %(version)s")
def group() -> None:
    """Train classifiers of animal behaviour from keypoints: one YAML file a try."""


def main() -> None:
    """Run `mabe`."""
    _run(group, "mabe")


def main_run() -> None:
    """Run `mabe-run`, which is `mabe run`."""
    from mabe_core.cli.cmd_run import command

    _run(command, "mabe-run")


def _run(command: click.Command, name: str) -> None:
    """Run a command: 0 done, 2 the user's mistake, 1 a failure while running, 130 or 143 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter shows another
    sys.excepthook = _tell_fault
    try:
        _check_versions()
        with asking(_ask):
            code: Any = command.main(prog_name=name, standalone_mode=False)
    except MabeError as error:
        say_error(error)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _tell_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write what nobody expected in full, as Python does, without the secrets that it may hold."""
    import traceback

    sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, trace))))


def _ask(origins: Sequence[Origin]) -> bool:
    from mabe_core.cli.trusting import ask

    return ask(origins)


def say_error(error: MabeError) -> None:
    """Write an error to standard error, a line for each problem; an interruption is no error."""
    word = "interrupted:" if error.exit_code > 128 else "error:"
    for line in str(error).splitlines():
        click.echo(f"{click.style(word, fg='red', bold=True)} {seen(line)}", err=True)


def _check_versions() -> None:
    import importlib.metadata

    from packaging.version import Version

    try:
        torch = Version(importlib.metadata.version("torch"))
    except importlib.metadata.PackageNotFoundError:
        raise click.UsageError(
            "mabe needs torch 2.10 or newer, and there is none: pip install torch"
        ) from None
    if torch < Version("2.10"):
        raise click.UsageError(f"mabe needs torch 2.10 or newer, not {torch}: pip install -U torch")
