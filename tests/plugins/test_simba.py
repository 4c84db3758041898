"""SimBA's targets_inserted: keypoints and targets out of one table, and tables that are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mabe_core import Annotation, DataAccess, DataError, PoseTracks
from mabe_plugins.label_readers import (
    SimbaTargetsConfig,
    build_simba,
    mabe_label_readers,
)
from mabe_plugins.pose_files import PoseFilesConfig, build
from mabe_plugins.pose_readers import SimbaConfig, mabe_pose_readers
from mabe_plugins.pose_readers import build_simba as build_pose
from tests.plugins.pose_writing import resolved

PARTS = ("Nose_1", "Tail_1", "Nose_2", "Tail_2")
FRAMES = 10
ATTACK = [0, 0, 1, 1, 1, 0, 0, 1, 0, 0]


def table(parts=PARTS, targets=(("Attack", ATTACK), ("Sniffing", [0] * FRAMES))) -> list[list[str]]:
    """Return the cells as SimBA writes them: frame, x, y and p of each part, a feature, the targets."""
    head = ["", *(f"{part}_{axis}" for part in parts for axis in "xyp"), "Movement_mouse_1"]
    rows = [
        [
            str(frame),
            *(
                cell
                for number in range(len(parts))
                for cell in (f"{100 * number + frame}.5", f"{200 + frame}.25", "0.875")
            ),
            "3.5",
        ]
        for frame in range(FRAMES)
    ]
    for name, values in targets:
        head.append(name)
        for row, value in zip(rows, values, strict=True):
            row.append(str(value))
    return [head, *rows]


def write(file: Path, cells: list[list[str]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(",".join(row) + "\n" for row in cells))
    return file


def pose(file: Path, **settings) -> PoseTracks:
    return build_pose(SimbaConfig(**settings))(file)


def labels(file: Path, targets=("Attack",), **settings) -> Annotation:
    return build_simba(SimbaTargetsConfig(targets=targets, **settings))(file)


def test_keypoints_are_told_by_their_names(tmp_path: Path) -> None:
    tracks = pose(write(tmp_path / "x.csv", table()))
    assert (tracks.individuals, tracks.keypoints) == (("1", "2"), ("Nose", "Tail"))
    assert tracks.points[3].tolist() == [[[3.5, 203.25], [103.5, 203.25]], [[203.5, 203.25], [303.5, 203.25]]]
    assert (tracks.confidence == 0.875).all()


@pytest.mark.parametrize("parts", [("Nose_black", "Nose_white"), ("black_Nose", "white_Nose")])
def test_animals_are_told_by_the_names_that_are_given(tmp_path: Path, parts) -> None:
    tracks = pose(write(tmp_path / "x.csv", table(parts)), animals=("black", "white"))
    assert (tracks.individuals, tracks.keypoints) == (("black", "white"), ("Nose",))


def test_one_animal_has_no_numbers(tmp_path: Path) -> None:
    tracks = pose(write(tmp_path / "x.csv", table(("Nose", "Tail_base"))))
    assert (tracks.individuals, tracks.keypoints) == (("individual1",), ("Nose", "Tail_base"))


def test_targets_make_bouts_and_one_that_never_occurs_is_told(tmp_path: Path) -> None:
    annotation = labels(write(tmp_path / "x.csv", table()), ("Attack", "Sniffing"), agents={"Attack": "1"})
    assert [(b.behaviour, b.start, b.stop, b.agent, b.line) for b in annotation.bouts] == [
        ("Attack", 2, 5, "1", 4),
        ("Attack", 7, 8, "1", 9),
    ]
    assert annotation.observed == ((0, FRAMES),)
    assert annotation.notes == ("targets without a frame: Sniffing",)


def test_one_file_is_both_the_pose_and_the_labels_of_a_recording(tmp_path: Path) -> None:
    write(tmp_path / "simba/targets_inserted/s1.csv", table())
    config = PoseFilesConfig(
        folder="simba",
        fps=30.0,
        pose=resolved(mabe_pose_readers(), "simba"),
        labels=resolved(mabe_label_readers(), "simba", targets=("Attack",)),
        pose_pattern="targets_inserted/{video}.csv",
        labels_pattern="targets_inserted/{video}.csv",
        classes=("Attack",),
        background="other",
    )
    (recording,) = build(config, DataAccess((tmp_path,))).recordings
    assert recording.views[0].labels[:, 0].tolist() == ATTACK
    assert recording.name == "s1"


def cell(row: int, column: str, value: str):
    def edit(cells: list[list[str]]) -> None:
        cells[row][cells[0].index(column)] = value

    return edit


DAMAGES = {
    "empty": (lambda cells: cells.clear(), "the file is empty"),
    "only a header": (lambda cells: cells.__delitem__(slice(1, None)), ":1: there is no frame"),
    "cut short": (lambda cells: cells[-1].__delitem__(slice(3, None)), ":11: 3 cells, not 16: .*cut short"),
    "no number": (cell(4, "Tail_1_y", "abc"), r":5: column 6 \(Tail_1_y\) is not a number: 'abc'"),
    "a column twice": (cell(0, "Tail_1_x", "Nose_1_x"), r":1: column 2 \(Nose_1_x\) is there twice"),
    "a column missing": (cell(0, "Tail_1_y", "Tail_1_z"), ":1: columns are missing: Tail_1_y"),
    "another first column": (cell(0, "", "scorer"), ":1: the first column is 'scorer'"),
    "a frame twice": (cell(6, "", "4"), ":7: frame 4 stands where 5 should"),
    "columns swapped": (cell(3, "Nose_2_p", "212.5"), r":4: column 10 \(Nose_2_p\) is 212.5.*swapped"),
    "endless": (cell(3, "Nose_2_x", "inf"), r":4: column 8 \(Nose_2_x\) is inf"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_an_error_that_names_the_line(tmp_path: Path, damage: str) -> None:
    edit, message = DAMAGES[damage]
    cells = table()
    edit(cells)
    with pytest.raises(DataError, match=f"x.csv.*{message}"):
        pose(write(tmp_path / "x.csv", cells))


def test_animals_of_other_parts_are_an_error(tmp_path: Path) -> None:
    file = write(tmp_path / "x.csv", table(("Nose_1", "Tail_1", "Nose_2", "Ear_2")))
    with pytest.raises(DataError, match=":1: animal '2' has other body parts than '1': Ear, Tail"):
        pose(file)
    with pytest.raises(DataError, match=":1: body part 'Nose_2' belongs to none of the animals 1, 3"):
        pose(file, animals=("1", "3"))


def test_a_target_that_is_not_there_or_no_target_is_an_error(tmp_path: Path) -> None:
    file = write(tmp_path / "x.csv", table())
    with pytest.raises(DataError, match=r"x.csv:1: has no column 'Atack'. Did you mean 'Attack'"):
        labels(file, ("Atack",))
    with pytest.raises(DataError, match=r":2: column 14 \(Movement_mouse_1\) is 3.5; a target is 0 or 1"):
        labels(file, ("Movement_mouse_1",))
    cells = table()
    cells[5][-2] = ""
    with pytest.raises(DataError, match=r":6: column 15 \(Attack\) is nan; a target is 0 or 1"):
        labels(write(file, cells))
    assert np.sum(ATTACK) == 4
