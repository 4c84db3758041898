"""Volumes, dicts, queues, secrets and blobs of the loopback server, as Modal's real client and command meet them."""

import hashlib
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from .running import LoopbackServer, environment_without_modal

MODAL = Path(sys.executable).with_name("modal")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackServer]:
    with LoopbackServer(folder=tmp_path_factory.mktemp("server")) as running:
        yield running


def client(server: LoopbackServer, program: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", "import io, json, sys, modal\n" + textwrap.dedent(program), *arguments],
        env=environment_without_modal() | server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(server: LoopbackServer, program: str, *arguments: str):
    """What a program that uses the client prints, read as JSON."""
    output, errors = client(server, program, *arguments).communicate(timeout=60)
    assert output, errors
    return json.loads(output)


def modal(server: LoopbackServer, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [MODAL, *arguments]
    return subprocess.run(
        command,
        env=environment_without_modal() | server.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


FILE_ROUND = """
    version = int(sys.argv[1])
    volume = modal.Volume.from_name(f"round-{version}", create_if_missing=True, version=version)
    with volume.batch_upload() as batch:
        batch.put_file(io.BytesIO(b"one"), "/a/one.txt")
        batch.put_file(io.BytesIO(b""), "/a/empty", mode=0o600)
        batch.put_file(io.BytesIO(b"zeros" + bytes(9_000_000)), "zeros")

    def names(path, recursive=False):
        return [entry.path for entry in volume.listdir(path, recursive=recursive)]

    def error(call):
        try:
            call()
        except Exception as raised:
            return type(raised).__name__

    def upload_again(force):
        with volume.batch_upload(force=force) as batch:
            batch.put_file(io.BytesIO(b"two"), "/a/one.txt")

    said = {"top": names("/"), "all": names("", recursive=True), "one": names("a/one.txt")}
    said["sizes"] = {entry.path: entry.size for entry in volume.listdir("a")}
    said["missing folder"] = error(lambda: names("nowhere"))
    said["missing file"] = error(lambda: list(volume.read_file("nowhere")))
    said["again"] = error(lambda: upload_again(False))
    said["unforced"] = b"".join(volume.read_file("a/one.txt")).decode()
    upload_again(True)
    said["forced"] = b"".join(volume.read_file("a/one.txt")).decode()
    said["empty"] = b"".join(volume.read_file("a/empty")).decode()
    said["zeros"] = b"".join(volume.read_file("zeros")) == b"zeros" + bytes(9_000_000)
    volume.copy_files(["a/one.txt"], "copy.txt")
    volume.copy_files(["zeros", "copy.txt"], "a")
    said["copied"] = names("a")
    volume.remove_file("copy.txt")
    said["removed twice"] = error(lambda: volume.remove_file("copy.txt"))
    said["folder"] = error(lambda: volume.remove_file("a"))
    volume.remove_file("a", recursive=True)
    said["left"] = names("/", recursive=True)
    said["other version"] = error(
        lambda: modal.Volume.from_name(f"round-{version}", create_if_missing=True, version=3 - version).hydrate()
    )
    said["outside"] = [error(lambda: names("../x")), error(lambda: volume.copy_files(["zeros"], "a/../../x"))]
    print(json.dumps(said))
"""


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_volume_takes_lists_reads_copies_and_removes_files(server, version):
    assert answer(server, FILE_ROUND, version) == {
        "top": ["a", "zeros"],
        "all": ["a", "a/empty", "a/one.txt", "zeros"],
        "one": ["a/one.txt"],
        "sizes": {"a/empty": 0, "a/one.txt": 3},
        "missing folder": "NotFoundError",
        "missing file": "FileNotFoundError",
        "again": "FileExistsError",
        "unforced": "one",
        "forced": "two",
        "empty": "",
        "zeros": True,
        "copied": ["a/copy.txt", "a/empty", "a/one.txt", "a/zeros"],
        "removed twice": "FileNotFoundError",
        "folder": "InvalidError",
        "left": ["zeros"],
        "other version": "InvalidError",
        "outside": ["InvalidError", "InvalidError"],
    }


def test_the_volume_command_does_what_it_says(server, tmp_path):
    (tmp_path / "up/inner").mkdir(parents=True)
    (tmp_path / "up/inner/file").write_text("content")
    assert modal(server, "volume", "create", "by-command", "--version", "2").returncode == 0
    assert "by-command" in modal(server, "volume", "list").stdout
    assert "already exists" in modal(server, "volume", "create", "by-command").stderr
    assert modal(server, "volume", "put", "by-command", tmp_path / "up", "/up").returncode == 0
    assert "already exists" in modal(server, "volume", "put", "by-command", tmp_path / "up", "/up").stderr
    assert modal(server, "volume", "cp", "-r", "by-command", "up", "copy").returncode == 0
    assert modal(server, "volume", "ls", "by-command", "copy").stdout.split() == ["copy/inner"]
    assert modal(server, "volume", "rm", "-r", "by-command", "copy").returncode == 0
    assert modal(server, "volume", "rename", "--yes", "by-command", "renamed").returncode == 0
    assert modal(server, "volume", "get", "renamed", "up/inner/file", tmp_path / "down").returncode == 0
    assert (tmp_path / "down").read_text() == "content"
    assert modal(server, "volume", "get", "renamed", "up/inner/file", "-").stdout.startswith("content")
    (tmp_path / "into").mkdir()
    modal(server, "volume", "get", "renamed", "/", tmp_path / "into")
    assert (tmp_path / "into/up/inner/file").read_text() == "content"
    assert not (tmp_path / "into/copy").exists()
    assert "not a path inside a volume" in modal(server, "volume", "get", "renamed", "../x", "-").stderr
    assert modal(server, "volume", "delete", "--yes", "renamed").returncode == 0
    assert "renamed" not in modal(server, "volume", "list").stdout


BLOCKS = """
    import hashlib, urllib.request
    from modal_proto import api_pb2
    from modal._utils.async_utils import synchronizer
    from modal.client import _Client

    MIB = 1024 * 1024
    content = b"".join(bytes([65 + i]) * MIB for i in range(20))
    open(sys.argv[1], "wb").write(content)

    @synchronizer.create_blocking
    async def call(rpc, request):
        client = await _Client.from_env()
        return await getattr(client._stub, rpc)(request)

    volume = modal.Volume.from_name("blocks", create_if_missing=True, version=2).hydrate()

    def put(path, content):
        pieces = [content[i : i + 8 * MIB] for i in range(0, len(content), 8 * MIB)]
        digests = [hashlib.sha256(piece).digest() for piece in pieces]
        blocks = [api_pb2.VolumePutFiles2Request.Block(contents_sha256=digest) for digest in digests]
        file = api_pb2.VolumePutFiles2Request.File(path=path, size=len(content), blocks=blocks)
        request = api_pb2.VolumePutFiles2Request(volume_id=volume.object_id, files=[file])
        return [block.block_index for block in call("VolumePutFiles2", request).missing_blocks]

    def urls(path, **limits):
        request = api_pb2.VolumeGetFile2Request(volume_id=volume.object_id, path=path, **limits)
        return call("VolumeGetFile2", request).get_urls

    def fetch(urls):
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy
        return b"".join(direct.open(url).read() for url in urls)

    said = {"missing at first": put("file", content)}
    with volume.batch_upload() as batch:
        batch.put_file(sys.argv[1], "file")
    said["missing then"] = put("same", content)
    said["missing of a changed one"] = put("changed", content[: 8 * MIB] + b"x" + content[8 * MIB + 1 :])
    said["sha"] = hashlib.sha256(b"".join(volume.read_file("same"))).hexdigest()
    with open(sys.argv[1], "wb") as file:
        said["read"] = volume.read_file_into_fileobj("file", file)
    said["back"] = hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()
    said["expected"] = hashlib.sha256(content).hexdigest()
    start, length = 8 * MIB - 10, 8 * MIB + 30
    addresses = urls("file", start=start, len=length)
    said["range"] = [len(addresses), fetch(addresses) == content[start : start + length]]
    before = urls("file")
    with volume.batch_upload(force=True) as batch:
        batch.put_file(io.BytesIO(b"new"), "file")
    said["replaced while read"] = [fetch(before) == content, fetch(urls("file")).decode()]
    print(json.dumps(said))
"""


def test_blocks_are_uploaded_once_and_read_by_range(server, tmp_path):
    said = answer(server, BLOCKS, str(tmp_path / "file"))
    assert said["missing at first"] == [0, 1, 2]
    assert said["missing then"] == []
    assert said["missing of a changed one"] == [1]
    assert said["sha"] == said["back"] == said["expected"]
    assert said["read"] == 20 * 1024 * 1024
    assert said["range"] == [3, True]
    assert said["replaced while read"] == [True, "new"]


def test_of_eight_processes_that_claim_a_key_one_gets_it(server):
    claim = """
        claims = modal.Dict.from_name("claims", create_if_missing=True).hydrate()
        print(json.dumps(claims.put("run", int(sys.argv[1]), skip_if_exists=True)))
    """
    claimants = [client(server, claim, str(number)) for number in range(8)]
    said = [json.loads(claimant.communicate(timeout=60)[0]) for claimant in claimants]
    assert sorted(said) == [False] * 7 + [True]
    winner = answer(server, 'print(json.dumps(modal.Dict.from_name("claims")["run"]))')
    assert said[winner]


def test_a_dict_does_what_a_dict_does(server):
    program = """
        with modal.Dict.ephemeral() as d:
            said = [d.put("a", 1), d.put("a", 2), d.put("a", 3, skip_if_exists=True), d["a"], "b" in d]
            d.update({"b": 2, "c": 3})
            said += [d.len(), sorted(d.keys()), sorted(d.values()), sorted(d.items()), d.pop("c"), d.get("c")]
            d.clear()
            print(json.dumps([*said, d.len()]))
    """
    items = [["a", 2], ["b", 2], ["c", 3]]
    assert answer(server, program) == [
        True, True, False, 2, False, 3, ["a", "b", "c"], [2, 2, 3], items, 3, None, 0,
    ]  # fmt: skip


def test_a_queue_gives_in_order_by_partition_and_waits(server):
    program = """
        import queue, threading, time
        with modal.Queue.ephemeral() as q:
            q.put_many([1, 2, 3])
            q.put("other", partition="p")
            said = [q.len(), q.len(total=True), list(q.iterate()), q.get_many(2), q.get(partition="p"), q.get()]
            try:
                q.get(timeout=0.1)
            except queue.Empty:
                said.append("empty")
            threading.Timer(0.3, lambda: q.put("late")).start()
            asked = time.monotonic()
            said.append(q.get(timeout=20))
            print(json.dumps([*said, time.monotonic() - asked < 5]))
    """
    assert answer(server, program) == [3, 4, [1, 2, 3], [1, 2], "other", 3, "empty", "late", True]


def test_secrets_are_made_listed_and_missed_by_name(server):
    assert modal(server, "secret", "create", "wandb", "KEY=value").returncode == 0
    assert "wandb" in modal(server, "secret", "list").stdout
    program = """
        def error(**asked):
            try:
                modal.Secret.from_name(**asked).hydrate()
            except modal.exception.NotFoundError as raised:
                return str(raised)
        print(json.dumps([error(name="wandb"), error(name="nobody"), error(name="wandb", required_keys=["X"])]))
    """
    found, missing, without_key = answer(server, program)
    assert found is None
    assert missing == "Secret 'nobody' not found in environment 'main'"
    assert "['X']" in without_key
    assert modal(server, "secret", "delete", "--yes", "wandb").returncode == 0


def test_what_is_stored_outlives_a_killed_server(server):
    store = """
        modal.Dict.from_name("kept", create_if_missing=True)["key"] = "value"
        with modal.Volume.from_name("kept", create_if_missing=True, version=2).batch_upload() as batch:
            batch.put_file(io.BytesIO(b"content"), "file")
        print(json.dumps(modal.Dict.from_name("kept").hydrate().object_id))
    """
    look = """
        kept = modal.Dict.from_name("kept").hydrate()
        content = b"".join(modal.Volume.from_name("kept").read_file("file")).decode()
        print(json.dumps([kept.object_id, kept["key"], content]))
    """
    dict_id = answer(server, store)
    server.kill_server()
    server.restart()
    assert answer(server, look) == [dict_id, "value", "content"]


def test_large_things_go_by_blobs_whole_or_in_parts(server, tmp_path):
    program = """
        import asyncio, hashlib
        from modal._utils.blob_utils import blob_download, blob_upload
        from modal.client import _Client

        async def there_and_back(data):
            client = await _Client.from_env()
            return await blob_download(await blob_upload(data, client._stub), client._stub) == data

        whole = asyncio.run(there_and_back(bytes(range(256)) * 20480))
        with open(sys.argv[1], "wb") as file:
            for number in range(70):
                file.write(bytes([number]) * 1024 * 1024)
        volume = modal.Volume.from_name("parts", create_if_missing=True, version=1)
        with volume.batch_upload() as batch:
            batch.put_file(sys.argv[1], "file")
        print(json.dumps([whole, hashlib.sha256(b"".join(volume.read_file("file"))).hexdigest()]))
    """
    whole, sha256 = answer(server, program, str(tmp_path / "file"))
    assert whole
    assert sha256 == hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()


def test_a_mount_is_stored_once_and_modals_own_is_known(server, tmp_path):
    (tmp_path / "module.py").write_text("x = 1")
    program = """
        from modal_proto import api_pb2
        from modal.mount import Mount, client_mount_name
        own = Mount.from_name(client_mount_name(), namespace=api_pb2.DEPLOYMENT_NAMESPACE_GLOBAL).hydrate()
        mount = Mount._from_local_dir(sys.argv[1], remote_path="/root/code")
        mount._deploy("code")
        found = Mount.from_name("code").hydrate()
        try:
            Mount.from_name("nobody").hydrate()
        except modal.exception.NotFoundError:
            print(json.dumps([own.object_id[:3], mount.object_id == found.object_id]))
    """
    assert answer(server, program, str(tmp_path)) == ["mo-", True]
