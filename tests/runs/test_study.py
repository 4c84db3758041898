"""study.json: written, found by the beginning of an id, and told where damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from mabe_core.errors import UserError
from mabe_core.runs.directory import RunDirectory, all_runs
from mabe_core.runs.study import Member, Study, find, write_study
from tests.made_runs import all_studies

STUDY = Study(
    id="rats-0123456789",
    name="rats",
    description="",
    axes=["seed"],
    members=(Member(id="rats-1111111111", settings={"seed": 0}),),
    text="name: rats\n",
)


def test_a_study_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    write_study(tmp_path, STUDY)
    assert find(tmp_path, "rats-01") == STUDY
    assert STUDY.runs(tmp_path) == [RunDirectory(tmp_path / "rats-1111111111")]


def test_a_run_is_found_beside_studies(tmp_path: Path) -> None:
    write_study(tmp_path, STUDY)
    (tmp_path / "rats-1111111111").mkdir()
    assert find(tmp_path, "rats-1") == RunDirectory(tmp_path / "rats-1111111111")
    assert find(tmp_path, "rats") == STUDY
    (tmp_path / "rats-2222222222").mkdir()  # of no study
    with pytest.raises(UserError, match="fits several"):
        find(tmp_path, "rats")
    with pytest.raises(UserError, match="no run or study"):
        find(tmp_path, "mice")


def test_studies_and_runs_are_listed_apart(tmp_path: Path) -> None:
    write_study(tmp_path, STUDY)
    (tmp_path / "rats-1111111111").mkdir()
    assert all_studies(tmp_path) == [STUDY]
    assert [run.id for run in all_runs(tmp_path)] == ["rats-1111111111"]


def test_a_damaged_study_is_told(tmp_path: Path) -> None:
    write_study(tmp_path, STUDY)
    (tmp_path / STUDY.id / "study.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        find(tmp_path, "rats")
