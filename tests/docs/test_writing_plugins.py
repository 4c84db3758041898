"""docs/writing-plugins.md, followed from its first block to its last in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from tests.modal_server.running import LoopbackServer

PAGE = Path(__file__).parents[2] / "docs" / "writing-plugins.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


@attrs.frozen
class Followed:
    """What came of following the page: the folder, and what each command printed."""

    folder: Path
    printed: dict[str, str]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory, shared_server: LoopbackServer) -> Followed:
    """Write the page's files and type its commands, in their order; the cloud is the loopback server."""
    folder = tmp_path_factory.mktemp("writing")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MABE_RUNS": "runs",
        **shared_server.environment,
    }
    printed = {}
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "sh":
            for line in text.splitlines():
                done = subprocess.run(
                    line.split(), cwd=folder, env=environment, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, f"{line}\n{done.stderr}"
                printed[line] = done.stdout
        else:
            name, _, further = text.splitlines()[0].removeprefix("# ").partition(", ")
            with (folder / name).open("a" if further else "w", encoding="utf-8") as file:
                file.write(text)
    return Followed(folder, printed)


def test_every_block_is_a_file_or_commands():
    languages = [language for language, _ in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
    assert set(languages) == {"python", "yaml", "sh"}
    assert PAGE.read_text(encoding="utf-8").count("```") == 2 * len(languages)


def test_the_plugin_of_the_page_passes_its_check(followed):
    printed = followed.printed["mabe plugin check ripple.py"]
    assert "model ripple" in printed
    assert "feature speed" in printed
    assert (followed.folder / "ripple.check.json").exists()


def test_the_model_of_the_page_learns(followed):
    assert "macro_f1" in followed.printed["mabe-run ripple.yaml"]
    (run,) = (followed.folder / "runs").iterdir()
    last = json.loads((run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert last["val_macro_f1"] > 0.5


def test_the_test_of_the_page_passes(followed):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_ripple.py"],
        cwd=followed.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_the_model_of_the_page_trains_in_the_cloud_as_the_same_experiment(followed):
    (here,) = (followed.folder / "runs").iterdir()
    assert f"experiment id  {here.name} (finished)" in followed.printed["mabe-run ripple.yaml --cloud"]
