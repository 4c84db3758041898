"""`mabe completion`: what lets a shell complete commands, kinds, components, ids and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mabe_core.cli import PROGRAMS, completing
from mabe_core.errors import UserError, did_you_mean

SHELLS = {
    "bash": 'eval "$(mabe completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(mabe completion zsh)" in ~/.zshrc',
    "fish": "mabe completion fish > ~/.config/fish/completions/mabe.fish",
}


@click.command("completion", epilog="\b\n" + "\n".join(f"{shell}: {how}" for shell, how in SHELLS.items()))
@click.argument("shell", shell_complete=completing.among(SHELLS))
def command(shell: str) -> None:
    """Print the script that completes `mabe` and `mabe-run` in a SHELL: bash, zsh or fish."""
    found = get_completion_class(shell) if shell in SHELLS else None
    if found is None:
        raise UserError(f"no completion for the shell {shell!r}.{did_you_mean(shell, list(SHELLS))}")
    for program in PROGRAMS:
        variable = f"_{program}_COMPLETE".replace("-", "_").upper()
        click.echo(found(click.Command(program), {}, program, variable).source())
