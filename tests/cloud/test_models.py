"""Models on a volume, by the commands, against the loopback server."""

from __future__ import annotations

import json

from tests.cloud.conftest import trained_here


def test_a_model_is_pushed_promoted_listed_and_pulled_elsewhere(client, client_of, experiment):
    trained_here(experiment, client.runs)
    assert client("models", "add", "tiny", "--name", "rats", "--alias", "best").code == 0
    pushed = client("models", "push", "rats")
    assert pushed.code == 0, pushed.err
    assert f"is now rats@1 in volume {client.volume}" in pushed.out
    assert client("models", "promote", "rats@1", "paper", "--cloud").code == 0
    (row,) = json.loads(client("models", "--cloud", "--json").out)
    assert (row["name"], row["number"], row["aliases"]) == ("rats", 1, ["best", "paper"])
    other = client_of(client.server, "elsewhere")
    pulled = other("models", "pull", "rats@paper")
    assert pulled.code == 0, pulled.err
    assert other("models", "check").code == 0
    theirs, ours = (
        next((each.folder / "models").rglob("model.safetensors")).read_bytes() for each in (other, client)
    )
    assert theirs == ours
    assert "rats@paper is rats@1" in other("models", "history", "rats", "--cloud").out
    removed = other("models", "remove", "rats@1", "--yes", "--cloud")
    assert removed.code == 0
    assert "modal volume rm -r" in removed.out
    assert json.loads(client("models", "--cloud", "--json").out) == []
