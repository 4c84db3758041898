"""`mabe cache`: what is kept of recordings that were read, and of their features."""

from __future__ import annotations

import click


@click.command("cache")
@click.option("--clear", is_flag=True, help="remove all of it; the next run reads its recordings again")
def command(clear: bool) -> None:
    """Tell what is kept of recordings that were read and of their features, or remove it.

    The folder is $MABE_CACHE, by default `mabe` in the user's cache folder; `off` keeps nothing. Where there
    is more than $MABE_CACHE_GB gigabytes (by default 5), what was not used for longest goes.
    """
    from mabe_core.training.cache import find_cache

    cache = find_cache()
    if cache is None:
        click.echo("nothing is kept: $MABE_CACHE is off")
        return
    if clear:
        click.echo(f"removed {cache.shrink(0):,} entries of {cache.folder}")
        return
    count, gigabytes = len(cache.entries()), cache.size() / 1e9
    click.echo(f"{cache.folder}: {count:,} entries, {gigabytes:.2f} of at most {cache.limit / 1e9:g} GB")
