"""Which pose reader is taken for a file whose suffix several read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mabe_core import DataError
from mabe_core.inference.poses import guessed_reader
from tests.plugins import test_pose_sleap, test_simba
from tests.plugins.pose_writing import pose_frame, write_csv, write_h5


def test_a_file_is_read_by_the_one_that_can(tmp_path: Path) -> None:
    assert guessed_reader(write_csv(pose_frame(), tmp_path / "a.csv")).name == "deeplabcut"
    assert guessed_reader(test_simba.write(tmp_path / "b.csv", test_simba.table())).name == "simba"
    assert guessed_reader(write_h5(pose_frame(), tmp_path / "c.h5")).name == "deeplabcut"
    assert guessed_reader(test_pose_sleap.write(tmp_path / "d.h5", test_pose_sleap.arrays())).name == "sleap"


def test_a_file_that_none_can_read_has_to_be_told(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("rubbish")
    with pytest.raises(DataError, match=r"x.csv: could be read by deeplabcut, simba: say which"):
        guessed_reader(tmp_path / "x.csv")
