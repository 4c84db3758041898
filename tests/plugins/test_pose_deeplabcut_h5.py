"""The DeepLabCut reader on H5, written by pandas and PyTables; no pickle of such a file is ever loaded."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from mabe_core import DataError
from mabe_plugins.pose_readers import DeepLabCutConfig, build_deeplabcut
from mabe_plugins.pose_readers.plain_pickle import NotPlain, read_plain_pickle
from tests.plugins.pose_writing import INDIVIDUALS, KEYPOINTS, pose_frame, write_csv, write_h5

pytest.importorskip("tables", reason="PyTables writes the files that these tests read")

FORMS = ("fixed", "table")


def read(file: Path, **settings):
    return build_deeplabcut(DeepLabCutConfig(**settings))(file)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("individuals", [INDIVIDUALS, ()])
def test_reads_the_same_from_h5_as_from_csv(tmp_path: Path, form: str, individuals: tuple[str, ...]) -> None:
    frame = pose_frame(individuals=individuals)
    frame.iloc[3, :3] = np.nan
    from_h5 = read(write_h5(frame, tmp_path / "x.h5", form))
    from_csv = read(write_csv(frame, tmp_path / "x.csv"))
    assert (from_h5.individuals, from_h5.keypoints) == (from_csv.individuals, from_csv.keypoints)
    np.testing.assert_array_equal(from_h5.points, from_csv.points)
    np.testing.assert_array_equal(from_h5.confidence, from_csv.confidence)


@pytest.mark.parametrize("form", FORMS)
def test_columns_of_several_types_are_put_in_order(tmp_path: Path, form: str) -> None:
    frame = pose_frame()
    column = ("network", "intruder", "nose", "y")
    frame[column] = np.arange(len(frame))  # whole numbers: pandas keeps them in a block of their own
    np.testing.assert_array_equal(
        read(write_h5(frame, tmp_path / "x.h5", form)).points[:, 1, 0, 1], np.arange(len(frame))
    )


class Malicious:
    """What runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("attribute", ["non_index_axes", "table/values_block_0_kind"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_doctored_file_runs_nothing(tmp_path: Path, attribute: str, protocol: int) -> None:
    file, marker = write_h5(pose_frame(), tmp_path / "x.h5"), tmp_path / "ran"
    with h5py.File(file, "r+") as opened:
        *node, name = attribute.split("/")
        attrs = opened["/".join(["df_with_missing", *node])].attrs
        attrs[name] = np.bytes_(pickle.dumps([(1, [Malicious(marker)])], protocol))
    with pytest.raises(DataError, match=r"column labels are not plain data.*Do not trust this file"):
        read(file)
    assert not marker.exists()


def test_the_doctored_file_is_as_dangerous_as_it_claims(tmp_path: Path) -> None:
    file, marker = write_h5(pose_frame(), tmp_path / "x.h5"), tmp_path / "ran"
    with h5py.File(file, "r+") as opened:
        opened["df_with_missing"].attrs["non_index_axes"] = np.bytes_(pickle.dumps(Malicious(marker), 0))
    subprocess.run(
        [sys.executable, "-c", "import sys, pandas; pandas.read_hdf(sys.argv[1])", str(file)],
        capture_output=True,
        check=False,
    )
    assert marker.exists()


def test_reading_imports_neither_pickle_nor_pytables(tmp_path: Path) -> None:
    file = write_h5(pose_frame(), tmp_path / "x.h5")
    code = (
        "import sys, pathlib; from mabe_plugins.pose_readers import *;"
        "build_deeplabcut(DeepLabCutConfig())(pathlib.Path(sys.argv[1]));"
        "print({'tables', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read_from_every_protocol(protocol: int) -> None:
    data = [(1, [("net", "a", "nose", "x"), ("net", "a", "nose", "y")]), ("ä", None, 7, -3, 70_000, 2**40)]
    assert read_plain_pickle(pickle.dumps(data, protocol)) == data


@pytest.mark.parametrize(
    "data", [b"", b".", b"junk", b"(l", b"]", b"h\x05.", b"\x80\x04N", b"}.", b"a.", b"r\xff\xff\xff\x7f."]
)
def test_what_is_not_plain_is_refused(data: bytes) -> None:
    with pytest.raises(NotPlain):
        read_plain_pickle(data)


def no_groups(opened: h5py.File) -> None:
    del opened["df_with_missing"]


def no_labels(opened: h5py.File) -> None:
    del opened["df_with_missing"].attrs["non_index_axes"]


def two_frames(opened: h5py.File) -> None:
    opened.copy("df_with_missing", "again")


def other_labels(opened: h5py.File) -> None:
    opened["df_with_missing"].attrs["non_index_axes"] = np.bytes_(
        pickle.dumps([(1, [("a", "b", "c", "x")])], 0)
    )


def labels_no_text(opened: h5py.File) -> None:
    opened["df_with_missing"].attrs["non_index_axes"] = np.bytes_(pickle.dumps([(1, [1, 2])], 0))


def labels_a_number(opened: h5py.File) -> None:
    opened["df_with_missing/table"].attrs["values_block_0_kind"] = np.int64(1 << 50)


def frame_twice(opened: h5py.File) -> None:
    table = opened["df_with_missing/table"][()]
    table["index"][7] = 6
    opened["df_with_missing/table"][...] = table


def columns_swapped(opened: h5py.File) -> None:
    table = opened["df_with_missing/table"][()]
    table["values_block_0"][:, [0, 2]] = table["values_block_0"][:, [2, 0]]
    opened["df_with_missing/table"][...] = table


DAMAGES = {
    no_groups: "holds 0 data frames",
    no_labels: "not an H5 file that DeepLabCut wrote, or damaged: .*non_index_axes",
    two_frames: "holds 2 data frames",
    other_labels: "the columns that it lists are not those that it holds",
    labels_no_text: "column labels are not tuples of names",
    labels_a_number: "values_block_0_kind of /df_with_missing/table is a int64, not pickled data",
    frame_twice: "row 8: frame 6 is there twice",
    columns_swapped: r"row 1: column 4 \(resident nose likelihood\) is .*: are columns swapped?",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_an_error_that_names_the_file(tmp_path: Path, damage: Callable[[h5py.File], None]) -> None:
    file = write_h5(pose_frame(), tmp_path / "x.h5")
    with h5py.File(file, "r+") as opened:
        damage(opened)
    with pytest.raises(DataError, match=DAMAGES[damage]) as error:
        read(file)
    assert str(error.value).startswith(str(file))


def test_a_dataset_that_claims_more_than_a_file_holds_is_refused(tmp_path: Path) -> None:
    file = write_h5(pose_frame(), tmp_path / "x.h5", "fixed")
    with h5py.File(file, "r+") as opened:
        del opened["df_with_missing/axis1"]
        opened.create_dataset("df_with_missing/axis1", shape=(10**11,), dtype="i8", chunks=(1024,))
    with pytest.raises(DataError, match="claims 100000000000 values"):
        read(file)


def test_hand_labelled_images_are_no_tracks(tmp_path: Path) -> None:
    frame = pose_frame(5)
    frame.index = [f"img{number}.png" for number in range(5)]
    with pytest.raises(DataError):
        read(write_h5(frame, tmp_path / "x.h5"))


@pytest.mark.parametrize("content", [b"", b"scorer,net\n", b"\x89HDF\r\n\x1a\n" + b"\0" * 100])
def test_what_is_no_h5_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.h5"
    file.write_bytes(content)
    with pytest.raises(DataError, match="not an H5 file that DeepLabCut wrote, or damaged"):
        read(file)


@pytest.mark.parametrize("form", FORMS)
def test_cut_files_end_in_no_other_error(tmp_path: Path, form: str) -> None:
    file = write_h5(pose_frame(), tmp_path / "x.h5", form)
    whole = file.read_bytes()
    for size in np.random.default_rng(1).integers(0, len(whole), 60):
        file.write_bytes(whole[:size])
        with pytest.raises(DataError):
            read(file)


@pytest.mark.parametrize("form", FORMS)
def test_changed_labels_end_in_no_other_error(tmp_path: Path, form: str) -> None:
    file = write_h5(pose_frame(), tmp_path / "x.h5", form)
    whole = file.read_bytes()
    chance = np.random.default_rng(2)
    # where names and pickles stand; damage to HDF5's own structures is the library's to find
    texts = [
        at
        for at in range(len(whole) - 4)
        if whole[at : at + 4] in (b"nose", b"neck", b"tail", b"netw", b"resi", b"\ntp1")
    ]
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[chance.choice(texts) + chance.integers(0, 4)] = chance.integers(0, 256)
        file.write_bytes(damaged)
        with contextlib.suppress(DataError):
            read(file)


def test_keypoints_keep_their_order(tmp_path: Path) -> None:
    assert read(write_h5(pose_frame(), tmp_path / "x.h5", "fixed")).keypoints == KEYPOINTS


@pytest.mark.parametrize("form", ["table", "fixed", "csv"])
def test_hours_are_read_block_by_block_to_the_same_tracks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    frame = pose_frame(95)
    frame.iloc[60, 0] = np.nan
    file = write_csv(frame, tmp_path / "a.csv") if form == "csv" else write_h5(frame, tmp_path / "a.h5", form)
    whole = read(file)
    monkeypatch.setattr("mabe_core.long_arrays.IN_MEMORY", 0)
    monkeypatch.setattr("mabe_core.long_arrays.ROWS_AT_ONCE", 10)
    for module in ("dlc_h5", "number_table", "dlc_tracks"):
        monkeypatch.setattr(f"mabe_plugins.pose_readers.{module}.ROWS_AT_ONCE", 10)
    found = read(file)
    np.testing.assert_array_equal(found.points, whole.points)
    np.testing.assert_array_equal(found.confidence, whole.confidence)
    assert found.notes == whole.notes
    assert "only one coordinate, taken as missing: 1" in found.notes[0]


@pytest.mark.parametrize("form", FORMS)
def test_a_number_that_no_point_can_be_is_told(tmp_path: Path, form: str) -> None:
    frame = pose_frame()
    frame.iloc[7, 0] = 1e300
    with pytest.raises(DataError, match=r"row 8: column 2 \(resident nose x\) is inf"):
        read(write_h5(frame, tmp_path / "a.h5", form))
