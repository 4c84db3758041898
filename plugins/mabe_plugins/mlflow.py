"""MLflow: parameters, scores, the best checkpoint, and the model in MLflow's registry.

`MLFLOW_TRACKING_URI` says where; by default `mlflow.db` and `mlartifacts/`, beside the folder of the runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from mabe_core import RunView, epoch_scores, hookimpl

if TYPE_CHECKING:
    from mlflow import MlflowClient

# which run of MLflow's it is; moved aside with the run directory, so that `--fresh` begins another
FILE = "mlflow.json"
ARTIFACTS = "model"
# a server that is out of reach holds the training up: its client would try for minutes, and logs every step
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@hookimpl
def mabe_experiment_started(run: RunView, earlier: Sequence[Mapping[str, Any]]) -> None:
    """Begin a run of MLflow's, or go on with that of an earlier attempt."""
    with _reaching(run) as client:
        run_id = _earlier_run(client, run)
        if run_id is None:
            run_id = client.create_run(_experiment(client, run), run_name=run.id).info.run_id
            (run.folder / FILE).write_text(json.dumps({"run_id": run_id}) + "\n", encoding="utf-8")
            _log_parameters(client, run_id, run)
        client.update_run(run_id, status="RUNNING")
        _log_tags(client, run_id, run)
        # an attempt that was killed, or had no such watcher, may not have told the last epochs that it saved
        told = {metric.step for metric in client.get_metric_history(run_id, "train_loss")}
        for line in earlier:
            if line["step"] not in told:
                _log_scores(client, run_id, line)


@hookimpl
def mabe_epoch_finished(run: RunView, metrics: Mapping[str, Any]) -> None:
    """Log the epoch's scores."""
    with _reaching(run) as client:
        _log_scores(client, _run_id(run), metrics)


@hookimpl
def mabe_experiment_finished(run: RunView) -> None:
    """Keep the best checkpoint, and register it as the next version of the model."""
    with _reaching(run) as client:
        run_id = _run_id(run)
        assert run.best is not None, "a finished run has a best checkpoint"
        for file in (run.best / "model.safetensors", run.folder / "experiment.yaml"):
            client.log_artifact(run_id, str(file), ARTIFACTS)
        _register(client, run_id, run)
        client.set_terminated(run_id, "FINISHED")


@hookimpl
def mabe_experiment_failed(run: RunView) -> None:
    """Say that it failed, and why."""
    with _reaching(run) as client:
        client.set_tag(_run_id(run), "mabe.failure", run.record["failure"])
        client.set_terminated(_run_id(run), "FAILED")


@contextlib.contextmanager
def _reaching(run: RunView) -> Iterator[MlflowClient]:
    """Give the client; what is raised meanwhile tells no secret of the tracking URI."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or _database(run)
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    try:
        _check_database(uri)
        from mlflow import MlflowClient

        yield MlflowClient(uri)
    except Exception as error:  # noqa: BLE001 - raised again, without secrets
        told = f"{type(error).__name__}: {error}"
        for secret in _secrets(uri):
            told = told.replace(secret, "***")
        raise RuntimeError(told).with_traceback(error.__traceback__) from None


def _database(run: RunView) -> str:
    if run.in_cloud:
        raise RuntimeError(
            "MLflow's database cannot lie on a volume, which several runs write to: name a server in "
            "MLFLOW_TRACKING_URI, which a Modal secret can hold (`cloud.secrets`)"
        )
    return f"sqlite:///{(run.folder.absolute().parents[1] / 'mlflow.db').as_posix()}"


def _check_database(uri: str) -> None:
    """Raise OSError where SQLite's file cannot be written to; MLflow would try again for 100 seconds."""
    parts = urlsplit(uri)
    if parts.scheme.partition("+")[0] == "sqlite" and parts.path not in ("", "/:memory:"):
        with Path(parts.path.removeprefix("/")).open("ab"):
            pass


def _secrets(uri: str) -> list[str]:
    """Return the parts of a URI, as written and as meant, that nobody else should read; longest first."""
    parts = urlsplit(uri)
    userinfo = parts.netloc.rpartition("@")[0]
    written = [*userinfo.split(":", 1), *re.findall(r"=([^&]*)", parts.query)]
    meant = [*map(unquote, written), *(value for _, value in parse_qsl(parts.query))]
    return sorted({each for each in (*written, *meant) if each}, key=len, reverse=True)


def _experiment(client: MlflowClient, run: RunView) -> str:
    """Return MLflow's id of the experiment of that name, which is made where there is none."""
    found = client.get_experiment_by_name(run.name)
    if found is not None:
        return str(found.experiment_id)
    own = not os.environ.get("MLFLOW_TRACKING_URI")
    artifacts = (run.folder.absolute().parents[1] / "mlartifacts").as_uri() if own else None
    return str(client.create_experiment(run.name, artifact_location=artifacts))


def _earlier_run(client: MlflowClient, run: RunView) -> str | None:
    """Return the run that an earlier attempt began, if that is where this one is told to."""
    from mlflow.exceptions import MlflowException

    try:
        run_id = _run_id(run)
        return run_id if client.get_run(run_id).info.lifecycle_stage == "active" else None
    except FileNotFoundError:
        return None
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def _run_id(run: RunView) -> str:
    return str(json.loads((run.folder / FILE).read_bytes())["run_id"])


def _log_parameters(client: MlflowClient, run_id: str, run: RunView) -> None:
    """Log what was asked for; once, since MLflow lets no parameter change. Its client cuts long values."""
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(_key(name), str(value)) for name, value in run.flat().items()])


def _log_tags(client: MlflowClient, run_id: str, run: RunView) -> None:
    record = run.record
    git = record["git"] or {}
    tags = {
        "mabe.id": run.id,
        "mabe.attempts": record["attempts"],
        "mlflow.source.git.commit": git.get("commit", ""),
        "mabe.git.changed": git.get("changed", ""),
        **{f"mabe.software.{name}": version for name, version in record["software"].items()},
        **{
            f"mabe.{each['kind']}.{each['name']}": f"version {each['version']} of {each['plugin']}"
            f" ({each['distribution'] or each['place']} {each['distribution_version'] or ''})"
            for each in record["components"]
        },
    }
    for name, value in tags.items():
        if value != "":
            client.set_tag(run_id, _key(name), str(value))


def _log_scores(client: MlflowClient, run_id: str, line: Mapping[str, Any]) -> None:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [Metric(_key(name), value, now, line["step"]) for name, value in epoch_scores(line).items()]
    client.log_batch(run_id, metrics=metrics)


def _register(client: MlflowClient, run_id: str, run: RunView) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(run.name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = f"{client.get_run(run_id).info.artifact_uri}/{ARTIFACTS}"
    client.create_model_version(run.name, source, run_id=run_id, tags={"mabe.id": run.id})


def _key(name: str) -> str:
    """Return a name as MLflow allows it: of these characters, and not longer than it stores."""
    from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH

    return re.sub(r"[^\w./ :-]", "_", name)[:MAX_ENTITY_KEY_LENGTH]
