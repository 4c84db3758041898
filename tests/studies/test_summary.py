"""What is told of a study at its end: means by setting, of which part; failures, alike ones together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from mabe_core.cli.study_telling import tell_end
from mabe_core.cloud.outcome import Outcome
from mabe_core.runs.directory import RunDirectory
from mabe_core.studies.keeping import KeptStudy
from mabe_core.studies.states import state_of
from mabe_core.studies.summary import means_table
from tests.made_runs import write_record
from tests.pages.made_runs import made_record

from .conftest import opened

STUDY = "  seeds: [0, 1]\n  grid: {model.hidden_dim: [8, 16]}\n"


def told(
    file: Path, runs: Path, part: str, notice: str = "", best: Sequence[float | None] = (0.6,) * 4
) -> list[str]:
    """Return the lines of the means of made runs, whose scores follow from their place."""
    members = opened(file).members()
    for place, member in enumerate(members):
        run = RunDirectory(runs / member.id)
        run.make()
        made_record(member.id, report={"parts": {part: {}}}, notice=notice, best=best[place]).save(run)
        write_record(run, held_out={"macro_f1": place / 10})
    screen = Console(width=100)
    with screen.capture() as captured:
        screen.print(
            means_table([(each, state_of(RunDirectory(runs / each.id))) for each in members], "macro_f1")
        )
    return captured.get().splitlines()


def test_means_are_by_setting_and_say_of_which_part(write_study: Callable[..., Path], tmp_path: Path) -> None:
    first, _, *rows, _ = told(write_study(STUDY), tmp_path / "runs", "test")
    assert first == "macro_f1, on test:"
    assert [row.split() for row in rows] == [["8", "0.0500", "0.0707", "2"], ["16", "0.2500", "0.0707", "2"]]


def test_validation_chooses_a_setting_not_the_scores_that_are_shown(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    best = [0.9, 0.7, 0.3, 0.2]  # the first setting's, whose scores on test are the lower ones
    *_, chosen = told(write_study(STUDY), tmp_path / "runs", "test", best=best)
    assert chosen == "validation chooses hidden_dim=8"
    unknown = told(write_study(STUDY), tmp_path / "other", "test", best=[None, *best[1:]])
    assert "chooses" not in "".join(unknown)


def test_scores_of_what_chose_the_checkpoint_are_told_to_be_that(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    first, *_, last = told(write_study(STUDY), tmp_path / "runs", "validation", "one recording, cut")
    assert first == "macro_f1, on validation, which also chose the checkpoint:"
    assert last == "one recording, cut"


def test_members_that_fail_alike_are_told_in_one_line(
    write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = KeptStudy.of(opened(write_study("  seeds: [0, 1, 2, 3, 4]\n")), tmp_path / "runs")
    alike = Outcome(state="failed", problems=("data.split: too few recordings",), exit_code=2)
    other = Outcome(state="failed", problems=("the loss became nan",), exit_code=1)
    ids = [member.id for member in kept.members]
    outcomes = dict.fromkeys(ids[:4], alike) | {ids[4]: other}
    assert tell_end(kept, outcomes) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"error: 4 members ({', '.join(ids[:3])} and 1 more) failed: data.split: too few recordings",
        f"error: {ids[4]} failed: the loss became nan",
    ]
