"""A container's private copy of a volume: what is committed is seen, what is not is lost."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .storage import Storage, View


class Volume:
    """A volume in a storage of its own, with as many views as a test opens."""

    def __init__(self, folder: Path) -> None:
        self.storage = Storage(folder / "server", lambda: "http://nowhere")
        self._folder = folder
        request = api_pb2.VolumeGetOrCreateRequest(
            deployment_name="v",
            object_creation_type=api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING,
            version=2,
        )
        self.id = self.call("VolumeGetOrCreate", request).volume_id

    def call(self, rpc, request):
        return asyncio.run(getattr(self.storage.handlers[0], rpc)(request))

    def list(self, path: str) -> list[api_pb2.FileEntry]:
        async def collect():
            request = api_pb2.VolumeListFiles2Request(volume_id=self.id, path=path, recursive=True)
            return [
                e async for reply in self.storage.handlers[0].VolumeListFiles2(request) for e in reply.entries
            ]

        return asyncio.run(collect())

    def view(self, name: str) -> View:
        return self.storage.open_view(self.id, self._folder / name)

    def seen(self) -> dict[str, str]:
        """Return the files that a view opened now would have, with their content."""
        view = self.view("seen")
        files = {
            str(f.relative_to(view.folder)): f.read_text() for f in view.folder.rglob("*") if f.is_file()
        }
        shutil.rmtree(view.folder)
        return files


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path)


def test_a_forgotten_commit_loses_and_a_commit_publishes(volume):
    view = volume.view("a")
    (view.folder / "run/deep").mkdir(parents=True)
    (view.folder / "run/deep/file").write_text("one")
    (view.folder / "run/empty").mkdir()
    assert volume.seen() == {}
    assert view.commit() == 1
    assert volume.seen() == {"run/deep/file": "one"}
    assert (volume.view("b").folder / "run/empty").is_dir()
    assert view.commit() == 0


def test_changes_and_deletions_are_published(volume):
    view = volume.view("a")
    for name in ("changed", "deleted", "kept"):
        (view.folder / name).write_text(name)
    (view.folder / "folder").mkdir()
    (view.folder / "folder/file").write_text("x")
    view.commit()
    later = volume.view("b")
    (later.folder / "changed").write_text("anew")
    (later.folder / "deleted").unlink()
    shutil.rmtree(later.folder / "folder")
    assert later.commit() == 3
    assert volume.seen() == {"changed": "anew", "kept": "kept"}
    assert not (volume.view("c").folder / "folder").exists()


def test_a_file_renamed_into_place_is_published(volume):
    view = volume.view("a")
    (view.folder / "file").write_text("old")
    view.commit()
    (view.folder / "file.tmp").write_text("new")
    (view.folder / "file.tmp").rename(view.folder / "file")
    assert view.commit() == 1
    assert volume.seen() == {"file": "new"}


def test_a_change_too_quick_for_the_clock_is_noticed(volume):
    view = volume.view("a")
    file = view.folder / "file"
    file.write_text("one")
    view.commit()
    about = file.stat()
    file.write_text("two")
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))  # as if the clock had not ticked
    assert view.commit() == 1
    assert volume.seen() == {"file": "two"}


def test_the_last_of_two_writers_wins_file_by_file(volume):
    first, second = volume.view("a"), volume.view("b")
    (first.folder / "shared").write_text("first")
    (first.folder / "own of first").write_text("1")
    (second.folder / "shared").write_text("second")
    second.commit()
    assert volume.seen()["shared"] == "second"
    first.commit()
    assert volume.seen() == {"shared": "first", "own of first": "1"}


def test_an_untouched_view_publishes_nothing_over_others_work(volume):
    volume_before = volume.view("a")
    (volume_before.folder / "file").write_text("old")
    volume_before.commit()
    idle, busy = volume.view("b"), volume.view("c")
    (busy.folder / "file").write_text("new")
    busy.commit()
    assert idle.commit() == 0
    assert volume.seen() == {"file": "new"}


def test_a_reload_takes_others_commits_and_leaves_own_work_unpublished(volume):
    view, other = volume.view("a"), volume.view("b")
    (view.folder / "gone").write_text("gone")
    (view.folder / "shared").write_text("at first")
    view.commit()
    other.reload()
    assert (other.folder / "shared").read_text() == "at first"
    (other.folder / "gone").unlink()
    (other.folder / "shared").write_text("theirs")
    (other.folder / "new/inner").mkdir(parents=True)
    (other.folder / "new/inner/file").write_text("new")
    other.commit()
    (view.folder / "own").write_text("own")
    view.reload()
    assert {f.name: f.read_text() for f in view.folder.rglob("*") if f.is_file()} == {
        "shared": "theirs",
        "file": "new",
        "own": "own",
    }
    assert "own" not in volume.seen()
    assert view.commit() == 1
    assert volume.seen() == {"shared": "theirs", "new/inner/file": "new", "own": "own"}


def test_own_changes_survive_a_reload_and_win_when_committed(volume):
    view, other = volume.view("a"), volume.view("b")
    (view.folder / "file").write_text("at first")
    view.commit()
    other.reload()
    (other.folder / "file").write_text("theirs")
    other.commit()
    (view.folder / "file").write_text("mine")
    view.reload()
    assert (view.folder / "file").read_text() == "mine"
    assert view.commit() == 1
    assert volume.seen() == {"file": "mine"}


def test_a_file_becomes_a_folder_and_a_folder_a_file(volume):
    view, other = volume.view("a"), volume.view("b")
    (view.folder / "x").write_text("file")
    (view.folder / "y").mkdir()
    (view.folder / "y/inner").write_text("inner")
    view.commit()
    other.reload()
    (view.folder / "x").unlink()
    (view.folder / "x").mkdir()
    (view.folder / "x/inner").write_text("inner")
    shutil.rmtree(view.folder / "y")
    (view.folder / "y").write_text("file")
    view.commit()
    assert volume.seen() == {"x/inner": "inner", "y": "file"}
    other.reload()
    assert (other.folder / "x/inner").read_text() == "inner"
    assert (other.folder / "y").read_text() == "file"


def test_a_commit_to_a_deleted_volume_is_refused(volume):
    view = volume.view("a")
    (view.folder / "file").write_text("x")
    volume.call("VolumeDelete", api_pb2.VolumeDeleteRequest(volume_id=volume.id))
    with pytest.raises(GRPCError) as refused:
        view.commit()
    assert refused.value.status is Status.NOT_FOUND


def test_a_link_out_of_a_view_or_volume_harms_nothing_there(volume, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("untouched")
    view, other = volume.view("a"), volume.view("b")
    (view.folder / "d").mkdir()
    (view.folder / "d/file").write_text("in the volume")
    view.commit()
    other.reload()
    shutil.rmtree(other.folder / "d")
    (other.folder / "d").symlink_to(tmp_path / "outside")
    (view.folder / "d/new").write_text("new")
    view.commit()
    other.reload()
    other.commit()
    (view.folder / "d/file").unlink()
    view.commit()
    other.commit()
    (view.folder / "d/new").write_text("changed")
    view.commit()
    assert volume.seen() == {"d/new": "changed"}
    assert {f.name: f.read_text() for f in (tmp_path / "outside").iterdir()} == {"file": "untouched"}


@pytest.mark.parametrize("path", ["link", "folder/passwd"])
def test_a_link_leads_no_reader_out_of_the_volume(volume, path):
    view = volume.view("a")
    (view.folder / "link").symlink_to("/etc/passwd")
    (view.folder / "folder").symlink_to("/etc")
    view.commit()
    assert [entry.path for entry in volume.list("folder")] == ["folder"]
    with pytest.raises(GRPCError) as refused:
        volume.call("VolumeGetFile2", api_pb2.VolumeGetFile2Request(volume_id=volume.id, path=path))
    assert refused.value.status is Status.INVALID_ARGUMENT


def test_a_mounts_files_are_found_on_disk_with_their_modes(tmp_path):
    storage = Storage(tmp_path, lambda: "http://nowhere")
    mounts = next(h for h in storage.handlers if hasattr(h, "MountPutFile"))
    sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
    asyncio.run(mounts.MountPutFile(api_pb2.MountPutFileRequest(sha256_hex=sha256, data=b"secret")))
    file = api_pb2.MountFile(filename="/root/run.sh", sha256_hex=sha256, mode=0o755)
    mount = asyncio.run(mounts.MountGetOrCreate(api_pb2.MountGetOrCreateRequest(files=[file])))
    (found,) = storage.mount_files(mount.mount_id)
    assert (str(found.path), found.source.read_bytes(), found.mode) == ("/root/run.sh", b"secret", 0o755)


def test_secret_values_and_blobs_are_read_where_a_container_starts(tmp_path):
    storage = Storage(tmp_path, lambda: "http://nowhere")
    secrets = next(h for h in storage.handlers if hasattr(h, "SecretGetOrCreate"))
    request = api_pb2.SecretGetOrCreateRequest(
        object_creation_type=api_pb2.OBJECT_CREATION_TYPE_ANONYMOUS_OWNED_BY_APP, env_dict={"KEY": "value"}
    )
    secret = asyncio.run(secrets.SecretGetOrCreate(request))
    assert storage.secret_values(secret.secret_id) == {"KEY": "value"}
    assert storage.read_blob(storage.write_blob(b"blob")) == b"blob"
