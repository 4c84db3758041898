"""A sampled study: its trials follow from its seed and from what earlier trials brought, resumed or not."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import attrs
import pytest

from mabe_core.errors import UserError
from mabe_core.runs.directory import all_runs
from mabe_core.runs.study import Study, Trial
from mabe_core.studies.expansion import study_id
from mabe_core.studies.sampling import settled, space
from tests.made_runs import all_studies

from .conftest import expanded, opened, state, wait_until

SPACE = """\
  sample:
    trials: 3
    space:
      optimizer.learning_rate: {low: 1e-4, high: 1e-2, log: true}
      model.num_layers: {low: 1, high: 2}
      scheduler: [cosine, null, {name: cosine, min_lr: 1e-4}]
"""
SHORT = (("epochs: 4", "epochs: 2"),)


def study(runs: Path) -> Study:
    (found,) = all_studies(runs)
    return found


def test_a_stopped_study_tries_what_an_undisturbed_one_does(
    mabe, start_mabe, write_study, tmp_path: Path
) -> None:
    file = write_study("  seeds: [0, 1]\n" + SPACE, *SHORT)
    runs, other = tmp_path / "runs", tmp_path / "other"
    running = start_mabe("run", file)
    wait_until(lambda: sum(state(run.path) == "finished" for run in all_runs(runs)) >= 3)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == 143
    assert [trial.state for trial in study(runs).trials] == ["finished", "running"]

    resumed = mabe("run", file)
    assert resumed.code == 0, resumed.err
    assert mabe("run", file, "--runs-dir", other).code == 0

    assert study(runs) == study(other)
    (first, *_) = study(runs).trials
    assert first.settings.keys() == {"optimizer.learning_rate", "model.num_layers", "scheduler"}
    assert len(first.members) == 2
    assert "best of 3 trials, on validation" in resumed.out


def test_more_trials_go_on_with_the_same_study(mabe, write_study, tmp_path: Path) -> None:
    file = write_study(SPACE, *SHORT)
    assert mabe("run", file, "--set", "study.sample.trials=1").code == 0
    grown = mabe("run", file, "--set", "study.sample.trials=2")
    assert grown.out.count("started") == 1
    assert len(study(tmp_path / "runs").trials) == 2


def test_every_draw_is_inside_the_space_and_learns_from_what_came_before(write_study) -> None:
    file = write_study(SPACE)
    drawn_from = space(opened(file))
    trials: list[Trial] = []
    for number in range(40):
        nodes = drawn_from.draw(number, trials)
        assert (
            drawn_from.draw(number, trials)["optimizer.learning_rate"].value
            == nodes["optimizer.learning_rate"].value
        )
        settings = {key: node.plain() for key, node in nodes.items()}
        rate = settings["optimizer.learning_rate"]
        assert 1e-4 <= rate <= 1e-2
        assert settings["model.num_layers"] in (1, 2)
        assert settings["scheduler"] in ("cosine", None, {"name": "cosine", "min_lr": 1e-4})
        trials.append(
            settled(Trial(number=number, settings=settings, members=["a"]), [rate])
        )  # larger is better
    rates = [trial.settings["optimizer.learning_rate"] for trial in trials]
    assert sum(rates[-10:]) > 2 * sum(rates[:10])


def test_one_end_of_a_range_or_a_whole_range_is_set_by_its_own_dotted_key(write_study) -> None:
    file = write_study(SPACE)
    set_ = opened(
        file, "study.sample.space.optimizer.learning_rate.low=1e-3", "study.sample.space.scheduler=null"
    )
    drawn_from = space(set_)
    assert drawn_from.ranges["optimizer.learning_rate"].low == 1e-3
    assert set(drawn_from.draw(0, [])) == {"optimizer.learning_rate", "model.num_layers"}
    shorter = file.with_name("shorter.yaml")
    shorter.write_text(
        file.read_text().replace("scheduler: [cosine, null, {name: cosine, min_lr: 1e-4}]", "")
    )
    dropped = opened(file, "study.sample.space.scheduler=null")
    same = opened(shorter)
    assert study_id(dropped, dropped.members()) == study_id(same, same.members())


def test_an_error_is_made_smaller_and_a_score_larger(write_study) -> None:
    file = write_study(SPACE)
    assert not space(opened(file)).lower_is_better
    assert space(opened(file, "training.monitor=loss")).lower_is_better


def test_a_trial_is_worth_the_mean_of_its_members_and_nothing_where_one_has_no_score() -> None:
    trial = Trial(number=0, settings={}, members=["a", "b"])
    assert settled(trial, [0.25, 0.75]).value == 0.5
    for missing in (None, float("nan")):
        assert settled(trial, [0.5, missing]) == attrs.evolve(trial, state="failed")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{low: 1e-4, high", "{low: 1e-1, high", "study.sample.space.optimizer.learning_rate: `low` is 0.1: it has to be below"),
        ("{low: 1e-4, high", "{low: 0.0, high", "with `log`, `low` has to be above 0, not 0.0"),
        ("{low: 1e-4, high", "{low: -.inf, high", "must be finite"),
        ("{low: 1e-4, high", "{low: 1e-4, hihg", "`high` is missing"),
        ("[cosine, null, {name: cosine, min_lr: 1e-4}]", "[]", "study.sample.space.scheduler: has no choices"),
        ("model.num_layers:", "model.num_layer:", "there is no key `num_layer` in model (transformer). Did you mean 'num_layers'?"),
        ("{low: 1, high: 2}", "{low: -3, high: 2}", "model.num_layers: must be > 0, not -3"),
        ("[cosine, null,", "[cosin, null,", "no scheduler is named 'cosin'"),
        ("trials: 3", "trials: 3\n    sampler: grid", "study.sample.sampler: expects 'tpe' or 'random', not the text 'grid'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_space_is_told(write_study, old: str, new: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        space(opened(write_study(SPACE, (old, new))))
    assert told in str(caught.value)


def test_a_key_that_the_grid_takes_cannot_be_sampled_too(write_study) -> None:
    with pytest.raises(UserError, match="is varied already, by the grid"):
        expanded(write_study("  grid: {scheduler: [cosine]}\n" + SPACE))


def test_without_optuna_it_says_what_to_install(mabe, write_study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    outcome = mabe("run", write_study(SPACE))
    assert outcome.code == 2
    assert "pip install 'mabe-core[sample]'" in outcome.err
