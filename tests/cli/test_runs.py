"""`mabe runs`: filtered, sorted, cut short, as a table, JSON and CSV; studies apart."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mabe_core.runs.study import Member, Study, write_study
from tests.conftest import Outcome
from tests.made_runs import made_run, made_scores, write_record

Mabe = Callable[..., Outcome]


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, str]:
    """Return the ids of four runs, by what is special about each."""
    folder = tmp_path / "runs"
    good = made_run(folder, "model.hidden_dim=32", best=0.8)
    made_scores(good, {"film": np.diag([30, 20, 10])})
    poor = made_run(folder, "optimizer.learning_rate=3e-4", best=0.3)
    made_scores(poor, {"film": np.array([[10, 20, 0], [10, 10, 0], [5, 5, 0]])})
    begun = made_run(folder, "seed=5", name="other", best=0.4, state="interrupted")
    begun.best.write_text('{"checkpoint": "step-00000040", "epoch": 2, "step": 40}')
    for epoch, score in ((1, 0.1), (2, 0.4), (3, 0.2)):
        begun.append_epoch({"epoch": epoch, "step": 20 * epoch, "val_macro_f1": score, "val_loss": 1.5})
    damaged = made_run(folder, "seed=6")
    damaged.record.write_text("{")
    return {"good": good.id, "poor": poor.id, "begun": begun.id, "damaged": damaged.id}


def ids(told: Outcome) -> list[str]:
    assert told.code == 0, told.err
    return [row["id"] for row in json.loads(told.out)]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("model=transformer and macro_f1>0.6", ["good"]),
        ("macro_f1<0.6", ["begun", "poor"]),
        ("scores.macro_f1<0.6", ["begun", "poor"]),
        ("loss=cross_entropy", ["begun", "damaged", "good", "poor"]),
        ("loss>1", ["begun"]),
        ("optimizer.learning_rate<1e-3", ["poor"]),
        ("dataset=synthetic and name=other", ["begun"]),
        ("state=damaged", ["damaged"]),
        ("started>2026-11-01 and age>1s and seed=5", ["begun"]),
        ("id~other or model.hidden_dim=32", ["begun", "good"]),
    ],
)
def test_where(mabe: Mabe, runs: dict[str, str], where: str, found: list[str]) -> None:
    assert sorted(ids(mabe("runs", "--json", "--where", where))) == sorted(runs[each] for each in found)


def test_sort_and_limit(mabe: Mabe, runs: dict[str, str]) -> None:
    by_score = [runs["good"], runs["begun"]]
    assert ids(mabe("runs", "--json", "--sort", "-macro_f1", "--limit", 2)) == by_score
    # what lacks a score comes last, whichever way
    for key in ("macro_f1", "-macro_f1"):
        assert ids(mabe("runs", "--json", "--sort", key))[-1] == runs["damaged"]
    both = ids(mabe("runs", "--json", "--sort", "name,-optimizer.learning_rate", "--sort", "id"))
    assert both == [*sorted([runs["good"], runs["damaged"]]), runs["poor"], runs["begun"]]


def test_held_out_scores_go_before_those_of_the_best_epoch(mabe: Mabe, runs: dict[str, str]) -> None:
    rows = {row["id"]: row for row in json.loads(mabe("runs", "--json").out)}
    assert rows[runs["good"]]["scored"] == "held out"
    assert rows[runs["good"]]["scores"]["macro_f1"] == 1.0
    assert rows[runs["begun"]]["scored"] == "best epoch"
    assert rows[runs["begun"]]["scores"] == {"macro_f1": 0.4, "loss": 1.5}
    assert rows[runs["damaged"]]["scores"] == {}


def test_csv_has_exact_values(mabe: Mabe, runs: dict[str, str]) -> None:
    told = mabe("runs", "--csv", "--columns", "id,macro_f1,optimizer.learning_rate,metrics", "--sort", "id")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(told.out))}
    poor = {row["id"]: row for row in json.loads(mabe("runs", "--json").out)}[runs["poor"]]
    assert float(rows[runs["poor"]]["macro_f1"]) == poor["scores"]["macro_f1"]
    assert rows[runs["poor"]]["optimizer.learning_rate"] == "0.0003"
    assert rows[runs["poor"]]["metrics"] == "accuracy;f1"
    assert rows[runs["damaged"]]["macro_f1"] == ""


def test_what_is_asked_for_is_shown(mabe: Mabe, runs: dict[str, str]) -> None:
    told = mabe("runs", "--where", "macro_f1>0.6 and model=transformer", "--sort", "-model.hidden_dim")
    title, row, count = told.out.splitlines()
    assert title.split() == ["id", "state", "epoch", "best", "age", "macro_f1", "model", "model.hidden_dim"]
    assert row.split()[-3:] == ["1.0000", "transformer", "32"]
    assert count == "1 of 4 runs"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--where", "modle=transformer"), "Did you mean 'model'?"),
        (("--where", "hidden_dim=32"), "Did you mean 'model.hidden_dim'?"),
        (("--where", "macro_f1>"), "a value is expected"),
        (("--where", " "), "a key is expected"),
        (("--sort", "macrof1"), "Did you mean 'macro_f1'?"),
        (("--columns", "modl"), "Did you mean 'model'?"),
        (("--limit", "0"), "--limit"),
        (("--studies", "--sort", "id"), "--studies goes with"),
    ],
)
def test_mistakes(mabe: Mabe, runs: dict[str, str], words: tuple[str, ...], why: str) -> None:
    told = mabe("runs", *words)
    assert told.code == 2
    assert why in told.err
    assert "Traceback" not in told.err


def test_a_value_that_no_run_has_is_told(mabe: Mabe, runs: dict[str, str]) -> None:
    told = mabe("runs", "--where", "model=transfomer")
    assert told.out == (
        "0 of 4 runs fit model=transfomer. None has model=transfomer. Did you mean 'transformer'?\n"
    )


@pytest.mark.parametrize("width", [40, 80, 120])
def test_it_is_readable_at_any_width(
    mabe: Mabe, runs: dict[str, str], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    lines = plain(mabe("runs", "--columns", "id,state,best,model,data.features,started").out).splitlines()
    assert max(map(len, lines)) <= width
    assert all(any(each in line for line in lines) for each in runs.values())  # each id on one line


def plain(text: str) -> str:
    from rich.text import Text

    return Text.from_ansi(text).plain


def test_studies_are_listed_apart(mabe: Mabe, runs: dict[str, str], tmp_path: Path) -> None:
    members = tuple(Member(id=each, settings={}) for each in (*runs.values(), "made-0000000000"))
    study = Study(id="made-0123456789", name="made", description="", axes=["seed"], members=members, text="")
    write_study(tmp_path / "runs", study)
    told = mabe("runs").out
    assert study.id not in told
    assert told.endswith("and 1 study: mabe runs --studies\n")
    (row,) = json.loads(mabe("runs", "--studies", "--json").out)
    assert (row["id"], row["members"], row["finished"], row["failed"]) == (study.id, 5, 2, 1)
    assert study.id in mabe("runs", "--studies").out
    write_record_of = made_run(tmp_path / "runs", "seed=77")
    write_record(write_record_of, state="failed")
    (tmp_path / "runs" / study.id / "study.json").write_text("{")
    (row,) = json.loads(mabe("runs", "--studies", "--json").out)
    assert "is damaged" in row["failure"]


def test_keys_are_completed(runs: dict[str, str], tmp_path: Path) -> None:
    import click

    from mabe_core.cli import completing
    from mabe_core.cli.cmd_runs import command

    context = click.Context(command)
    context.params["runs_dir"] = tmp_path / "runs"
    parameter = command.params[0]
    offered = [item.value for item in completing.keys(context, parameter, "model=transformer and macro")]
    assert offered == ["model=transformer and macro_f1"]
    assert "-optimizer.learning_rate" in [
        item.value for item in completing.keys(context, parameter, "-optimizer")
    ]
