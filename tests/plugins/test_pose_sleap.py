"""The SLEAP reader: analysis files in both orders of axes, damaged ones, and .slp where sleap-io is there."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from mabe_core import DataError, PoseTracks, UserError
from mabe_plugins.pose_readers import SleapConfig, build_sleap

TRACKS, NODES, FRAMES = ("mouse_a", "mouse_b"), ("nose", "neck", "tail"), 12


def arrays(tracks=TRACKS, seed: int = 0) -> dict[str, np.ndarray]:
    """Return what SLEAP exports, as its documentation has it: (tracks, xy, nodes, frames) and so on."""
    chance = np.random.default_rng(seed)
    many = max(len(tracks), 1)
    points = chance.uniform(0, 600, (many, 2, len(NODES), FRAMES))
    scores = chance.uniform(0.1, 1, (many, len(NODES), FRAMES))
    points[-1, :, :, 3], scores[-1, :, 3] = np.nan, np.nan
    return {
        "tracks": points,
        "point_scores": scores,
        "track_occupancy": (~np.isnan(points).all(axis=(1, 2))).T.astype(np.uint8),
        "track_names": np.array([name.encode() for name in tracks], dtype="S16"),
        "node_names": np.array([name.encode() for name in NODES], dtype="S16"),
        "instance_scores": scores.mean(axis=1),
    }


def write(file: Path, found: dict[str, np.ndarray], dims: dict[str, list[str]] | None = None) -> Path:
    with h5py.File(file, "w") as opened:
        for name, value in found.items():
            dataset = opened.create_dataset(name, data=value)
            if dims and name in dims:
                dataset.attrs["dims"] = json.dumps(dims[name])
    return file


def read(file: Path, **settings) -> PoseTracks:
    return build_sleap(SleapConfig(**settings))(file)


def test_tracks_of_an_analysis_file_are_read(tmp_path: Path) -> None:
    found = arrays()
    tracks = read(write(tmp_path / "x.h5", found))
    assert (tracks.individuals, tracks.keypoints) == (TRACKS, NODES)
    np.testing.assert_array_equal(tracks.points, found["tracks"].transpose(3, 0, 2, 1).astype("f4"))
    wanted = np.nan_to_num(found["point_scores"]).transpose(2, 0, 1).astype("f4")
    np.testing.assert_array_equal(tracks.confidence, wanted)
    assert np.isnan(tracks.points[3, 1]).all()
    assert tracks.fps is None


def test_another_order_of_axes_is_read_where_the_file_tells_it(tmp_path: Path) -> None:
    found = arrays()
    wanted = read(write(tmp_path / "x.h5", found))
    turned = {
        **found,
        "tracks": found["tracks"].transpose(3, 0, 2, 1),
        "point_scores": found["point_scores"].transpose(2, 0, 1),
    }
    dims = {"tracks": ["frame", "track", "node", "xy"], "point_scores": ["frame", "track", "node"]}
    tracks = read(write(tmp_path / "y.h5", turned, dims))
    np.testing.assert_array_equal(tracks.points, wanted.points)
    np.testing.assert_array_equal(tracks.confidence, wanted.confidence)
    with pytest.raises(DataError, match=r"y.h5: tracks is \(12, 2, 3, 2\), .*it has 12 along 'track'"):
        read(write(tmp_path / "y.h5", turned))


def test_the_occupancy_may_lie_either_way(tmp_path: Path) -> None:
    found = arrays()
    found["track_occupancy"] = found["track_occupancy"].T
    assert read(write(tmp_path / "x.h5", found)).individuals == TRACKS


def test_tracks_are_chosen_and_ordered_and_doubtful_points_missing(tmp_path: Path) -> None:
    file = write(tmp_path / "x.h5", arrays())
    tracks = read(file, tracks=("mouse_b", "mouse_a"), min_confidence=0.5)
    assert tracks.individuals == ("mouse_b", "mouse_a")
    assert np.isnan(tracks.points[tracks.confidence < 0.5]).all()
    assert "points below min_confidence 0.5" in tracks.notes[0]
    with pytest.raises(DataError, match=r"has no track 'mouse_c'. Did you mean 'mouse_"):
        read(file, tracks=("mouse_c",))


def test_one_animal_without_tracks_is_read(tmp_path: Path) -> None:
    assert read(write(tmp_path / "x.h5", arrays(tracks=()))).individuals == ("individual1",)


def without(*names: str):
    return lambda found: [found.pop(name) for name in names]


def put(name: str, change):
    def edit(found: dict[str, np.ndarray]) -> None:
        found[name] = change(found[name].copy())

    return edit


def at(place, value):
    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


DAMAGES = {
    "no tracks": (without("tracks"), "has no tracks"),
    "no names": (without("node_names", "track_names"), "has no node_names nor track_names"),
    "a node too few": (put("node_names", lambda a: a[:-1]), "it has 3 along 'node', where .* say 2"),
    "a track too many": (
        put("track_names", lambda a: np.append(a, b"mouse_c")),
        "it has 2 along 'track', where .* say 3",
    ),
    "nodes of one name": (put("node_names", at(1, b"nose")), "two nodes of the name 'nose'"),
    "tracks of one name": (put("track_names", at(1, b"mouse_a")), "two tracks of the name 'mouse_a'"),
    "fewer frames of scores": (put("point_scores", lambda a: a[..., :-1]), "it has 11 along 'frame'"),
    "axes swapped": (put("tracks", lambda a: a.swapaxes(1, 2)), "it has 3 along 'xy'"),
    "a score out of range": (
        put("point_scores", at((0, 1, 5), 340.0)),
        "frame 5: mouse_a neck has the score 340",
    ),
    "a point at infinity": (
        put("tracks", at((0, 0, 2, 7), np.inf)),
        "frame 7: mouse_a tail lies at infinity",
    ),
    "a point too far": (put("tracks", at((0, 0, 2, 7), 1e300)), "frame 7: mouse_a tail lies at infinity"),
    "a score too high": (
        put("point_scores", at((0, 1, 5), 1e300)),
        "frame 5: mouse_a neck has the score inf",
    ),
    "other occupancy": (put("track_occupancy", at((4, 0), 0)), "track 0 is not there in frame 4"),
    "no frame": (
        lambda found: found.update(
            tracks=found["tracks"][..., :0],
            point_scores=found["point_scores"][..., :0],
            track_occupancy=found["track_occupancy"][:0],
        ),
        "there is no frame",
    ),
    "nothing seen": (put("tracks", lambda a: a * np.nan), "no point is left"),
    "text for points": (put("tracks", lambda a: a.astype("S8")), "tracks does not hold numbers"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_an_error_that_names_the_array(tmp_path: Path, damage: str) -> None:
    edit, message = DAMAGES[damage]
    found = arrays()
    edit(found)
    with pytest.raises(DataError, match=f"x.h5: .*{message}"):
        read(write(tmp_path / "x.h5", found))


def test_a_file_cut_short_or_of_something_else_is_an_error(tmp_path: Path) -> None:
    file = write(tmp_path / "x.h5", arrays())
    whole = file.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.9):
        file.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DataError, match=r"x.h5: not an analysis file that SLEAP wrote, or damaged"):
            read(file)
    with pytest.raises(DataError, match=r"SLEAP writes .h5, .hdf5, .hdf, .slp, not .csv"):
        read(tmp_path / "x.csv")


def project(file: Path, tracks: int = 2, videos: int = 1):
    """Write a project with sleap-io; return its arrays too."""
    sio = pytest.importorskip("sleap_io", reason="sleap-io is not installed: the extra `sleap`")
    points = np.random.default_rng(1).uniform(0, 600, (FRAMES, tracks, len(NODES), 2))
    points[3, -1] = np.nan
    skeleton = sio.Skeleton(list(NODES))
    found = [sio.Video(f"film{number}.mp4", open_backend=False) for number in range(videos)]
    names = [sio.Track(name) for name in TRACKS[:tracks]]
    frames = [
        sio.LabeledFrame(
            video=video,
            frame_idx=frame,
            instances=[
                sio.PredictedInstance.from_numpy(
                    each[who], skeleton=skeleton, point_scores=np.full(3, 0.5), score=0.9, track=names[who]
                )
                for who in range(tracks)
                if not np.isnan(each[who]).all()
            ],
        )
        for video in found
        for frame, each in enumerate(points)
    ]
    labels = sio.Labels(frames, videos=found, tracks=names, skeletons=[skeleton])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels.save(str(file), embed=False, verbose=False)
    return sio, labels, points


def test_a_project_is_read_by_sleap_io(tmp_path: Path) -> None:
    _, _, points = project(tmp_path / "x.slp")
    tracks = read(tmp_path / "x.slp")
    assert (tracks.individuals, tracks.keypoints) == (TRACKS, NODES)
    np.testing.assert_array_equal(tracks.points, points.astype("f4"))
    assert (tracks.confidence[0] == 0.5).all()
    with pytest.raises(DataError, match=r"x.slp: has 1 videos"):
        read(tmp_path / "x.slp", video=1)


@pytest.mark.parametrize("preset", ["matlab", "standard"])
def test_analysis_files_that_sleap_io_wrote_are_read_alike(tmp_path: Path, preset: str) -> None:
    sio, labels, points = project(tmp_path / "x.slp")
    sio.save_analysis_h5(labels, str(tmp_path / "x.h5"), preset=preset)
    tracks = read(tmp_path / "x.h5")
    np.testing.assert_allclose(tracks.points, points.astype("f4"))
    assert (tracks.individuals, tracks.keypoints) == (TRACKS, NODES)


def test_a_damaged_project_is_an_error(tmp_path: Path) -> None:
    project(tmp_path / "x.slp")
    whole = (tmp_path / "x.slp").read_bytes()
    for share in (0.0, 0.3, 0.8):
        (tmp_path / "x.slp").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DataError, match=r"x.slp: not a project that SLEAP wrote, or damaged"):
            read(tmp_path / "x.slp")


def test_without_sleap_io_a_project_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sleap_io", None)
    with pytest.raises(UserError, match=r"pip install 'mabe-core\[sleap\]'"):
        read(tmp_path / "x.slp")
