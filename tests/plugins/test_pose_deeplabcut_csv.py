"""The DeepLabCut reader on CSV: what it reads, and what it refuses."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mabe_core import DataError
from mabe_plugins.pose_readers import DeepLabCutConfig, build_deeplabcut, mabe_pose_readers
from tests.plugins.pose_writing import INDIVIDUALS, KEYPOINTS, pose_frame, write_csv


def read(file: Path, **settings):
    return build_deeplabcut(DeepLabCutConfig(**settings))(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_csv(pose_frame(), tmp_path / "session1DLC.csv")


def edited(file: Path, edit: Callable[[list[str]], None]) -> Path:
    """Change the lines of a file; lines[0] is line 1."""
    lines = file.read_text().splitlines()
    edit(lines)
    file.write_text("\n".join(lines) + "\n")
    return file


def set_cell(line: int, column: int, value: str) -> Callable[[list[str]], None]:
    """Return the edit of one cell, both counted from 1."""

    def edit(lines: list[str]) -> None:
        cells = lines[line - 1].split(",")
        cells[column - 1] = value
        lines[line - 1] = ",".join(cells)

    return edit


def test_reads_what_pandas_wrote(file: Path) -> None:
    tracks = read(file)
    expected = pose_frame().to_numpy().reshape(40, 2, 3, 3).astype(np.float32)
    assert tracks.individuals == INDIVIDUALS
    assert tracks.keypoints == KEYPOINTS
    assert tracks.points.dtype == np.float32
    np.testing.assert_array_equal(tracks.points, expected[..., :2])
    np.testing.assert_array_equal(tracks.confidence, expected[..., 2])
    assert tracks.notes == ()


def test_a_text_of_one_line_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("scorer\n")
    with pytest.raises(DataError, match=r"x\.csv:2: found '' where 'individuals' belongs"):
        read(file)


def test_reads_the_single_animal_header(tmp_path: Path) -> None:
    tracks = read(write_csv(pose_frame(individuals=()), tmp_path / "x.csv"))
    assert tracks.individuals == ("individual1",)
    assert tracks.points.shape == (40, 1, 3, 2)


def test_columns_are_found_by_their_header_not_their_place(tmp_path: Path) -> None:
    frame = pose_frame()
    shuffled = frame.iloc[:, np.random.default_rng(3).permutation(frame.shape[1])]
    tracks, expected = (
        read(write_csv(shuffled, tmp_path / "x.csv")),
        read(write_csv(frame, tmp_path / "y.csv")),
    )
    for i, individual in enumerate(tracks.individuals):
        for k, keypoint in enumerate(tracks.keypoints):
            np.testing.assert_array_equal(
                tracks.points[:, i, k],
                expected.points[:, INDIVIDUALS.index(individual), KEYPOINTS.index(keypoint)],
            )


def test_an_empty_cell_is_a_missing_point(file: Path) -> None:
    for column in (2, 3, 4):
        edited(file, set_cell(7, column, ""))
    tracks = read(file)
    assert np.isnan(tracks.points[2, 0, 0]).all()
    assert np.isnan(tracks.points).sum() == 2
    assert tracks.confidence[2, 0, 0] == 0


def test_a_point_with_one_coordinate_is_missing_and_told(file: Path) -> None:
    tracks = read(edited(file, set_cell(7, 2, "")))
    assert np.isnan(tracks.points[2, 0, 0]).all()
    assert tracks.notes == ("points with only one coordinate, taken as missing: 1",)


def test_points_below_min_confidence_are_missing_and_counted(file: Path) -> None:
    everything, tracks = read(file), read(file, min_confidence=0.7)
    doubtful = everything.confidence < 0.7
    assert 0 < doubtful.sum() < doubtful.size
    np.testing.assert_array_equal(np.isnan(tracks.points[..., 0]), doubtful)
    assert tracks.notes == (f"points below min_confidence 0.7, taken as missing: {doubtful.sum()}",)


def test_an_individual_can_be_left_out(tmp_path: Path) -> None:
    frame = pose_frame()
    frame[("network", "single", "corner", "x")] = 1.0
    frame[("network", "single", "corner", "y")] = 1.0
    frame[("network", "single", "corner", "likelihood")] = 1.0
    file = write_csv(frame, tmp_path / "x.csv")
    with pytest.raises(
        DataError, match=r"individual 'single' has other keypoints .*ignore_individuals: \[single\]"
    ):
        read(file)
    assert read(file, ignore_individuals=("single",)).individuals == INDIVIDUALS


def test_blank_lines_at_the_end_and_windows_line_ends_are_fine(file: Path) -> None:
    expected = read(file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    np.testing.assert_array_equal(read(file).points, expected.points)


DAMAGES = {
    "a cut last row": (lambda lines: lines.append("40,1.0,2.0"), r":45: 3 cells, not 19: .*cut short"),
    "a row too long": (lambda lines: lines.insert(10, "6" + ",1" * 19), r":11: 20 cells, not 19"),
    "no number": (
        set_cell(9, 6, "12,5".replace(",", ";")),
        r":9: column 6 \(resident neck y\) is not a number: '12;5'",
    ),
    "no frame number": (
        set_cell(9, 1, "img4.png"),
        r":9: column 1 \(frame number\) is not a number: 'img4.png'",
    ),
    "infinity": (set_cell(9, 6, "inf"), r":9: column 6 \(resident neck y\) is inf"),
    "a frame twice": (lambda lines: lines.insert(10, lines[9]), r":11: frame 5 is there twice"),
    "a frame missing": (lambda lines: lines.pop(10), r":11: frame 7 stands where 6 should"),
    "frames from 1": (lambda lines: lines.pop(4), r":5: frame 1 stands where 0 should"),
    "a swapped column": (
        set_cell(9, 4, "612.5"),
        r":9: column 4 \(resident nose likelihood\) is 612.5.*swapped",
    ),
    "no individuals row": (lambda lines: lines.pop(2), r":3: found 'coords' where 'bodyparts' belongs"),
    "no header": (lambda lines: lines.__delitem__(slice(0, 4)), r":1: found '0' where 'scorer' belongs"),
    "no frames": (
        lambda lines: lines.__delitem__(slice(4, None)),
        r":4: there is no frame in it, only a header",
    ),
    "a short header row": (
        lambda lines: lines.__setitem__(2, lines[2].rsplit(",", 1)[0]),
        r":3: this header row has 18 cells, the first one 19",
    ),
    "an unknown coordinate": (
        set_cell(4, 3, "v"),
        r"column 3 \(resident nose v\) should be x, y, z or likelihood",
    ),
    "a column twice": (set_cell(4, 3, "x"), r"column 3 \(resident nose x\) is there twice"),
    "a nameless column": (set_cell(3, 3, ""), r":3: column 3 has no name"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_an_error_that_names_the_place(file: Path, damage: str) -> None:
    edit, message = DAMAGES[damage]
    with pytest.raises(DataError, match=message) as error:
        read(edited(file, edit))
    assert str(error.value).startswith(str(file))


def test_a_row_too_long_is_not_made_up_for_by_one_too_short(file: Path) -> None:
    for short, long in ((6, 7), (20, 12)):
        lines = file.read_text().splitlines()
        cells = [lines[number - 1].split(",") for number in (short, long)]
        lines[short - 1], lines[long - 1] = ",".join(cells[0][:-1]), ",".join([*cells[1], "0.5"])
        changed = file.with_name("changed.csv")
        changed.write_text("\n".join(lines) + "\n")
        with pytest.raises(DataError, match=rf"changed\.csv:{min(short, long)}: \d+ cells, not 19"):
            read(changed)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    frame = pose_frame().drop(columns=[("network", "intruder", "tail", "y")])
    with pytest.raises(DataError, match="columns are missing: intruder tail y"):
        read(write_csv(frame, tmp_path / "x.csv"))


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\x00\x01\x89PNG\r\n\xff\xfe" * 50, b"scorer", b"scorer\n" * 4]
)
def test_what_is_no_table_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(str(file))):
        read(file)


def test_a_file_cut_anywhere_is_read_only_if_its_last_row_is_whole(file: Path) -> None:
    whole, expected = file.read_bytes(), read(file)
    chance = np.random.default_rng(1)
    for size in chance.integers(0, len(whole), 150):
        file.write_bytes(whole[:size])
        last_row = whole[:size].rsplit(b"\n", 1)[-1]
        try:
            tracks = read(file)
        except DataError:
            continue
        assert last_row.count(b",") in (0, 18), "a row that was cut was read"
        np.testing.assert_array_equal(tracks.points[:-1], expected.points[: len(tracks.points) - 1])


def test_bytes_changed_anywhere_never_end_in_another_error(file: Path) -> None:
    whole = file.read_bytes()
    chance = np.random.default_rng(2)
    for _ in range(150):
        damaged = bytearray(whole)
        for at in chance.integers(0, len(whole), 3):
            damaged[at] = chance.integers(0, 256)
        file.write_bytes(damaged)
        with contextlib.suppress(DataError):
            read(file)


def test_all_points_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no point is left"):
        read(write_csv(pose_frame() * np.nan, tmp_path / "x.csv"))


def test_min_confidence_needs_likelihoods(tmp_path: Path) -> None:
    frame = pose_frame()
    file = write_csv(
        frame.loc[:, frame.columns.get_level_values("coords") != "likelihood"], tmp_path / "x.csv"
    )
    assert read(file).confidence is None
    with pytest.raises(DataError, match="no likelihood columns"):
        read(file, min_confidence=0.5)


def test_another_suffix_is_told(tmp_path: Path) -> None:
    spec = next(spec for spec in mabe_pose_readers() if spec.name == "deeplabcut")
    assert spec.suffixes == (".csv", ".h5", ".hdf5", ".hdf")
    with pytest.raises(DataError, match=r"DeepLabCut writes \.csv.*not \.xlsx"):
        read(tmp_path / "x.xlsx")
