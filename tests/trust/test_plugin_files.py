"""A plugin file that came with a run or a model is run once its content was agreed to, and not before."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mabe_core import UserError
from mabe_core.inference.loading import load_model
from mabe_core.trust import UntrustedError, is_trusted
from tests.conftest import FILES, TINY, Outcome

# what a stranger adds: whoever runs the file is told
SIGN = "\nfrom pathlib import Path as _P\n_P({sign!r}).write_text('run')\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an experiment that has a plugin file of its own, and its run below `runs`."""
    folder = tmp_path_factory.mktemp("made")
    plugin = folder / "tiny.py"
    plugin.write_text((FILES / "tiny.py").read_text() + SIGN.format(sign=str(folder / "sign")))
    text = TINY.replace(str(FILES / "tiny.py"), "tiny.py").replace("epochs: 4", "epochs: 1")
    (folder / "tiny.yaml").write_text(text)
    words = ["run", str(folder / "tiny.yaml"), "--runs-dir", str(folder / "runs")]
    subprocess.run([sys.executable, "-m", "mabe_core.cli", *words], check=True, capture_output=True)
    return folder


@pytest.fixture
def sign(made: Path) -> Path:
    """Return the file that is there once the stranger's code was run."""
    (made / "sign").unlink(missing_ok=True)
    for name in [name for name in sys.modules if name.startswith("mabe_local_")]:
        del sys.modules[name]
    return made / "sign"


@pytest.fixture
def here(made: Path, sign: Path, tmp_path: Path) -> str:
    """Return the id of the run, which now is under tmp_path/runs."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    return next(each.name for each in (tmp_path / "runs").iterdir() if each.name.startswith("tiny-"))


@pytest.fixture
def foreign(here: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return the id of the run where nothing is agreed to, as on another machine."""
    monkeypatch.setenv("MABE_TRUSTED", str(tmp_path / "nobody" / "agreed"))
    return here


def sha256_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_run_made_here_is_used_unasked(mabe: Callable[..., Outcome], here: str, sign: Path) -> None:
    for words in (
        ["evaluate", "tiny-", "--part", "train"],
        ["run", "--resume", "tiny-"],
        ["diff", "tiny-", "tiny-"],
    ):
        done = mabe(*words)
        assert done.code == 0, done.err
        assert "--trust" not in done.err
    assert sign.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "{id}"],
        ["evaluate", "{id}", "--part", "train"],
        ["predict", "{id}", "{folder}/pose.csv"],
        ["predict", "{runs}/{id}", "{folder}/pose.csv"],
        ["run", "--resume", "{id}"],
        ["run", "--resume", "{id}", "--fresh"],
        ["run", "{runs}/{id}/experiment.yaml"],
        ["run", "{runs}/{id}/experiment.yaml", "--dry-run"],
        ["run", "{folder}/child.yaml", "--dry-run"],
        ["run", "{folder}/names.yaml", "--dry-run"],
        ["diff", "{id}", "{id}"],
        ["diff", "{runs}/{id}/experiment.yaml", "{id}"],
        ["compare", "{id}"],
        ["evaluate", "{id}", "--data", "{runs}/{id}/experiment.yaml"],
        ["export", "{id}", "-o", "{folder}/exported"],
        ["plugin", "check", "mabe_plugins.synthetic", "--experiment", "{runs}/{id}/experiment.yaml"],
        ["report", "{id}", "-o", "-"],
        ["models", "add", "{id}", "--name", "stranger"],
        ["models", "card", "{id}"],
        ["runs", "--filter", "model=transformer"],
    ],
    ids=lambda words: " ".join(words).replace("{", "").replace("}", ""),
)
def test_no_command_runs_what_came_with_a_run(
    words: list[str], foreign: str, mabe: Callable[..., Outcome], sign: Path, tmp_path: Path
) -> None:
    (tmp_path / "pose.csv").write_text("not looked at\n")
    (tmp_path / "child.yaml").write_text(f"extends: runs/{foreign}/experiment.yaml\nname: child\n")
    (tmp_path / "names.yaml").write_text(
        TINY.replace(str(FILES / "tiny.py"), f"runs/{foreign}/plugins/tiny.py")
    )
    places = {"id": foreign, "runs": str(tmp_path / "runs"), "folder": str(tmp_path)}
    done = mabe(*(word.format(**places) for word in words))
    assert not sign.exists()
    assert "Traceback" not in done.err
    plugin = tmp_path / "runs" / foreign / "plugins" / "tiny.py"
    if words[0] not in ("report", "models", "runs", "compare") and words != ["evaluate", "{id}"]:
        assert done.code == 2
        assert f"error: {plugin}: this plugin file came with a run or a model" in done.err
        assert f"--trust {sha256_of(plugin)}" in done.err


def test_a_record_that_was_left_out_does_not_let_a_run_pass_for_an_experiment(
    foreign: str, mabe: Callable[..., Outcome], sign: Path, tmp_path: Path
) -> None:
    (tmp_path / "runs" / foreign / "record.json").unlink()
    assert mabe("run", "--resume", foreign).code == 2
    assert not sign.exists()


def test_code_that_a_run_names_outside_of_its_folder_is_not_run_either(
    foreign: str, mabe: Callable[..., Outcome], sign: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "runs" / foreign
    (tmp_path / "deep").mkdir()
    (kept / "plugins" / "tiny.py").rename(tmp_path / "deep" / "tiny.py")
    experiment = kept / "experiment.yaml"
    experiment.write_text(experiment.read_text().replace("plugins/tiny.py", "../../deep/tiny.py"))
    done = mabe("evaluate", foreign, "--part", "train")
    assert done.code == 2
    assert "deep/tiny.py: this plugin file came with a run" in done.err
    assert not sign.exists()


def test_agreeing_by_hash_lets_it_run_from_then_on(
    foreign: str, mabe: Callable[..., Outcome], sign: Path, tmp_path: Path
) -> None:
    plugin = tmp_path / "runs" / foreign / "plugins" / "tiny.py"
    assert mabe("evaluate", foreign, "--part", "train", "--trust", "0" * 64).code == 2
    assert not sign.exists()
    done = mabe("evaluate", foreign, "--part", "train", "--trust", sha256_of(plugin))
    assert done.code == 0, done.err
    assert sign.exists()
    assert mabe("evaluate", foreign, "--part", "train").code == 0
    plugin.write_text(plugin.read_text() + "# edited\n")
    done = mabe("evaluate", foreign, "--part", "train")
    assert done.code == 2
    assert sha256_of(plugin) in done.err


def test_half_a_hash_is_no_agreement(foreign: str, mabe: Callable[..., Outcome], tmp_path: Path) -> None:
    plugin = tmp_path / "runs" / foreign / "plugins" / "tiny.py"
    done = mabe("evaluate", foreign, "--part", "train", "--trust", sha256_of(plugin)[:12])
    assert done.code == 2
    assert "64 hex digits" in done.err


def test_models_and_exports_are_agreed_to_likewise(
    foreign: str, mabe: Callable[..., Outcome], sign: Path, tmp_path: Path
) -> None:
    assert mabe("models", "add", foreign, "--name", "stranger").code == 0
    assert mabe("evaluate", "stranger", "--part", "train").code == 2
    kept = tmp_path / "models" / "stranger" / "1"
    with zipfile.ZipFile(tmp_path / "sent.zip", "w") as archive:
        for file in kept.rglob("*"):
            archive.write(file, file.relative_to(kept))
    with zipfile.ZipFile(tmp_path / "sent.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    assert mabe("evaluate", f"{tmp_path}/unpacked", "--part", "train").code == 2
    assert not sign.exists()


def test_python_agrees_by_hash_too(foreign: str, sign: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "runs" / foreign / "plugins" / "tiny.py"
    with pytest.raises(UntrustedError, match=sha256_of(plugin)):
        load_model(foreign, runs_dir=tmp_path / "runs")
    assert not sign.exists()
    load_model(foreign, runs_dir=tmp_path / "runs", trust=[sha256_of(plugin)])
    assert sign.exists()


def test_one_who_is_there_is_asked(foreign: str, sign: Path, tmp_path: Path) -> None:
    assert "run it? [y/N]" in at_terminal(tmp_path, "evaluate", foreign, "--part", "train", answer=b"n\n")
    assert not sign.exists()
    told = at_terminal(tmp_path, "evaluate", foreign, "--part", "train", answer=b"y\n")
    assert "macro_f1" in told
    assert sha256_of(tmp_path / "runs" / foreign / "plugins" / "tiny.py") in told
    assert sign.exists()


def at_terminal(folder: Path, *words: str, answer: bytes) -> str:
    """Run `mabe` at a terminal, answer its question, and return what stood there."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mabe_core.cli", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "MABE_RUNS": str(folder / "runs"), "COLUMNS": "80"},
    )
    os.close(theirs)
    os.write(ours, answer)
    told = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux says so where the other end is closed
            break
        if not piece:
            break
        told += piece
    os.close(ours)
    assert process.wait(60) in (0, 2)
    return told.decode(errors="replace")


def test_where_nothing_can_be_kept_an_agreement_holds_for_the_command(
    foreign: str, mabe: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way\n")
    monkeypatch.setenv("MABE_TRUSTED", str(tmp_path / "file" / "below"))
    monkeypatch.setattr("mabe_core.trust._agreed", set())
    plugin = tmp_path / "runs" / foreign / "plugins" / "tiny.py"
    assert mabe("evaluate", foreign, "--part", "train").code == 2
    assert mabe("evaluate", foreign, "--part", "train", "--trust", sha256_of(plugin)).code == 0


def test_looking_at_a_plugin_agrees_to_nothing(
    foreign: str, mabe: Callable[..., Outcome], tmp_path: Path
) -> None:
    plugin = tmp_path / "runs" / foreign / "plugins" / "tiny.py"
    assert mabe("plugins", "-p", plugin).code == 0
    assert not is_trusted(sha256_of(plugin))
    with pytest.raises(UserError):
        load_model(foreign, runs_dir=tmp_path / "runs")
