"""The scores of a study: settings of one component are told apart, in the table and in CSV."""

from __future__ import annotations

import csv
import io
import json
import shutil

import attrs

from mabe_core.runs.study import read_study, write_study


def test_two_settings_of_one_model_have_headings_of_their_own(mabe, trained, here):
    study = read_study(trained / "runs" / "pair_study-0123456789")
    models = [{"name": "transformer", "hidden_dim": dim} for dim in (8, 16)]
    members = tuple(
        attrs.evolve(member, settings={"model": model, "seed": 0})
        for member, model in zip(study.members, models, strict=True)
    )
    for member in members:
        shutil.copytree(trained / "runs" / member.id, here / "runs" / member.id)
    two = attrs.evolve(study, id="two-0123456789", name="two", axes=["model", "seed"], members=members)
    write_study(here / "runs", two)
    words = ("evaluate", "two", "--runs-dir", here / "runs")
    told = mabe(*words).out
    assert "model=transformer {hidden_dim: 8}" in told
    assert "model=transformer {hidden_dim: 16}" in told
    rows = list(csv.DictReader(io.StringIO(mabe(*words, "--csv").out)))
    assert {row["model"] for row in rows if row["model"]} == {
        "transformer {hidden_dim: 8}",
        "transformer {hidden_dim: 16}",
    }
    exact = json.loads(mabe(*words, "--json").out)["settings"]
    assert [each["settings"]["model"] for each in exact] == models
