"""Models under names: versions that stay, aliases that move, and a history that tells both."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mabe_core.errors import UserError
from mabe_core.models.adding import check
from mabe_core.models.folder import ModelFolder
from mabe_core.models.of_study import best_member
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.study import Member, Study, write_study
from tests.made_runs import made_run, write_record

PROMOTE = """\
import sys
from pathlib import Path
from mabe_core.models.folder import ModelFolder
from mabe_core.models.naming import promote

models = ModelFolder(Path(sys.argv[1]))
for _ in range(int(sys.argv[3])):
    promote(models, sys.argv[2], "best")
"""


@pytest.fixture
def rats(mabe, runs, tmp_path: Path) -> ModelFolder:
    """Return a registry with two versions of one name."""
    for run in runs:
        assert mabe("models", "add", run.name, "--name", "rats").code == 0
    return ModelFolder(tmp_path / "models")


def listed(mabe) -> dict[str, list[str]]:
    rows = json.loads(mabe("models", "--json").out)
    return {f"{row['name']}@{row['number']}": row["aliases"] for row in rows}


def test_a_run_is_kept_by_itself_under_the_next_version_of_a_name(mabe, runs, tmp_path):
    outcome = mabe(
        "models", "add", runs[0].name, "--name", "rats", "--alias", "best", "--description", "first"
    )
    assert outcome.code == 0, outcome.err
    assert "rats@best is rats@1" in outcome.out
    kept = tmp_path / "models" / "rats" / "1"
    model = next(runs[0].glob("checkpoints/*/model.safetensors")).name
    assert {path.name for path in kept.rglob("*") if path.is_file()} == {
        "entry.json", "experiment.yaml", "record.json", "scores.json", "state.json", "tiny.py", model,
    }  # fmt: skip
    assert "step-" in mabe("models", "add", runs[1].name, "--name", "rats").out
    assert listed(mabe) == {"rats@1": ["best"], "rats@2": []}
    shown = mabe("models").out
    assert "macro_f1" in shown
    assert "first" in shown


def test_the_same_checkpoint_is_not_added_twice(mabe, rats, runs):
    outcome = mabe("models", "add", runs[0].name, "--name", "rats", "--alias", "again")
    assert "was there already as rats@1" in outcome.out
    assert listed(mabe) == {"rats@1": ["again"], "rats@2": []}


def test_promoting_moves_an_alias_and_alias_alone_does_not(mabe, rats):
    assert mabe("models", "alias", "rats@1", "paper").code == 0
    refused = mabe("models", "alias", "rats@2", "paper")
    assert refused.code == 2
    assert "`mabe models promote rats@2 paper` moves it" in refused.err
    assert "rats@paper is rats@2 (was rats@1)" in mabe("models", "promote", "rats@2", "paper").out
    assert listed(mabe) == {"rats@1": [], "rats@2": ["paper"]}
    assert mabe("models", "alias", "rats", "paper", "--remove").code == 0
    assert listed(mabe) == {"rats@1": [], "rats@2": []}


def test_of_a_study_the_member_is_kept_that_is_best_on_validation(mabe, runs):
    members = [Member(id=run.name, settings={"seed": seed}) for run, seed in zip(runs, (7, 8), strict=True)]
    study = Study(
        id="tiny-00000000aa", name="tiny", description="", axes=["seed"], members=tuple(members), text=""
    )
    write_study(runs[0].parent, study)
    for best in (0, 1):
        for number, run in enumerate(runs):
            write_record(RunDirectory(run), best=0.9 if number == best else 0.4)
        told = mabe("models", "add", study.id, "--name", f"rats{best}")
        assert told.code == 0, told.err
        assert f"best of its runs on validation is {runs[best].name}: 0.9000" in told.out
        (kept,) = json.loads(mabe("models", "--json").out)[best:]
        assert kept["run"] == runs[best].name


def test_of_a_grid_the_setting_is_kept_whose_mean_is_best_and_unfinished_members_have_no_say(tmp_path):
    def member(name: str, dim: int, seed: int, best: float | None, **record):
        run = made_run(tmp_path, f"model.hidden_dim={dim}", f"seed={seed}", best=best, **record)
        return Member(id=run.id, settings={"model.hidden_dim": dim, "seed": seed})

    def kept(*members: Member):
        made = Study(id="m-00000000aa", name="m", description="", axes=[], members=members, text="")
        return best_member(made, tmp_path)

    narrow = [member("narrow", 8, 0, 0.5), member("narrow", 8, 1, 0.6)]
    wide = [member("wide", 16, 0, 0.1), member("wide", 16, 1, 0.9)]
    found = kept(*narrow, *wide)
    assert found.member == narrow[1]
    assert found.told[0] == "best on validation is hidden_dim=8: macro_f1 0.5500, the mean of 2 runs"
    failed = member("failed", 32, 0, 0.99, state="failed")
    with_failed = kept(*narrow, failed)
    assert with_failed.member == narrow[1]
    assert with_failed.told[-1] == "1 of the 3 members are not finished, and had no say"
    with pytest.raises(UserError, match="no member of m-00000000aa is finished"):
        kept(failed)
    other = member("other", 64, 0, 0.7, monitor="accuracy")
    with pytest.raises(UserError, match=r"chosen by different scores \(accuracy and macro_f1\)"):
        kept(*narrow, other)
    losses = [member("a", 8, 2, 0.5, monitor="loss"), member("b", 16, 2, 0.4, monitor="loss")]
    assert kept(*losses).member == losses[1]


def test_the_history_tells_every_change_in_its_order(mabe, rats):
    mabe("models", "promote", "rats@1", "best")
    mabe("models", "describe", "rats@1", "for the paper")
    mabe("models", "promote", "rats@2", "best")
    events = json.loads(mabe("models", "history", "rats", "--json").out)
    assert [event["what"] for event in events] == ["added", "added", "promoted", "described", "promoted"]
    assert (events[-1]["before"], events[-1]["version"]) == (1, 2)
    of_alias = json.loads(mabe("models", "history", "rats@best", "--json").out)
    assert [event["version"] for event in of_alias] == [1, 2]
    assert "rats@best is rats@2 (was rats@1)" in mabe("models", "history", "rats").out


def test_a_removed_versions_number_is_never_used_again(mabe, rats, runs):
    mabe("models", "promote", "rats@2", "best")
    assert mabe("models", "remove", "rats@2", "--yes").code == 0
    assert not rats.entry("rats", 2).exists()
    assert listed(mabe) == {"rats@1": []}
    assert "is rats@3" in mabe("models", "add", runs[1].name, "--name", "rats").out
    assert "no longer there" in mabe("models", "promote", "rats@2", "best").err


def test_removing_asks_first_and_wants_a_version(mabe, rats, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert mabe("models", "remove", "rats@2").code == 130
    assert "say which version" in mabe("models", "remove", "rats", "--yes").err
    assert len(listed(mabe)) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["add", "tiny", "--name", "Rats!"], "lower case letters"),
        (["add", "tiny", "--name", "../out"], "lower case letters"),
        (["add", "tiny", "--name", "tiny-0123456789"], "looks like an experiment id"),
        (["add", "tiny", "--name", "rats"], "fits several"),
        (["promote", "rats@1", "3"], "an alias is"),
        (["promote", "rats@9", "best"], "version 9 of rats was never there; there are: 1, 2"),
        (["promote", "rast@1", "best"], "Did you mean 'rats'?"),
        (["promote", "rats@bset", "x"], "has no alias 'bset'"),
        (["history", "nothing"], "named 'nothing'"),
        (["--cloud", "history", "rats"], "say --cloud after the command"),
    ],
)
def test_a_mistake_is_told(mabe, rats, words, told):
    outcome = mabe("models", *words)
    assert outcome.code == 2
    assert told in outcome.err
    assert len(listed(mabe)) == 2


def test_a_changed_a_missing_and_a_left_file_are_told(mabe, rats):
    assert mabe("models", "check").code == 0
    folder = rats.entry("rats", 1)
    (folder / "experiment.yaml").write_text("name: other\n")
    (folder / "plugins" / "tiny.py").unlink()
    (rats.path / "rats" / "7").mkdir()
    outcome = mabe("models", "check", "rats")
    assert outcome.code == 1
    assert "experiment.yaml was changed" in outcome.err
    assert "tiny.py is missing" in outcome.err
    assert "version 7 was never added" in outcome.err


def test_a_damaged_name_hides_no_other_and_check_tells_what_is_wrong(mabe, rats, runs):
    assert mabe("models", "add", runs[0].name, "--name", "mice").code == 0
    history = rats.path / "rats" / "history"
    (history / "000002.json").write_text("{")
    outcome = mabe("models")
    assert outcome.code == 1
    assert "mice@1" in outcome.out
    assert "000002.json is damaged" in outcome.err
    assert "mabe models check" in outcome.err
    (history / "000001.json").unlink()
    told = mabe("models", "check")
    assert told.code == 1
    assert "000001.json is missing" in told.err
    assert "000002.json is damaged" in told.err


def test_what_a_terminal_would_obey_is_not_shown(mabe, rats):
    outcome = mabe("models", "describe", "rats@1", "calm \x1b[31mred\x07 rats")
    shown = outcome.out + mabe("models").out + mabe("models", "history", "rats").out
    assert shown.count("calm [31mred rats") == 3
    assert "\x1b" not in shown


def test_a_version_and_an_export_are_added_under_another_name(mabe, rats, tmp_path):
    assert mabe("models", "add", "rats@2", "--name", "paper").code == 0
    assert mabe("export", "rats@1", "-o", tmp_path / "given", "--no-onnx").code == 0
    assert mabe("models", "add", tmp_path / "given", "--name", "paper").code == 0
    assert set(listed(mabe)) == {"rats@1", "rats@2", "paper@1", "paper@2"}
    assert rats.read("paper").version(1).model == rats.read("rats").version(2).model
    assert mabe("models", "check").code == 0
    outcome = mabe("models", "add", "rats@2", "--name", "paper", "--checkpoint", "last")
    assert outcome.code == 2
    assert "rats@2 is one checkpoint" in outcome.err


def test_a_study_is_told_with_its_members(mabe, runs):
    member = Member(id=runs[0].name, settings={"seed": 7})
    study = Study(
        id="seeds-0123456789", name="seeds", description="", axes=["seed"], members=(member,), text=""
    )
    write_study(runs[0].parent, study)
    outcome = mabe("models", "card", "seeds")
    assert outcome.code == 2
    assert f"seeds-0123456789 is a study of 1 run: name one of them ({runs[0].name})" in outcome.err


def test_two_processes_that_promote_at_once_lose_nothing(rats):
    with start(rats, 1, 200) as first, start(rats, 2, 200) as second:
        assert [process.wait(timeout=300) for process in (first, second)] == [0, 0]
    whole(rats, 400)


def test_writers_that_are_killed_damage_nothing(rats):
    with start(rats, 2, 300) as other:
        for times in range(1, 6):
            with start(rats, 1, 100_000) as killed:
                while sum(event.version == 1 for event in rats.history("rats")) < 20 * times:
                    time.sleep(0.02)
                killed.send_signal(signal.SIGKILL)
        assert other.wait(timeout=300) == 0
    with start(rats, 2, 1) as last:  # whoever writes next clears what a killed one left
        assert last.wait(timeout=60) == 0
    promoted = [event for event in rats.history("rats") if event.what == "promoted"]
    assert sum(event.version == 2 for event in promoted) == 301
    whole(rats, len(promoted))
    assert not list(rats.path.rglob(".*.tmp"))


def start(rats: ModelFolder, version: int, times: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PROMOTE, str(rats.path), f"rats@{version}", str(times)])


def whole(rats: ModelFolder, promotions: int) -> None:
    """Assert that a history has every promotion, each told with what it replaced, and files are as added."""
    events = [event for event in rats.history("rats") if event.what == "promoted"]
    assert len(events) == promotions
    assert [event.before for event in events] == [None, *(event.version for event in events[:-1])]
    assert rats.read("rats").aliases == {"best": events[-1].version}
    assert {event.version for event in events} == {1, 2}
    assert check(rats, "rats") == []


def test_an_event_without_versions_is_of_a_name_that_has_none(rats, mabe):
    file = rats.path / "rats" / "history" / "000002.json"
    event = json.loads(file.read_text())
    del event["after"]["versions"]
    file.write_text(json.dumps(event))
    outcome = mabe("predict", "rats", "x.csv")
    assert (outcome.code, "has no version left" in outcome.err) == (2, True), outcome.err
