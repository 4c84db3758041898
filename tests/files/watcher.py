"""A plugin file that writes down each event of a run, and what it was given."""

import json

from mabe_core import hookimpl


def note(run, event, **more):
    seen = {"state": run.record["state"], "step": run.record["step"], "attempts": run.record["attempts"]}
    with (run.folder / "seen.jsonl").open("a") as file:
        file.write(json.dumps({"event": event, **seen, **more}) + "\n")


@hookimpl
def mabe_experiment_started(run, earlier):
    note(
        run,
        "started",
        id=run.id,
        name=run.name,
        epochs=[line["epoch"] for line in earlier],
        hidden=run.experiment["model"]["hidden_dim"],
        flat=run.flat(),
    )


@hookimpl
def mabe_checkpoint_saved(checkpoint, run):
    note(run, "saved", whole=(checkpoint / "state.json").exists(), name=checkpoint.name)


@hookimpl
def mabe_epoch_finished(run, metrics):
    note(run, "epoch", metrics=metrics)


@hookimpl
def mabe_experiment_finished(run):
    note(run, "finished", best=run.best.name)


@hookimpl
def mabe_experiment_failed(run):
    note(run, "failed", failure=run.record["failure"])
