"""`mabe watch`: a run or a study as it goes on, here or in the cloud."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mabe_core.cli import completing, options

if TYPE_CHECKING:
    from mabe_core.reports.watching import Picture
    from mabe_core.runs.standing import Standing
    from mabe_core.runs.study import Study

# seconds between two looks; in the cloud a look at a study reads a file a member
HERE, IN_CLOUD = 1.0, 10.0
# seconds that no member of a study runs before the study is taken to have stopped: the next may be starting
BETWEEN_MEMBERS = 30.0


@click.command("watch")
@click.argument("run_id", metavar="ID", shell_complete=completing.run_ids)
@click.option("--cloud", "in_cloud", is_flag=True, help="a run, or a study's members, in the cloud")
@click.option("--once", is_flag=True, help="show how it stands, and leave")
@options.runs_dir
@options.volume
@options.profile
def command(
    run_id: str, in_cloud: bool, once: bool, runs_dir: Path, volume: str, profile: str | None
) -> None:
    """Watch the run or study ID until it is over: progress, speed, time left, curves, the end of its log.

    Watching changes nothing: Ctrl-C leaves, and the run goes on. ID may be the beginning of one.
    """
    from mabe_core.runs.study import Study, find

    if in_cloud:
        from mabe_core.cli.cloud_watch import watch_in_cloud

        sys.exit(watch_in_cloud(run_id, runs_dir, volume, profile, once=once))
    found = find(runs_dir, run_id)
    if isinstance(found, Study):
        study = found
        sys.exit(show(study.id, lambda: picture_of(study, _members(study, runs_dir)), HERE, once=once))
    from mabe_core.runs.standing import standing

    run = found
    sys.exit(show(run.id, lambda: picture_of_run(standing(run)), HERE, once=once))


def show(name: str, look: Callable[[], Picture], every: float, *, once: bool, again: str = "") -> int:
    """Show what is looked at until it is over; return the exit status: 0 where it ended well.

    again: the words after `mabe watch` that show it again.
    """
    from mabe_core.reports.console import console
    from mabe_core.reports.watching import Screen

    screen = console()
    picture = look()
    if once:
        if screen.is_terminal:
            screen.print(picture.view(screen.width))
        else:
            for _, line in picture.lines:
                screen.print(line, soft_wrap=True)
        return 0
    lull = None
    try:
        with Screen(screen) as drawn:
            while True:
                drawn.draw(picture)
                now = time.monotonic()
                lull = None if not picture.over else lull or now
                if lull is not None and now - lull >= picture.patience:
                    return 0 if picture.good else 1
                time.sleep(every)
                picture = look()
    except KeyboardInterrupt:
        if not picture.over:
            tell_left(name, again or name)
        return 130


def tell_left(name: str, again: str) -> None:
    """Say that what was watched goes on."""
    click.echo(f"\n{name} goes on; `mabe watch {again}` shows it again")


def picture_of_run(one: Standing) -> Picture:
    """Return what is seen of one run."""
    from mabe_core.reports.standing import of_run, plain_line
    from mabe_core.reports.watching import Picture

    key = (one.state, one.epoch, one.step)
    lines = [(key, plain_line(one)), *((each, f"  error: {each}") for each in one.failure.splitlines())]
    good = one.state == "finished"
    return Picture(lambda width: of_run(one, width), tuple(lines), one.over, good)


def picture_of(study: Study, members: Sequence[Standing]) -> Picture:
    """Return what is seen of a study: a line a member."""
    from mabe_core.reports.standing import of_members, plain_line
    from mabe_core.reports.watching import Picture
    from mabe_core.runs.settings import settings_text

    settings = {member.id: settings_text(member.settings) for member in study.members}
    lines = tuple(((one.id, one.state, one.epoch), plain_line(one)) for one in members)
    finished = all(one.state == "finished" for one in members)
    over = not any(one.state in ("running", "starting") for one in members)
    return Picture(
        lambda width: of_members(study.id, members, settings, width),
        lines,
        over,
        finished,
        0.0 if finished else BETWEEN_MEMBERS,
    )


def _members(study: Study, runs_dir: Path) -> list[Standing]:
    from mabe_core.runs.standing import standing

    return [standing(run) for run in study.runs(runs_dir)]
