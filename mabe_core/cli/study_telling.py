"""What is told of a study, here and in the cloud: its members, what came of it, which failed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from mabe_core.cli import say_error
from mabe_core.cloud.outcome import Outcome
from mabe_core.comparing.table import listed
from mabe_core.errors import RunError
from mabe_core.experiment.cloud import in_words
from mabe_core.experiment.text import inline_text
from mabe_core.reports.console import console
from mabe_core.runs.study import Trial
from mabe_core.studies.keeping import KeptStudy
from mabe_core.studies.sampling import Space, lower_is_better
from mabe_core.studies.summary import Row, best_trial, means_table, members_table


def experiments(number: int) -> str:
    """Return how many experiments, in words."""
    return "1 experiment" if number == 1 else f"{number} experiments"


def most_cost(kept: KeptStudy, missing: int, most: int) -> str:
    """Return the most that the missing members can cost, in time of what is rented."""
    cloud = kept.file.experiment.cloud
    hours = f"{missing * cloud.total_seconds / 3600:g} hours"
    limit = in_words(cloud.total_seconds)
    if missing == 1:
        gpu = "a machine without a GPU" if cloud.gpu == "none" else f"one {cloud.gpu}"
        return f"1 experiment on {gpu}, for at most {limit}, the most that it can cost (modal.com/pricing)"
    gpu = "machines without a GPU" if cloud.gpu == "none" else f"{cloud.gpu}s"
    return (
        f"{experiments(missing)} on {gpu}, {most} at once, for at most {limit} each: {hours} in all, the "
        "most that it can cost (modal.com/pricing)"
    )


def tell_members(kept: KeptStudy, rows: Sequence[Row], missing: int) -> None:
    """Say which members there are, and how many are to be run."""
    done = sum(stands.state == "finished" for _, stands in rows)
    console().print(members_table(rows))
    console().print(f"\n{kept.id}: {experiments(len(rows))}, {done} finished, {missing} to run")


def tell_trials(kept: KeptStudy, space: Space, trials: Sequence[Trial]) -> None:
    """Say how many trials there are, and how many are done."""
    done = sum(trial.state == "finished" for trial in trials)
    each = experiments(kept.file.plan.size)
    sample = space.sample
    console().print(f"{kept.id}: {sample.trials} trials by {sample.sampler}, each of {each}; {done} finished")


def tell_means(kept: KeptStudy, rows: Sequence[Row]) -> None:
    """Show the mean of each setting, where more than one member is finished."""
    finished = [row for row in rows if row[1].state == "finished"]
    if len(finished) > 1:
        console().print()
        experiment = kept.file.experiment
        monitor = experiment.training.monitor
        errors = lower_is_better(experiment)
        console().print(means_table(finished, monitor, lower_is_better=monitor in errors))


def tell_best(kept: KeptStudy, space: Space, trials: Sequence[Trial]) -> None:
    """Show the best trial, and the words that run it by itself."""
    best = best_trial(trials, lower_is_better=space.lower_is_better)
    if best is None:
        return
    settings = [f"{key}={inline_text(value)}" for key, value in best.settings.items()]
    console().print(
        f"\nbest of {len(trials)} trials, on validation: number {best.number}, "
        f"{kept.file.experiment.training.monitor} {best.value:.4f}\n"
        f"{shlex.join([word for each in settings for word in ('--set', each)])}",
        soft_wrap=True,
    )


def tell_end(kept: KeptStudy, outcomes: Mapping[str, Outcome]) -> int:
    """Tell which members failed, alike ones together, and the study's id; return the exit status."""
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for member_id, outcome in outcomes.items():
        if outcome.state != "finished":
            alike.setdefault((outcome.state, tuple(outcome.problems)), []).append(member_id)
    for (state, lines), ids in alike.items():
        several = f"{len(ids)} members ({listed(ids)})" if len(ids) > 1 else ids[0]
        verb = "are" if len(ids) > 1 else "is"
        how = "failed" if state == "failed" else f"{verb} not finished: {state}"
        first, *more = lines or ("",)
        say_error(RunError("\n".join([f"{several} {how}{': ' if first else ''}{first}", *more])))
    console().print(f"\nstudy id  {kept.id}")
    return 1 if alike else 0
