"""Names from files are shown as text: they steer no terminal, and start nothing in a page."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.table import Table

from mabe_core.cli.options import json_text
from mabe_core.reports.console import console, written
from mabe_core.reports.visible import seen
from tests.conftest import Outcome
from tests.made_runs import made_run, write_record

HOSTILE = "\x1b]0;owned\x07\x1b[2Jmouse\x9b31m\u202eevil[bold red]x[/]\r\x08"
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"' onload=x"


def steers(text: str) -> bool:
    """Tell whether a text would do anything to a terminal but show letters."""
    return any(not letter.isprintable() and letter not in "\n\t" for letter in text)


def test_tables_and_lines_spell_out_what_would_steer_a_terminal() -> None:
    text = io.StringIO()
    screen = written(text)
    table = Table(box=None)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    screen.print(table)
    screen.print(HOSTILE)
    screen.print(f"note: {HOSTILE}", style="yellow")
    assert not steers(text.getvalue())
    assert text.getvalue().count("mouse") == 4
    assert "\\u001b[2J" in text.getvalue()
    assert "[bold red]x[/]" in text.getvalue()


def test_colours_of_our_own_are_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    console().print("x", style="red")
    assert "\x1b[31mx" in capsys.readouterr().out


def test_words_of_all_scripts_are_left_as_they_are() -> None:
    for word in ("Mäuse", "老鼠", "чистка", "नहीं", "🐀\u200d🔬", "a b"):
        assert seen(word) == word


def test_json_says_the_same_and_steers_nothing() -> None:
    assert json.loads(json_text({HOSTILE: [HOSTILE]})) == {HOSTILE: [HOSTILE]}
    assert not steers(json_text({HOSTILE: [HOSTILE]}))


@pytest.mark.parametrize(
    "words",
    [
        ["runs"],
        ["runs", "--json"],
        ["runs", "--columns", "description"],
        ["compare", "{id}", "{id}"],
        ["report", "{id}", "--json"],
    ],
    ids=" ".join,
)
def test_commands_show_hostile_records_as_text(
    words: list[str], mabe: Callable[..., Outcome], tmp_path: Path
) -> None:
    run = made_run(tmp_path / "runs", "data.sequence_length=8")
    write_record(run, failure=HOSTILE, notice=HOSTILE, state="failed", monitor=HOSTILE)
    told = yaml_text(run.experiment.read_text())
    run.experiment.write_text(told)
    done = mabe(*(word.format(id=run.id) for word in words))
    assert not steers(done.out + done.err)
    assert "Traceback" not in done.err


def yaml_text(text: str) -> str:
    return text.replace("description: ''", f"description: {json.dumps(HOSTILE)}")


@pytest.mark.parametrize(
    "text",
    [
        f"name: {json.dumps(HOSTILE)}",
        f"name: x\n{json.dumps(HOSTILE)}: 1",
        f"name: x\nmodel: {json.dumps(HOSTILE)}",
    ],
)
def test_errors_show_hostile_words_as_text(text: str, mabe: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text(text)
    done = mabe("run", tmp_path / "e.yaml")
    assert done.code == 2
    assert not steers(done.out + done.err)


def test_a_page_shows_markup_as_text(mabe: Callable[..., Outcome], tmp_path: Path) -> None:
    run = made_run(tmp_path / "runs")
    write_record(run, failure=MARKUP, notice=MARKUP, state="failed", git={"commit": MARKUP, "changed": True})
    done = mabe("report", run.id, "-o", "-")
    assert done.code == 0, done.err
    assert "&lt;script&gt;alert(1)" in done.out
    assert "<script>alert" not in done.out
    assert "<img src=x" not in done.out
