"""Runs in MLflow's SQLite store, read back through its own client."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from tests.plugins.watched_runs import curves, damage, let_it_seem_interrupted
from tests.training.test_running import LONG, only_run, wait_for_checkpoint

# MLflow uses what SQLAlchemy 2.1 deprecates
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

WATCHED = ("--set", "watchers=[mlflow]")


@pytest.fixture(autouse=True)
def _no_other_store(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def client_of(folder: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


def only_mlflow_run(client: MlflowClient, name: str = "tiny") -> Any:
    experiment = client.get_experiment_by_name(name)
    (found,) = client.search_runs([experiment.experiment_id])
    return found


def told(client: MlflowClient, run_id: str, name: str) -> list[tuple[int, float]]:
    return [(metric.step, metric.value) for metric in client.get_metric_history(run_id, name)]


def assert_same_curves(client: MlflowClient, run_id: str, run: Path) -> None:
    for name, points in curves(run).items():
        assert told(client, run_id, name) == list(points.items()), name


def test_parameters_scores_checkpoint_and_model_are_kept_beside_the_runs(mabe, tiny, tmp_path):
    outcome = mabe("run", tiny, *WATCHED)
    assert "left out" not in outcome.out
    run, client = only_run(tmp_path), client_of(tmp_path)
    found = only_mlflow_run(client)
    assert (found.info.run_name, found.info.status) == (run.name, "FINISHED")
    assert found.data.params["model.hidden_dim"] == "16"
    assert found.data.params["optimizer.learning_rate"] == "0.01"
    assert_same_curves(client, found.info.run_id, run)
    record = json.loads((run / "record.json").read_text())
    tags = found.data.tags
    assert tags["mabe.id"] == run.name
    assert tags["mabe.software.torch"] == record["software"]["torch"]
    assert tags["mabe.model.transformer"].startswith("version 1 of transformer (mabe-core ")
    assert tags["mabe.dataset.tiny"].startswith("version 1 of tiny (file")
    assert tags["mlflow.source.git.commit"] == record["git"]["commit"]

    best = json.loads((run / "best.json").read_text())["checkpoint"]
    (version,) = client.search_model_versions("name='tiny'")
    assert (str(version.version), version.run_id) == ("1", found.info.run_id)
    folder = Path(download_artifacts(version.source, tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}"))
    assert (folder / "model.safetensors").read_bytes() == (
        run / "checkpoints" / best / "model.safetensors"
    ).read_bytes()
    assert (folder / "experiment.yaml").read_bytes() == (run / "experiment.yaml").read_bytes()
    assert not (tmp_path / "mlruns").exists()


def test_an_interrupted_run_goes_on_in_the_same_run(mabe, tiny, tmp_path, start_mabe, monkeypatch):
    running = start_mabe("run", tiny, *LONG, *WATCHED)
    wait_for_checkpoint(tmp_path, 2)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    client = client_of(tmp_path)
    assert only_mlflow_run(client).info.status == "RUNNING"
    # a parameter that is no part of the id may differ; MLflow lets no parameter change
    assert "left out" not in mabe("run", tiny, *LONG, *WATCHED, "--set", "description=other").out
    found = only_mlflow_run(client)
    assert (found.info.status, found.data.tags["mabe.attempts"]) == ("FINISHED", "2")
    assert_same_curves(client, found.info.run_id, only_run(tmp_path))


def test_epochs_that_an_earlier_attempt_did_not_tell_are_told_by_the_next(mabe, tiny, tmp_path):
    mabe("run", tiny)
    run = only_run(tmp_path)
    let_it_seem_interrupted(run)
    damage(run / "checkpoints" / "step-00000044")
    assert "left out" not in mabe("run", tiny, *WATCHED).out
    client = client_of(tmp_path)
    assert_same_curves(client, only_mlflow_run(client).info.run_id, run)


def test_a_run_that_is_trained_anew_is_another_run_and_another_version(mabe, tiny, tmp_path):
    mabe("run", tiny, *WATCHED)
    mabe("run", tiny, *WATCHED, "--fresh")
    client = client_of(tmp_path)
    experiment = client.get_experiment_by_name("tiny")
    assert len(client.search_runs([experiment.experiment_id])) == 2
    versions = client.search_model_versions("name='tiny'")
    assert {str(version.version) for version in versions} == {"1", "2"}
    assert len({version.run_id for version in versions}) == 2


def test_a_run_that_mlflow_no_longer_has_is_begun_again(mabe, tiny, tmp_path):
    mabe("run", tiny, *WATCHED)
    client = client_of(tmp_path)
    client.delete_run(only_mlflow_run(client).info.run_id)
    let_it_seem_interrupted(only_run(tmp_path))
    assert "left out" not in mabe("run", tiny, *WATCHED).out
    assert_same_curves(client, only_mlflow_run(client).info.run_id, only_run(tmp_path))


def test_a_run_that_fails_is_failed_there_too_with_the_reason(mabe, tiny, tmp_path):
    mabe("run", tiny, *WATCHED, "--set", "optimizer.learning_rate=1e30", "--set", "training.grad_clip=null")
    found = only_mlflow_run(client_of(tmp_path))
    assert found.info.status == "FAILED"
    assert "the loss became nan at step 2, in epoch 1" in found.data.tags["mabe.failure"]
    assert not client_of(tmp_path).search_model_versions("name='tiny'")


def test_mlflows_limits_on_names_lengths_and_counts_are_kept(mabe, tiny, tmp_path):
    features = ", ".join(["interpolate"] * 60)
    words = [
        f"data.features=[{features}]",
        f"data.dataset.classes=[apart, 'meet (nose, tail)! {'x' * 300}']",
        f"description={'long ' * 2000}",
    ]
    outcome = mabe("run", tiny, *WATCHED, *(word for each in words for word in ("--set", each)))
    assert "left out" not in outcome.out
    client = client_of(tmp_path)
    found = only_mlflow_run(client)
    assert len(found.data.params) > 150
    assert found.data.params["description"] == ("long " * 2000)[:6000]
    scores = curves(only_run(tmp_path))[f"val_f1_meet (nose, tail)! {'x' * 300}"]
    name = f"val_f1_meet _nose_ tail__ {'x' * 300}"[:250]
    assert told(client, found.info.run_id, name) == list(scores.items())


def test_the_environment_says_where(mabe, tiny, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'elsewhere' / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path / "elsewhere")  # MLflow's own place for artifacts is relative
    assert "left out" not in mabe("run", tiny, *WATCHED).out
    assert only_mlflow_run(client_of(tmp_path / "elsewhere")).info.status == "FINISHED"
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize("uri", ["sqlite:////proc/x.db", ""])
def test_a_database_that_cannot_be_written_is_told_at_once(mabe, tiny, tmp_path, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    if not uri:  # set to nothing is not set: MLflow's own place is the default
        (tmp_path / "mlflow.db").mkdir()
    outcome = mabe("run", tiny, *WATCHED)
    assert outcome.code == 0, outcome.err
    (log,) = (tmp_path / "runs").glob("*/log.txt")
    told = " ".join(log.read_text().split())
    assert ("[Errno 2] No such file" if uri else "[Errno 21] Is a directory") in told
    assert told.count("left out of this attempt, which goes on:") == 1


def test_an_empty_tracking_uri_is_none_for_the_artifacts_too(mabe, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.chdir(tmp_path)
    mabe("run", tiny, *WATCHED)
    assert list((tmp_path / "mlartifacts").iterdir())
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    "uri",
    [
        "http://reader:s3cr%40t@127.0.0.1:9/?token=hidden1",
        "postgresql://reader:s3cr%40t@127.0.0.1:9/db?password=hidden1",
        "nothing://reader:s3cr%40t@127.0.0.1:9/db?password=hidden1",
    ],
)
def test_a_server_that_is_out_of_reach_harms_nothing_and_no_secret_is_told(
    mabe, tiny, tmp_path, monkeypatch, uri
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    outcome = mabe("run", tiny, *WATCHED)
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("the watcher mlflow is left out of this attempt") == 1
    run = only_run(tmp_path)
    kept = b"".join(file.read_bytes() for file in run.rglob("*") if file.is_file()).decode(errors="replace")
    for secret in ("s3cr%40t", "s3cr@t", "hidden1", "reader"):
        assert secret not in outcome.out + outcome.err + kept
