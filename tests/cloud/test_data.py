"""Data on the volume: what is missing is sent, what differs is not overwritten, runs find it by name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud.conftest import Client

RECORDING = """\
scorer,m,m,m,m,m,m
bodyparts,nose,nose,nose,tail,tail,tail
coords,x,y,likelihood,x,y,likelihood
"""
ANNOTATION = (
    "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two recordings of one animal, in files of DeepLabCut and BORIS."""
    made = tmp_path / "wanderer"
    made.mkdir()
    for number in range(2):
        rows = [
            f"{frame},{frame % 50 + number},{frame % 7},0.9,{frame % 50 + number + 1},{frame % 5},0.8"
            for frame in range(600)
        ]
        (made / f"day{number}.csv").write_text(RECORDING + "\n".join(rows) + "\n")
        lines = [
            f"{second}.0\tday.mp4\t20.0\t30\tmouse\twalk\t\t\t{'STOP' if second % 2 else 'START'}"
            for second in range(18)
        ]
        (made / f"day{number}.tsv").write_text(ANNOTATION + "\n".join(lines) + "\n")
    (made / ".hidden").write_text("not data")
    return made


EXPERIMENT = """\
name: wanderer
data:
  dataset:
    name: pose_files
    folder: wanderer
    pose_pattern: "{day}.csv"
    labels: boris
    labels_pattern: "{day}.tsv"
    fps: 30.0
    classes: [rest, walk]
    background: rest
    subjects: {mouse: individual1}
  split: {name: recordings}
  features: [normalize, interpolate]
  sequence_length: 16
model: {name: transformer, hidden_dim: 16, num_layers: 1, num_heads: 2}
training: {epochs: 1, batch_size: 8, windows_per_epoch: 40}
device: cpu
threads: 1
cloud: {gpu: none}
"""


def test_data_is_pushed_once_and_trained_on_by_name(client: Client, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "wanderer.yaml"
    file.write_text(EXPERIMENT)

    missing = client.run_cloud(file)
    first = client("data", "push", folder)
    again = client("data", "push", folder)
    listed = json.loads(client("data", "list", "--json").out)
    ran = client.run_cloud(file)
    local = client("run", file, "--data-dir", tmp_path, "--dry-run")

    assert missing.code == 2
    assert "mabe data push" in missing.err
    assert first.code == 0, first.err
    assert "4 files sent" in first.out
    assert "1 hidden or no files" in first.out
    assert "0 files sent" in again.out
    assert "4 were there" in again.out
    assert listed == [
        {"name": "wanderer", "files": 4, "size": sum(path.stat().st_size for path in folder.glob("day*"))}
    ]
    assert ran.code == 0, ran.out + ran.err
    assert "2 recordings" in ran.out or "recordings    2" in ran.out
    run_ids = [row["id"] for row in client.rows().values() if row["state"] == "finished"]
    assert local.out.splitlines()[0] == f"# {run_ids[0]}"


def test_data_that_differs_is_not_overwritten_unasked(client: Client, folder: Path) -> None:
    client("data", "push", folder)
    changed = folder / "day0.csv"
    changed.write_text(changed.read_text().replace("0.9", "0.7"))  # of the same size

    refused = client("data", "push", folder)
    renamed = client("data", "push", folder, "wanderer_2")
    forced = client("data", "push", folder, "--force")

    assert refused.code == 2
    assert "day0.csv" in refused.err
    assert renamed.code == 0, renamed.err
    assert "1 files sent" in forced.out
    assert client.on_volume("data/wanderer/day0.csv") == changed.read_bytes()


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "a b"])
def test_what_is_no_name_for_data_is_refused(client: Client, folder: Path, name: str) -> None:
    refused = client("data", "push", folder, "--", name)

    assert refused.code == 2
    assert "Traceback" not in refused.err


def test_a_push_that_broke_off_sends_the_rest(client: Client, folder: Path) -> None:
    client.server.refuse("VolumePutFiles2", "ABORTED", times=1)
    broken = client("data", "push", folder)
    client.server.clear_faults()
    whole = client("data", "push", folder)

    assert broken.code in (1, 2)
    assert "Traceback" not in broken.err
    assert whole.code == 0, whole.err
    assert json.loads(client("data", "list", "--json").out)[0]["files"] == 4


def test_what_others_put_there_is_compared_before_it_is_replaced(client: Client, folder: Path) -> None:
    put = "import io, modal, sys\nwith modal.Volume.from_name(sys.argv[1], create_if_missing=True, version=2).batch_upload() as batch:\n    batch.put_file(sys.argv[2], 'data/wanderer/day0.csv')\n    batch.put_file(io.BytesIO(b'x' * int(sys.argv[3])), 'data/wanderer/day1.csv')"
    words = [client.volume, str(folder / "day0.csv"), str((folder / "day1.csv").stat().st_size)]
    subprocess.run([sys.executable, "-c", put, *words], env=client.environment(), check=True)
    refused = client("data", "push", folder)
    forced = client("data", "push", folder, "--force")

    assert refused.code == 2
    assert "day1.csv" in refused.err
    assert "day0.csv" not in refused.err
    assert "3 files sent" in forced.out
    assert "1 were there" in forced.out


def test_links_are_followed_and_what_is_only_there_is_told(
    client: Client, folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "day9.csv").write_text("x")
    (folder / "more").symlink_to(elsewhere)
    (elsewhere / "round").symlink_to(folder)
    (folder / "broken").symlink_to("nowhere")
    first = client("data", "push", folder)
    (folder / "day0.csv").unlink()
    second = client("data", "push", folder)

    assert "5 files sent" in first.out
    assert "2 hidden or no files left out" in first.out
    assert "1 files are there and not here" in second.out
    assert client.on_volume("data/wanderer/more/day9.csv") == b"x"


def test_a_name_that_a_volume_cannot_have_is_told(client: Client, folder: Path) -> None:
    (folder / "a\nb.csv").write_text("x")
    refused = client("data", "push", folder)

    assert refused.code == 2
    assert "rename it" in refused.err
    assert "Traceback" not in refused.err
