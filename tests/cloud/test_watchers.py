"""Plugins that watch a run in the cloud: they are told in the container, and what they wrote is pulled."""

from __future__ import annotations

import json
from pathlib import Path

from mabe_core.cloud.packing import pack
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, resolve
from tests.cloud.conftest import Client, trained_here, weights
from tests.conftest import FILES
from tests.plugins.test_tensorboard import expected, shown

WATCHER = FILES / "watcher.py"


def test_event_files_come_with_a_pulled_run_and_a_local_file_watches_there_too(
    client: Client, experiment: Path, tmp_path: Path
) -> None:
    ran = client.run_cloud(experiment, "--set", "watchers=[tensorboard, mlflow]", "-p", WATCHER)
    (run_id,) = client.rows()
    pulled = client("pull", run_id)

    assert ran.code == 0, ran.err
    assert pulled.code == 0, pulled.err
    run = client.runs / run_id
    assert shown(run) == expected(run)
    assert [step for step, _ in shown(run)["val_loss"]] == [11, 22, 33, 44]
    assert weights(run) == weights(trained_here(experiment, tmp_path / "local"))
    told = " ".join(ran.out.split())
    assert "the watcher mlflow is left out of this attempt" in told
    assert "name a server in MLFLOW_TRACKING_URI, which a Modal secret can hold" in told
    seen = client.on_volume(f"runs/{run_id}/seen.jsonl")
    assert seen is not None
    events = [json.loads(line)["event"] for line in seen.decode().splitlines()]
    assert events == ["started", *["saved", "epoch"] * 4, "finished"]


def test_a_request_brings_the_watchers_and_their_libraries_and_nothing_that_is_not_asked_for(
    tiny: Path, tmp_path: Path
) -> None:
    def packed(watchers: str, *files: Path) -> tuple[set[str], set[str], set[str]]:
        document = read_document(tiny, [f"watchers={watchers}"])
        registry = load_plugins((*document.plugin_files, *files))
        request = pack(resolve(document, registry), registry, tmp_path).request
        names = {package.partition("==")[0] for package in request.packages}
        return {plugin.plugin for plugin in request.sent.plugins}, names, set(request.sent.plugin_files)

    plugins, packages, files = packed("[tensorboard]", WATCHER)
    assert "tensorboard" in plugins
    assert "mlflow" not in plugins
    assert "tensorboardx" in packages
    assert not {"mlflow-skinny", "tensorboard", "pytest"} & packages
    assert files == {"tiny.py", "watcher.py"}
    _, packages, _ = packed("[mlflow]")
    assert {"mlflow-skinny", "sqlalchemy", "alembic", "mako", "requests"} <= packages
    _, packages, files = packed("[]")
    assert not {"mlflow-skinny", "tensorboardx"} & packages
    assert files == {"tiny.py"}
