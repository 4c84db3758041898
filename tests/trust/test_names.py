"""Whatever a Volume, an archive or a person names: nothing is written or read outside of its folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from mabe_core.cloud.manifest import belongs, parse_manifest
from mabe_core.cloud.pulling import pull
from mabe_core.cloud.service import Entry
from mabe_core.errors import RunError, UserError
from mabe_core.models.entry import parse_entry
from mabe_core.runs.study import Member, Study, as_json, parse_study, read_study
from mabe_core.studies.on_volume import bring_study, get_study
from tests.conftest import Outcome

RUN, STUDY = "tiny-0123456789", "rats-0123456789"

HOSTILE_IDS = [
    *("../x-0123456789", "..", ".", "/etc/passwd", "a/b", "a\\b", "x-0123456789/../..", "C:x-0123456789"),
    *(
        "tiny-0123456789\n",
        "tiny-0123456789\0",
        "con",
        "\x1b[2J",
        "-x",
        "~root",
        "tiny-٠١٢٣٤٥٦٧٨٩",
        "A-0123456789",
    ),
]
HOSTILE_FILES = [
    *("../evil.py", "plugins/../evil.py", "plugins/../../evil.py", "/etc/evil.py", "plugins/..\\..\\evil.py"),
    *("C:\\evil.py", "plugins/C:evil.py", "plugins/.hidden.py", "plugins/deep/evil.py", "plugins/x.py/evil"),
    *("plugins/con.py", "plugins/NUL.py", "plugins/com1.py", "plugins/LPT9.tar.py", "plugins/aux .py"),
    *("plugins/a\x1b[2J.py", "plugins/a\u202e.py", "plugins/a?.py", "plugins/a\n.py", "plugins/x.sh"),
    *("checkpoints/step-00000001/evil.py", "checkpoints/../../x", "checkpoints/step-٠٠٠٠٠٠٠١/state.json"),
    *(
        "tensorboard/../x",
        ".bashrc",
        ".lock",
        "",
        ".",
        "..",
        "record.json/x",
        "RECORD.JSON",
        "plugins/x.py\0",
    ),
]


@attrs.define
class FakeFiles:
    """A volume that lists and holds whatever it is told to."""

    contents: dict[str, bytes]

    def list(self, folder: str, *, recursive: bool = False) -> list[Entry]:
        inside = [path for path in self.contents if path.startswith(f"{folder}/")]
        return [Entry(path, len(self.contents[path]), False) for path in inside]

    def read(self, path: str) -> bytes | None:
        return self.contents.get(path)

    def download(self, path, file, progress) -> None:
        for start in range(0, len(self.contents[path]), 1000):
            progress(file.write(self.contents[path][start : start + 1000]))

    def upload(self, files, *, replace: bool) -> None:
        raise AssertionError("nothing is sent")


def all_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def listed(contents: dict[str, bytes]) -> bytes:
    files = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    return json.dumps({"files": files}).encode()


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_a_pull_writes_nothing_but_the_files_of_a_run(name: str, tmp_path: Path) -> None:
    assert not belongs(name)
    contents = {"record.json": b"{}", name: b"evil"}
    volume = FakeFiles({f"runs/{RUN}/{each}": content for each, content in contents.items()})
    volume.contents[f"runs/{RUN}/manifest.json"] = listed(contents)
    pull(volume, RUN, tmp_path / "deep" / "runs", ["all"], force=False, told=lambda *_: None)
    assert all_below(tmp_path) <= {
        f"deep/runs/{RUN}/record.json",
        f"deep/runs/{RUN}/manifest.json",
        f"deep/runs/{RUN}/.lock",
    }


def test_names_that_are_one_file_elsewhere_are_refused(tmp_path: Path) -> None:
    for one, other in (("a.py", "A.py"), ("é.py", "e\u0301.py")):
        manifest = json.loads(listed({f"plugins/{one}": b"1", f"plugins/{other}": b"2"}))
        assert parse_manifest(manifest) is None
        volume = FakeFiles({f"studies/{STUDY}/plugins/{name}": b"" for name in (one, other)})
        with pytest.raises(UserError, match="cannot be kept here"):
            bring_study(volume, study(), tmp_path / "runs")
    assert all_below(tmp_path) == set()


def test_a_file_that_is_longer_than_the_manifest_says_does_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mabe_core.cloud.pulling.PAUSE", 0)
    volume = FakeFiles({f"runs/{RUN}/manifest.json": listed({"record.json": b"{}"})})
    volume.contents[f"runs/{RUN}/record.json"] = b"x" * 5_000_000
    with pytest.raises(RunError, match="changes faster than it can be read"):
        pull(volume, RUN, tmp_path, ["all"], force=False, told=lambda *_: None)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 10_000


def study(**changes: object) -> Study:
    members = (Member(id=RUN, settings={}),)
    whole = Study(id=STUDY, name="rats", description="", axes=[], members=members, text="name: rats\n")
    return attrs.evolve(whole, **changes)


@pytest.mark.parametrize("word", HOSTILE_IDS)
def test_a_study_of_a_volume_names_no_folder_but_its_own(word: str, tmp_path: Path) -> None:
    for hostile in (study(id=word), study(members=(Member(id=word, settings={}),))):
        content = json.dumps(as_json(hostile)).encode()
        with pytest.raises(UserError, match="is damaged"):
            get_study(FakeFiles({f"studies/{STUDY}/study.json": content}), STUDY)
        (tmp_path / STUDY).mkdir(exist_ok=True)
        (tmp_path / STUDY / "study.json").write_bytes(content)
        with pytest.raises(UserError, match="is damaged"):
            read_study(tmp_path / STUDY)


def test_a_study_of_another_name_is_not_that_study() -> None:
    with pytest.raises(UserError, match="is damaged"):
        parse_study(as_json(study()), "study.json", "cats-0123456789")


@pytest.mark.parametrize("name", ["..\\evil.py", "con.py", "..", "evil.sh", ".x.py", "a\x1b.py"])
def test_plugin_files_of_a_study_stay_in_its_folder(name: str, tmp_path: Path) -> None:
    volume = FakeFiles({f"studies/{STUDY}/plugins/{name}": b"evil"})
    with pytest.raises(UserError, match="cannot be kept here"):
        bring_study(volume, study(), tmp_path / "runs")
    assert all_below(tmp_path) == set()


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_an_entry_names_the_files_of_a_model_and_no_others(name: str) -> None:
    model = "0" * 64
    files = {
        "experiment.yaml": model,
        "record.json": model,
        "checkpoints/step-00000001/model.safetensors": model,
    }
    entry = {"format": 1, "run": RUN, "checkpoint": "step-00000001", "chosen": "best", "model": model}
    assert parse_entry({**entry, "files": files}, "entry.json").run == RUN
    with pytest.raises(UserError, match="no part of a model"):
        parse_entry({**entry, "files": {**files, name: model}}, "entry.json")


COMMANDS = [
    *(
        ["report", "{}"],
        ["evaluate", "{}"],
        ["run", "--resume", "{}"],
        ["compare", "{}"],
        ["diff", "{}", "{}"],
    ),
    *(
        ["models", "add", "{}", "--name", "x"],
        ["models", "promote", "{}", "best"],
        ["models", "history", "{}"],
    ),
    *(["models", "add", RUN, "--name", "{}"], ["models", "add", RUN, "--name", "x", "--checkpoint", "{}"]),
    *(["models", "remove", "{}", "--yes"], ["watch", "{}", "--once"], ["predict", "{}", "x.csv"]),
    *(["export", "{}", "-o", "out"], ["models", "card", "{}"]),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_refuses_ids_that_are_none(
    words: list[str], mabe: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs" / RUN).mkdir(parents=True)
    (tmp_path / "runs" / RUN / "record.json").write_text("{}")
    (tmp_path / "x-0123456789").mkdir()
    (tmp_path / "x-0123456789" / "record.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "runs")
    for word in HOSTILE_IDS:
        done = mabe(*(each.replace("{}", word) for each in words))
        assert done.code == 2, (word, done)
        assert "Traceback" not in done.err
        assert "\x1b[2J" not in done.err + done.out
    assert {path.name for path in tmp_path.iterdir()} <= {"runs", "models", "x-0123456789"}
    assert not list((tmp_path / "models").rglob("*.json"))


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_links_that_lead_out_of_a_run_are_not_handed_on(
    mabe: Callable[..., Outcome], tmp_path: Path, tiny: Path
) -> None:
    assert mabe("run", tiny, "--set", "training.epochs=1").code == 0
    (run,) = (tmp_path / "runs").glob("tiny-*")
    secret = tmp_path / "id_rsa"
    secret.write_text("a key of this person")
    (run / "plugins" / "notes.py").symlink_to(secret)
    done = mabe("models", "add", run.name, "--name", "leaky")
    assert done.code == 2
    assert "notes.py is a link that leads out of the run" in done.err
    assert mabe("export", run.name, "-o", tmp_path / "out", "--no-onnx").code == 2
    assert not any(
        "a key of" in file.read_text(errors="replace") for file in (tmp_path / "models").rglob("*.py")
    )
