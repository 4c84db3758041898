"""The package movement: as a reader of its own, and as the oracle of ours, on written and on real files.

These tests are skipped where movement is not installed; it is an extra of 115 packages.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from mabe_core import DataError, PoseTracks, UserError
from mabe_plugins.movement_reader import MovementConfig, build_movement
from mabe_plugins.pose_readers import (
    DeepLabCutConfig,
    SleapConfig,
    build_deeplabcut,
    build_sleap,
)
from tests.plugins.pose_writing import pose_frame, write_csv, write_h5
from tests.plugins.test_pose_sleap import arrays, write

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def movement() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its packages warn of is not ours to mend
        pytest.importorskip("movement", reason="movement is not installed: the extra `movement`")


def read(file: Path, source: str, **settings) -> PoseTracks:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build_movement(MovementConfig(source=source, **settings))(file)


def same(ours: PoseTracks, theirs: PoseTracks) -> None:
    assert (ours.individuals, ours.keypoints) == (theirs.individuals, theirs.keypoints)
    np.testing.assert_array_equal(ours.points, theirs.points)
    np.testing.assert_array_equal(ours.confidence, theirs.confidence)


@pytest.mark.usefixtures("movement")
@pytest.mark.parametrize("individuals", [("resident", "intruder"), ()])
def test_our_deeplabcut_reader_and_movement_agree(tmp_path: Path, individuals) -> None:
    frame = pose_frame(individuals=individuals)
    file = write_csv(frame, tmp_path / "x.csv")
    ours = build_deeplabcut(DeepLabCutConfig())
    theirs = read(file, "DeepLabCut")
    if not individuals:  # an animal without a name is called otherwise
        theirs = PoseTracks(theirs.points, ours(file).individuals, theirs.keypoints, theirs.confidence)
    same(ours(file), theirs)


@pytest.mark.usefixtures("movement")
def test_our_sleap_reader_and_movement_agree(tmp_path: Path) -> None:
    file = write(tmp_path / "x.h5", arrays())
    same(build_sleap(SleapConfig())(file), read(file, "SLEAP"))


@pytest.mark.usefixtures("movement")
def test_our_reader_and_movement_agree_on_real_files() -> None:
    files = sorted((SHARED / "mouse_dyad").glob("*DLC.csv"))
    if not files:
        pytest.skip(f"the mouse recording is not here: {SHARED}")
    same(build_deeplabcut(DeepLabCutConfig())(files[0]), read(files[0], "DeepLabCut"))


@pytest.mark.usefixtures("movement")
def test_what_movement_saved_is_read_again_with_its_frame_rate(tmp_path: Path) -> None:
    from movement.io import load_poses

    file = write_csv(pose_frame(), tmp_path / "x.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load_poses.from_file(file, source_software="DeepLabCut", fps=25).to_netcdf(tmp_path / "x.nc")
    tracks = read(tmp_path / "x.nc", "netCDF")
    assert tracks.fps == 25.0
    same(build_deeplabcut(DeepLabCutConfig())(file), tracks)


@pytest.mark.usefixtures("movement")
@pytest.mark.parametrize("source", ["DeepLabCut", "SLEAP", "netCDF", "NWB"])
def test_what_movement_cannot_read_is_an_error(tmp_path: Path, source: str) -> None:
    file = tmp_path / {"DeepLabCut": "x.csv", "netCDF": "x.nc", "NWB": "x.nwb"}.get(source, "x.h5")
    file.write_bytes(b"rubbish,1\n" * 20)
    with pytest.raises(DataError, match=f"movement cannot read it as {source}"):
        read(file, source)


def test_an_h5_is_unpickled_only_where_that_is_asked_for(tmp_path: Path) -> None:
    file = write_h5(pose_frame(), tmp_path / "x.h5")
    with pytest.raises(
        DataError, match=r"x.h5: movement unpickles .*`unpickle: true` for files that you trust"
    ):
        read(file, "DeepLabCut")


@pytest.mark.usefixtures("movement")
def test_an_h5_that_is_trusted_is_read(tmp_path: Path) -> None:
    file = write_h5(pose_frame(), tmp_path / "x.h5")
    same(build_deeplabcut(DeepLabCutConfig())(file), read(file, "DeepLabCut", unpickle=True))


def test_without_movement_what_to_install_is_said(tmp_path: Path, monkeypatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "movement", None)
    monkeypatch.setitem(sys.modules, "movement.io", None)
    with pytest.raises(UserError, match=r"pip install 'mabe-core\[movement\]'"):
        read(tmp_path / "x.csv", "DeepLabCut")
