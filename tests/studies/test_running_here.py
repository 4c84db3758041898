"""A study run here: what is missing is run, killed and stopped ones go on to the same bits, failures are told."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mabe_core.runs.directory import RunDirectory, all_runs
from mabe_core.runs.study import find
from tests.made_runs import all_studies

from .conftest import expanded, state, wait_until, weights

GRU = Path(__file__).parents[2] / "examples" / "gru" / "gru.py"
# long enough to be killed in the middle
LONG = (("epochs: 4", "epochs: 8"), ("windows_per_epoch: 84", "windows_per_epoch: 240"))
TWO_MODELS = "  seeds: [0, 1, 2]\n  grid:\n    model: [transformer, {name: gru, hidden_dim: 8}]\n"


def records(runs: Path) -> list[str]:
    return [state(run.path) for run in all_runs(runs)]


def held(runs: Path) -> list[RunDirectory]:
    return [run for run in all_runs(runs) if run.is_held()]


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Path]:
    """Return where runs are kept; whatever still trains there at the end is ended."""
    folder = tmp_path / "runs"
    yield folder
    for run in held(folder):
        with contextlib.suppress(OSError, ValueError):
            os.kill(json.loads((run.path / "holder.json").read_text())["pid"], signal.SIGKILL)


def test_killed_twice_it_goes_on_to_the_bits_of_its_members_alone(
    mabe, start_mabe, write_study: Callable[..., Path], tmp_path: Path, runs: Path
) -> None:
    file = write_study(TWO_MODELS, *LONG, ("plugins: [", f"plugins: [{GRU}, "))
    for finished in (0, 2):
        running = start_mabe("run", file, "--jobs", 2)
        wait_until(
            lambda finished=finished: (
                records(runs).count("finished") >= finished
                and any((run.path / "last.json").exists() for run in held(runs))
            )
        )
        running.kill()
        running.wait()
        # whoever trained notices that nobody is there any more
        wait_until(lambda: not held(runs), 20)
        assert records(runs).count("finished") < 6

    outcome = mabe("run", file, "--jobs", 2)

    assert outcome.code == 0, outcome.err
    members = expanded(file)
    assert {run.id for run in all_runs(runs)} == {member.id for member in members}
    assert records(runs) == ["finished"] * 6
    for member in members:
        alone = tmp_path / "alone" / member.id
        copy = runs / member.id / "experiment.yaml"
        assert mabe("run", copy, "--runs-dir", alone.parent).code == 0
        assert weights(runs / member.id) == weights(alone)


def test_no_member_trains_on_once_whoever_started_it_is_killed(start_mabe, write_study, runs: Path) -> None:
    running = start_mabe("run", write_study("  seeds: [0, 1]\n", ("epochs: 4", "epochs: 9999")), "--jobs", 2)
    wait_until(lambda: sum((run.path / "last.json").exists() for run in held(runs)) == 2)
    running.kill()
    running.wait()
    wait_until(lambda: not held(runs), 20)
    assert records(runs) == ["interrupted"] * 2


def test_growing_trains_what_is_new_alone(mabe, write_study: Callable[..., Path], runs: Path) -> None:
    file = write_study(TWO_MODELS.replace(", 2]", "]"), ("plugins: [", f"plugins: [{GRU}, "))
    assert mabe("run", file, "--jobs", 2).code == 0
    before = {run.id: (run.path / "record.json").stat().st_mtime_ns for run in all_runs(runs)}
    grown = mabe("run", file, "--set", "study.seeds=[0, 1, 2]", "--jobs", 2)
    assert "6 experiments, 4 finished" in grown.out
    assert grown.out.count("started") == 2
    assert {
        run.id: (run.path / "record.json").stat().st_mtime_ns for run in all_runs(runs)
    }.items() > before.items()
    assert [len(study.members) for study in all_studies(runs)] in ([4, 6], [6, 4])


def test_ctrl_c_saves_all_members_and_the_id_goes_on(start_mabe, mabe, write_study, runs: Path) -> None:
    file = write_study("  seeds: [0, 1, 2]\n", ("epochs: 4", "epochs: 20"), LONG[1])
    running = start_mabe("run", file, "--jobs", 2)
    wait_until(lambda: sum((run.path / "last.json").exists() for run in held(runs)) == 2)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "is stopped; what was going on is saved" in told
    assert records(runs) == ["interrupted"] * 2
    resumed = mabe("run", "--resume", "tiny")
    assert resumed.code == 0, resumed.err
    assert "3 experiments, 0 finished" in resumed.out
    assert records(runs) == ["finished"] * 3


def test_two_at_once_share_the_work(start_mabe, write_study, runs: Path) -> None:
    file = write_study("  seeds: [0, 1, 2]\n", *LONG)
    both = [start_mabe("run", file) for _ in range(2)]
    told = [running.communicate(timeout=120) for running in both]
    assert [running.returncode for running in both] == [0, 0], told
    assert records(runs) == ["finished"] * 3
    attempts = [json.loads((run.path / "record.json").read_text())["attempts"] for run in all_runs(runs)]
    assert attempts == [1, 1, 1]


def test_a_member_that_fails_is_told_at_the_end_and_stops_no_other(mabe, write_study, runs: Path) -> None:
    file = write_study(
        "  grid: {optimizer.learning_rate: [1e-2, 1e30, 1e-3]}\n",
        ("  batch_size: 8", "  batch_size: 8\n  grad_clip: null"),
    )
    outcome = mabe("run", file)
    assert outcome.code == 1
    assert sorted(records(runs)) == ["failed", "finished", "finished"]
    assert "failed: the loss became nan" in outcome.err
    assert outcome.err.startswith("error: tiny-")


@pytest.mark.parametrize(
    ("folds", "told"),
    [
        ("5", "there are 4 recordings: too few for 5 folds."),
        ("{number: 2, by: subject}", "recording 'tiny0' has no 'subject' to group by. Valid: recording."),
    ],
)
def test_a_split_that_cannot_work_is_told_once_before_any_member_starts(
    mabe, write_study, runs: Path, folds: str, told: str
) -> None:
    file = write_study(
        f"  seeds: [0, 1]\n  folds: {folds}\n",
        ("  sequence_length: 16", "  split: recordings\n  sequence_length: 16"),
    )
    outcome = mabe("run", file)
    assert outcome.code == 2
    line = file.read_text().splitlines().index(f"  folds: {folds}") + 1
    assert outcome.err == f"error: {file}:{line}: data.split: {told}\n"
    assert not runs.exists()


def test_the_process_of_a_member_that_dies_is_told(start_mabe, write_study, runs: Path) -> None:
    running = start_mabe("run", write_study("  seeds: [0]\n", *LONG))
    wait_until(lambda: any((run.path / "last.json").exists() for run in held(runs)))
    (run,) = held(runs)
    os.kill(json.loads((run.path / "holder.json").read_text())["pid"], signal.SIGKILL)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "its process ended by signal 9; what was saved stays" in told


def test_a_dry_run_tells_members_and_how_they_stand(mabe, write_study, runs: Path) -> None:
    file = write_study("  seeds: [0, 1]\n")
    one, two = expanded(file)
    assert mabe("run", file, "--set", "study.seeds=[0]").code == 0
    outcome = mabe("run", file, "--dry-run")
    rows = {line.split()[0]: line.split()[1:] for line in outcome.out.splitlines() if line.startswith("tiny")}
    assert rows[one.id] == ["finished", "4/4", "0"]
    assert rows[two.id] == ["new", "1"]
    assert "2 experiments, 1 finished, 1 to run" in outcome.out
    assert "with --cloud: 1 experiment on one T4, for at most 2h, the most that it can cost" in outcome.out
    all_of_it = " ".join(mabe("run", file, "--dry-run", "--fresh").out.split())
    assert "with --cloud: 2 experiments on T4s, 10 at once, for at most 2h each: 4 hours in all" in all_of_it
    assert [run.id for run in all_runs(runs)] == [one.id]


def test_fresh_trains_all_again_and_keeps_the_old_runs(mabe, write_study, runs: Path) -> None:
    file = write_study("  seeds: [0, 1]\n")
    assert mabe("run", file).code == 0
    assert mabe("run", file, "--fresh").out.count("started") == 2
    assert len(list(runs.glob("*.aside-*"))) == 2


def test_what_the_study_sets_cannot_be_set(mabe, write_study) -> None:
    file = write_study("  seeds: [0, 1]\n")
    outcome = mabe("run", file, "--set", "seed=3")
    assert outcome.code == 2
    assert "--set seed=3: the study sets seed, in all its experiments" in outcome.err
    plain = file.with_name("plain.yaml")
    plain.write_text(file.read_text().partition("study:")[0])
    assert "--jobs and --max-containers go with a study" in mabe("run", plain, "--jobs", "2").err


def test_several_at_once_share_the_cores_unless_the_user_says_otherwise(
    mabe, write_study, monkeypatch: pytest.MonkeyPatch, runs: Path
) -> None:
    file = write_study("  seeds: [0, 1]\n")
    monkeypatch.setattr("mabe_core.studies.place.machine", lambda: {"cores": 2})
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert "2 at once, one CPU thread each" in mabe("run", file, "--jobs", 2).out
    threads = [
        json.loads((run.path / "record.json").read_text())["auto"]["threads"] for run in all_runs(runs)
    ]
    assert threads == [1, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert "CPU thread" not in mabe("run", file, "--fresh", "--jobs", 2).out


def test_study_json_tells_members_and_runs_again(mabe, write_study, runs: Path) -> None:
    file = write_study("  seeds: [0, 1]\n  grid: {model.hidden_dim: [8]}\n")
    assert mabe("run", file).code == 0
    (study,) = all_studies(runs)
    assert study.axes == ["model.hidden_dim", "seed"]
    assert [(member.id, member.settings) for member in study.members] == [
        (member.id, dict(member.settings)) for member in expanded(file)
    ]
    assert find(runs, study.id[:12]) == study
    assert study.id not in mabe("runs").out
    Path(file).unlink()
    assert "nothing is missing" in mabe("run", "--resume", study.id).out
    plugin = runs / study.id / "plugins" / "tiny.py"
    plugin.write_text(plugin.read_text() + "\n# edited\n")
    assert "was edited" in mabe("run", "--resume", study.id).err
