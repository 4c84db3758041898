"""Images of the loopback server: built through the real client, without a network, and seen from inside."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from .image_copy import copied_files
from .pip_requests import PipRequest, UnmetRequest
from .running import LoopbackServer, environment_without_modal

MODAL = Path(sys.executable).with_name("modal")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
WHEEL = "tiny_bird-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackServer]:
    with LoopbackServer(folder=tmp_path_factory.mktemp("server")) as running:
        yield running


def run(server: LoopbackServer, image: str, body: str = "pass") -> str:
    """Build an image, run a function's body in it, and return all that `modal run` prints."""
    (server.folder / "on_image.py").write_text(
        f"import modal\napp = modal.App('on-image')\nimage = {image}\n\n@app.function(image=image)\n"
        f"def look():\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
    )
    ran = subprocess.run(
        [MODAL, "run", "on_image.py::look"],
        cwd=server.folder,
        env=environment_without_modal() | server.environment | {"COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    return ran.stdout


def make_wheel(folder: Path) -> Path:
    """Make a wheel that has one module and one entry point, the same bytes each time."""
    wheel = folder / WHEEL
    about = "tiny_bird-1.0.dist-info"
    members = {
        "tiny_bird.py": "SONG = 'tweet'\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: tiny-bird\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": "[birds]\ntiny = tiny_bird\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w") as packed:
        for name, text in members.items():
            packed.writestr(zipfile.ZipInfo(name), text)
    return wheel


def test_packages_files_and_variables_of_an_image_are_there(server: LoopbackServer) -> None:
    make_wheel(server.folder)
    image = f"""(
        modal.Image.debian_slim(python_version="{MINOR}")
        .add_local_file("{WHEEL}", "/wheels/{WHEEL}", copy=True)
        .uv_pip_install("torch", "/wheels/{WHEEL}", extra_options="--no-index --no-deps")
        .env({{"BIRD": "wren and robin"}})
        .run_commands("echo built by $BIRD > /built.txt")
        .workdir("/work/bench")
        .add_local_file("{WHEEL}", "/late/{WHEEL}")
    )"""
    body = """
        import os, pathlib, tiny_bird, torch
        from importlib.metadata import entry_points, version
        print(version("tiny-bird"), tiny_bird.SONG, [e.value for e in entry_points(group="birds")])
        print(torch.__version__, torch.ones(2).sum().item(), os.environ["BIRD"], os.getcwd())
        print(pathlib.Path("/built.txt").read_text(), os.listdir("/late"), os.listdir("/wheels"))
    """
    output = run(server, image, body)
    assert "1.0 tweet ['tiny_bird']" in output
    assert f"{metadata.version('torch')} 2.0 wren and robin /work/bench" in output
    assert "built by wren and robin" in output
    assert output.count(f"['{WHEEL}']") == 2
    again = run(server, image, body)
    assert "built by wren and robin" in again
    assert "RUN" not in again  # found in the cache


def test_a_failing_command_fails_the_build_and_its_output_reaches_the_client(server: LoopbackServer) -> None:
    base = f'modal.Image.debian_slim(python_version="{MINOR}")'
    assert "no luck today" in run(server, f'{base}.run_commands("echo no luck today; exit 3")')
    assert "No matching distribution" in run(
        server, f'{base}.pip_install("no-such-bird", extra_options="--no-index")'
    )


def test_another_python_or_another_torch_is_refused_with_the_reason(server: LoopbackServer) -> None:
    other = "3.12" if MINOR != "3.12" else "3.11"
    output = run(server, f'modal.Image.debian_slim(python_version="{other}")')
    assert f"The image wants Python {other}, but the loopback server runs {MINOR}" in output
    output = run(server, f'modal.Image.debian_slim(python_version="{MINOR}").uv_pip_install("torch==1.0.0")')
    assert "The image asks for torch==1.0.0, but the loopback server links its own torch" in output
    assert "python: images only" in run(
        server, 'modal.Image.from_registry("nvidia/cuda:12.4.0-base-ubuntu22.04")'
    )


def test_what_pip_would_do_is_read_from_a_command() -> None:
    uv = "/.uv/uv pip install --python $(command -v python) --compile-bytecode --prerelease allow 'a[b]>=1' c==2"
    request = PipRequest.parse(uv)
    assert request == PipRequest(options=["--pre"], requirements=["a[b]>=1", "c==2"])
    assert PipRequest.parse("python -m pip install -r /r.txt --index-url https://x/simple") == PipRequest(
        options=["--index-url", "https://x/simple"], files=["/r.txt"]
    )
    assert PipRequest.parse("pip install x && echo done") is None
    assert PipRequest.parse("apt-get install gcc") is None


def test_torch_is_taken_out_of_a_list_and_the_rest_is_pinned_or_not() -> None:
    local = metadata.version("torch")
    rest, torch = PipRequest(
        requirements=[f"torch=={local}", "nvidia-cublas-cu12==1", "triton", "a==1"]
    ).without_torch()
    assert (rest.requirements, torch) == (["a==1"], True)
    assert "--no-deps" in rest.arguments(Path("python"), None)
    assert "--no-deps" not in PipRequest(requirements=["a==1", "b"]).arguments(Path("python"), None)
    assert PipRequest(requirements=["a"]).without_torch()[1] is False
    with pytest.raises(UnmetRequest, match=r"torch<1"):
        PipRequest(requirements=["torch<1"]).without_torch()


def test_copy_follows_dockers_rules_for_folders() -> None:
    from pathlib import PurePosixPath as P

    context = {"/a/one": Path("1"), "/a/two": Path("2"), "/b.txt": Path("b")}
    assert copied_files("a /x", context, P("/")) == {P("/x/one"): Path("1"), P("/x/two"): Path("2")}
    assert copied_files("b.txt /x", context, P("/")) == {P("/x"): Path("b")}
    assert copied_files("b.txt x/", context, P("/w")) == {P("/w/x/b.txt"): Path("b")}
    assert copied_files("/a/* /x/", context, P("/")) == {P("/x/one"): Path("1"), P("/x/two"): Path("2")}
    assert len(copied_files(". /", context, P("/"))) == 3
