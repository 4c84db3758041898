"""`mabe run --cloud`: send an experiment to the cloud, or find it there."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from mabe_core.cli.cloud import connect, follow, tell_detached, tell_results
from mabe_core.experiment import Experiment
from mabe_core.registry import Registry


def run_in_cloud(experiment: Experiment, registry: Registry, *, fresh: bool, detach: bool) -> int:
    """Launch an experiment and show its progress, unless `detach`; return the exit status."""
    from mabe_core.cloud.packing import pack
    from mabe_core.cloud.submitting import submit
    from mabe_core.experiment.cloud import in_words
    from mabe_core.reports.console import console

    cloud = experiment.cloud
    place = connect(cloud.volume, cloud.profile)
    account = place.account
    screen = console()
    with tempfile.TemporaryDirectory() as folder:
        packed = pack(experiment, registry, Path(folder), fresh=fresh)
        run_id = packed.request.id
        most = min(cloud.total_seconds, cloud.attempt_seconds * (packed.request.retries + 1))
        screen.print(
            f"{run_id}, in the cloud: {_machine(cloud.gpu)} for at most {in_words(most)} in all, the most "
            f"that it can cost (modal.com/pricing); app {cloud.app}, volume {cloud.volume}"
        )
        try:
            submitted = submit(account, packed, account.launch, screen.print)
        except KeyboardInterrupt:
            claim = place.claims().current(run_id)
            if claim is not None and claim.token == packed.request.token and claim.started is not None:
                tell_detached(place, run_id)
            else:
                click.echo("\nnothing was started in the cloud", err=True)
            return 130
    if submitted.claim is None:
        screen.print(f"{run_id} is finished in the cloud; `--fresh` trains it again")
        tell_results(place, run_id, "finished")
        return 0
    if submitted.state == "running":
        screen.print(f"{run_id} runs already, since {submitted.claim.launched} from {submitted.claim.host}")
    if detach:
        tell_detached(place, run_id)
        return 0
    return follow(place, submitted.claim)


def _machine(gpu: str) -> str:
    if gpu == "none":
        return "a machine without a GPU"
    name, _, count = gpu.partition(":")
    return f"{count or 'one'} {name}"
