"""Runs brought from a volume: whole, checked, and nothing overwritten unasked."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mabe_core.cloud.pulling import pull
from mabe_core.cloud.service import Entry
from mabe_core.errors import RunError, UserError
from tests.cloud.conftest import Client
from tests.modal_server.running import LoopbackServer

RUN = "tiny-0123456789"
EVENT_FILE = "tensorboard/events.out.tfevents.1795459563.some-host.attempt-1"
UNTOLD = lambda name, came, size: None  # noqa: E731


class FolderFiles:
    """A folder that stands for a volume; `broken` files fail half-way, as a lost connection does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broken: set[str] = set()
        self.downloaded: list[str] = []

    def list(self, folder: str, *, recursive: bool = False) -> list[Entry]:
        raise NotImplementedError

    def read(self, path: str) -> bytes | None:
        file = self.folder / path
        return file.read_bytes() if file.exists() else None

    def download(self, path, file, progress) -> None:
        content = (self.folder / path).read_bytes()
        self.downloaded.append(path.removeprefix(f"runs/{RUN}/"))
        if path.removeprefix(f"runs/{RUN}/") in self.broken:
            file.write(content[: len(content) // 2])
            raise RunError("the connection was lost")
        file.write(content)
        progress(len(content))

    def upload(self, files, *, replace: bool) -> None:
        raise NotImplementedError


@pytest.fixture
def volume(tmp_path: Path) -> FolderFiles:
    """Return a volume with a run of two checkpoints, the second the last, the first the best."""
    files = FolderFiles(tmp_path / "volume")
    write(
        files,
        {
            "experiment.yaml": b"name: tiny\n",
            "record.json": json.dumps({"auto": {"steps_per_epoch": 11}}).encode(),
            "metrics.jsonl": b'{"epoch": 1}\n{"epoch": 2}\n',
            EVENT_FILE: b"events",
            "best.json": json.dumps({"checkpoint": "step-00000011", "epoch": 1, "step": 11}).encode(),
            "last.json": json.dumps({"checkpoint": "step-00000022", "epoch": 2, "step": 22}).encode(),
            **{
                f"checkpoints/step-{step:08d}/{name}": f"{step} {name}".encode() * 100
                for step in (11, 22)
                for name in ("model.safetensors", "training.safetensors", "state.json")
            },
        },
    )
    return files


def write(files: FolderFiles, contents: dict[str, bytes], **extra: dict[str, object]) -> None:
    run = files.folder / "runs" / RUN
    for name, content in contents.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    listed = {
        str(path.relative_to(run)): {
            "size": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in run.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    (run / "manifest.json").write_text(json.dumps({"files": {**listed, **extra}}))


def brought(runs: Path) -> set[str]:
    return {str(path.relative_to(runs / RUN)) for path in (runs / RUN).rglob("*") if path.is_file()}


def test_best_and_last_are_brought_or_what_is_named(volume: FolderFiles, tmp_path: Path) -> None:
    for wanted, steps in [
        (("best",), ["11"]),
        (("last",), ["22"]),
        (("epoch-1",), ["11"]),
        (("step-22",), ["22"]),
        (("all",), ["11", "22"]),
    ]:
        runs = tmp_path / wanted[0]
        pulled = pull(volume, RUN, runs, wanted, force=False, told=UNTOLD)

        assert [name[-2:] for name in pulled.checkpoints] == steps
        assert {name.split("/")[1][-2:] for name in brought(runs) if name.startswith("checkpoints/")} == set(
            steps
        )
        assert {"experiment.yaml", "record.json", "metrics.jsonl"} <= brought(runs)


@pytest.mark.parametrize("word", ["epoch-3", "step-12", "newest", "step--1", "../x"])
def test_a_checkpoint_that_is_not_there_is_told(volume: FolderFiles, tmp_path: Path, word: str) -> None:
    with pytest.raises(UserError, match="checkpoint"):
        pull(volume, RUN, tmp_path / "runs", (word,), force=False, told=UNTOLD)


def test_what_a_broken_pull_brought_is_not_brought_again(volume: FolderFiles, tmp_path: Path) -> None:
    name = "checkpoints/step-00000022/training.safetensors"
    volume.broken = {name}
    with pytest.raises(RunError, match="connection"):
        pull(volume, RUN, tmp_path / "runs", ("all",), force=False, told=UNTOLD)
    before = set(volume.downloaded) - {name}
    volume.broken, volume.downloaded = set(), []

    pull(volume, RUN, tmp_path / "runs", ("all",), force=False, told=UNTOLD)

    assert before
    assert name in volume.downloaded
    assert not before & set(volume.downloaded)
    assert (tmp_path / "runs" / RUN / name).read_bytes() == b"22 training.safetensors" * 100
    assert not (tmp_path / "runs" / ".pulling" / RUN).exists()


def test_nothing_is_in_place_before_all_of_it_came(volume: FolderFiles, tmp_path: Path) -> None:
    volume.broken = {"record.json"}
    with pytest.raises(RunError):
        pull(volume, RUN, tmp_path / "runs", ("all",), force=False, told=UNTOLD)

    assert not (tmp_path / "runs" / RUN).exists()


@pytest.mark.parametrize(
    "name", ["record.json", "checkpoints/step-00000011/model.safetensors", "metrics.jsonl"]
)
def test_a_flipped_byte_is_found(
    volume: FolderFiles, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mabe_core.cloud.pulling.PAUSE", 0.0)
    file = volume.folder / "runs" / RUN / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(RunError, match=name):
        pull(volume, RUN, tmp_path / "runs", ("all",), force=False, told=UNTOLD)
    assert not (tmp_path / "runs" / RUN).exists()


@pytest.mark.parametrize("name", ["metrics.jsonl", EVENT_FILE])
def test_what_grew_since_is_cut_to_what_was_announced(volume: FolderFiles, tmp_path: Path, name: str) -> None:
    announced = (volume.folder / "runs" / RUN / name).read_bytes()
    with (volume.folder / "runs" / RUN / name).open("ab") as file:
        file.write(b'{"epoch": 3')

    pull(volume, RUN, tmp_path / "runs", ("last",), force=False, told=UNTOLD)

    assert (tmp_path / "runs" / RUN / name).read_bytes() == announced


def test_what_was_pulled_and_left_alone_is_brought_up_to_date(volume: FolderFiles, tmp_path: Path) -> None:
    pull(volume, RUN, tmp_path / "runs", ("last",), force=False, told=UNTOLD)
    write(volume, {"record.json": b'{"epoch": 3}', "metrics.jsonl": b"1\n2\n3\n"})

    again = pull(volume, RUN, tmp_path / "runs", ("last",), force=False, told=UNTOLD)

    assert again.files == 2
    assert (tmp_path / "runs" / RUN / "record.json").read_bytes() == b'{"epoch": 3}'


def test_what_was_changed_here_is_not_overwritten_unasked(volume: FolderFiles, tmp_path: Path) -> None:
    pull(volume, RUN, tmp_path / "runs", ("last",), force=False, told=UNTOLD)
    mine = tmp_path / "runs" / RUN / "record.json"
    mine.write_text("mine")

    with pytest.raises(UserError, match=r"record\.json.*--force"):
        pull(volume, RUN, tmp_path / "runs", ("last",), force=False, told=UNTOLD)
    kept = mine.read_text()
    pull(volume, RUN, tmp_path / "runs", ("last",), force=True, told=UNTOLD)

    assert kept == "mine"
    assert mine.read_text() != "mine"


@pytest.mark.parametrize(
    "name",
    [
        "../../outside",
        "/etc/passwd",
        "plugins/../../x.py",
        "plugins/.hidden.py",
        "checkpoints/step-1/evil.sh",
        "C:\\x",
        ".lock",
    ],
)
def test_only_what_belongs_to_a_run_is_brought(volume: FolderFiles, tmp_path: Path, name: str) -> None:
    write(volume, {}, **{name: {"size": 1, "sha256": "0" * 64}})

    pull(volume, RUN, tmp_path / "runs", ("last",), force=False, told=UNTOLD)

    assert name not in volume.downloaded
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "volume"]


def test_a_server_that_dies_half_way_is_no_harm(
    tmp_path: Path, client_of: Callable[..., Client], experiment: Path
) -> None:
    with LoopbackServer(tmp_path / "server") as server:
        client = client_of(server)
        client.run_cloud(experiment)
        (run_id,) = client.rows()
        server.delay("VolumeGetFile2", 0.3, times=100)
        pulling = client.start("pull", run_id, "--checkpoint", "all")
        stage = client.runs / ".pulling" / run_id
        server.wait_for(lambda: len(list(stage.rglob("*.safetensors"))) >= 1, 60)
        server.kill_server()
        told, _ = pulling.communicate(timeout=120)
        before = {
            path: path.stat().st_ino for path in stage.rglob("*") if path.is_file() and path.suffix != ".part"
        }
        server.restart()
        pulled = client("pull", run_id, "--checkpoint", "all")

        assert pulling.returncode == 1, told
        assert "Traceback" not in told
        assert not (client.runs / run_id / "record.json").exists() or pulled.code == 0
        assert pulled.code == 0, pulled.err
        assert client("run", "--resume", run_id).code == 0
        kept = [
            path
            for path in before
            if (client.runs / run_id / path.relative_to(stage)).stat().st_ino == before[path]
        ]
        assert kept, "nothing of the first pull was used"


def test_a_large_checkpoint_comes_at_no_less_than_half_the_speed_of_modals_own(
    client: Client, experiment: Path, tmp_path: Path
) -> None:
    """200 MB, the better of three each, in turn; the pull hashes and flushes what it brings."""
    client.run_cloud(experiment)
    (run_id,) = client.rows()
    grown = tmp_path / "grown.py"
    grown.write_text(GROW)
    done = subprocess.run(
        [sys.executable, str(grown), client.volume, run_id],
        env=client.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    name = f"runs/{run_id}/checkpoints/step-00000044/model.safetensors"
    theirs, ours = [], []
    for number in range(3):
        began = time.monotonic()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "modal",
                "volume",
                "get",
                client.volume,
                name,
                str(tmp_path / f"got{number}"),
            ],
            env=client.environment(),
            check=True,
            capture_output=True,
        )
        theirs.append(time.monotonic() - began)
        began = time.monotonic()
        pulled = client("pull", run_id, "--checkpoint", "last", "--to", tmp_path / f"to{number}")
        ours.append(time.monotonic() - began)
        assert pulled.code == 0, pulled.err
    print(f"modal volume get {min(theirs):.2f} s, mabe pull {min(ours):.2f} s")

    assert (
        tmp_path / "to0" / run_id / "checkpoints/step-00000044/model.safetensors"
    ).stat().st_size == 200_000_000
    assert min(ours) < 2 * min(theirs)


GROW = """
import hashlib, io, json, os, sys
import modal
volume = modal.Volume.from_name(sys.argv[1])
run = f"runs/{sys.argv[2]}"
content = os.urandom(200_000_000)
name = "checkpoints/step-00000044/model.safetensors"
manifest = json.loads(b"".join(volume.read_file(f"{run}/manifest.json")))
manifest["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
with open("grown.bin", "wb") as file:
    file.write(content)
with volume.batch_upload(force=True) as batch:
    batch.put_file("grown.bin", f"{run}/{name}")
    batch.put_file(io.BytesIO(json.dumps(manifest).encode()), f"{run}/manifest.json")
os.remove("grown.bin")
"""
