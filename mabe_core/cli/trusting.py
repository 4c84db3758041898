"""Agreeing to plugin files that came with a run or a model: by `--trust`, or at the prompt."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mabe_core.reports.visible import seen
from mabe_core.trust import SHA256, is_trusted, trust

if TYPE_CHECKING:
    from mabe_core.registry import Origin


def _agree(_: click.Context, __: click.Parameter, hashes: tuple[str, ...]) -> tuple[str, ...]:
    for each in hashes:
        if not SHA256.fullmatch(each):
            raise click.BadParameter(f"the whole SHA-256 of a plugin file, 64 hex digits, not {each[:80]!r}")
    for each in hashes:
        trust(each, "agreed to by --trust")
    return hashes


trust_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--trust",
    metavar="SHA256",
    multiple=True,
    expose_value=False,
    # before whatever loads plugins
    is_eager=True,
    callback=_agree,
    help="agree that the plugin file of this hash, which came with a run or a model, is run",
)


def ask(origins: Sequence[Origin]) -> bool:
    """Show plugin files at the terminal and ask whether they may be run; no where nobody is there."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    for line in _lines(origins):
        click.echo(seen(line), err=True)
    return click.confirm("run them?" if len(origins) > 1 else "run it?", default=False, err=True)


def settle(folders: Sequence[Path]) -> None:
    """Ask at the terminal, or tell, which plugin files that were brought were not agreed to yet."""
    from mabe_core.local_files import read_local_files

    files = [file for folder in folders for file in sorted((folder / "plugins").glob("*.py"))]
    unknown = [origin for origin in read_local_files(files) if not is_trusted(str(origin.sha256))]
    if not unknown:
        return
    if ask(unknown):
        for origin in unknown:
            trust(str(origin.sha256), str(origin.file))
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        for line in _lines(unknown):
            click.echo(seen(line), err=True)
    click.echo("not run; read them, then agree with `--trust SHA256` where they are used", err=True)


def _lines(origins: Sequence[Origin]) -> list[str]:
    several = len(origins) > 1
    told = "these plugin files" if several else "this plugin file"
    return [
        f"{told} came with a run or a model, or {'were' if several else 'was'} edited there;",
        "code may do whatever you may, so read it first:",
        *(line for origin in origins for line in (f"  {origin.file}", f"    sha256 {origin.sha256}")),
    ]
