"""Experiments with plugins from outside run in the cloud unchanged: one file, and an installed package."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cloud.conftest import Client, trained_here, weights
from tests.conftest import ROOT

GRU = ROOT / "examples" / "gru" / "gru.yaml"
TCN = ROOT / "examples" / "mabe_tcn"
SHORT = [
    "--set=training.epochs=1",
    "--set=training.windows_per_epoch=64",
    "--set=threads=1",
    "--set=device=cpu",
    "--set=cloud.gpu=none",
]


def test_a_local_plugin_file_travels_with_the_request(client: Client, tmp_path: Path) -> None:
    local = trained_here(GRU, tmp_path / "local", *SHORT)
    ran = client.run_cloud(GRU, *SHORT)
    pulled = client("pull", local.name)

    assert ran.code == 0, ran.out + ran.err
    assert pulled.code == 0, pulled.err
    assert weights(client.runs / local.name) == weights(local)
    copied = client.runs / local.name / "plugins" / "gru.py"
    assert copied.read_bytes() == GRU.with_name("gru.py").read_bytes()


def test_an_installed_package_is_built_and_installed_there(
    client: Client, example_site: Path, tmp_path: Path
) -> None:
    local = trained_here(TCN / "tcn.yaml", tmp_path / "local", *SHORT)
    ran = client.run_cloud(TCN / "tcn.yaml", *SHORT)
    pulled = client("pull", local.name)

    assert ran.code == 0, ran.out + ran.err
    assert pulled.code == 0, pulled.err
    assert weights(client.runs / local.name) == weights(local)
    record = json.loads((client.runs / local.name / "record.json").read_text())
    (model,) = [each for each in record["components"] if each["kind"] == "model"]
    assert (model["distribution"], model["place"]) == ("mabe-tcn", "installed")
