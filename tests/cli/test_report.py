"""`mabe report`: where the page goes, what is said of it, and what is refused."""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pages.made_runs import made_run, made_study


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of runs of the `mabe` fixture, with one run in it; the working folder is above it."""
    monkeypatch.chdir(tmp_path)
    made_run(tmp_path / "runs", "rats-0123456789")
    return tmp_path / "runs"


def test_a_page_is_named_after_the_run(mabe: Callable, runs: Path) -> None:
    done = mabe("report", "rats")
    assert done.code == 0, done.err
    assert done.out.startswith("rats-0123456789.html (")
    html = Path("rats-0123456789.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")


def test_a_study_has_a_page(mabe: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made_study(tmp_path / "runs", seeds=1)
    assert mabe("report", "rats-01").code == 0
    assert "a study of 2 runs" in Path("rats-0123456789.html").read_text(encoding="utf-8")


def test_a_page_goes_to_standard_output(mabe: Callable, runs: Path) -> None:
    done = mabe("report", "rats", "-o", "-")
    assert done.out.startswith("<!doctype html>")
    assert not list(Path().glob("*.html"))


def test_numbers_are_printed_as_json(mabe: Callable, runs: Path) -> None:
    found = json.loads(mabe("report", "rats", "--json").out)
    assert found["id"] == "rats-0123456789"
    assert [each["name"] for each in found["classes"]] == ["attack", "investigation", "mount", "other"]
    assert not list(Path().glob("*.html"))


def test_only_a_page_is_written_over(mabe: Callable, runs: Path) -> None:
    Path("notes.html").write_text("<p>mine</p>")
    done = mabe("report", "rats", "-o", "notes.html")
    assert done.code == 2
    assert "notes.html is there, and is no page of `mabe report`" in done.err
    assert Path("notes.html").read_text() == "<p>mine</p>"
    assert mabe("report", "rats").code == 0
    assert mabe("report", "rats").code == 0


def test_a_folder_that_is_not_there_is_told(mabe: Callable, runs: Path) -> None:
    done = mabe("report", "rats", "-o", "nowhere/page.html")
    assert done.code == 2
    assert "there is no folder nowhere" in done.err


def test_a_misspelled_id_is_told_with_the_nearest(mabe: Callable, runs: Path) -> None:
    done = mabe("report", "rast-0123456789")
    assert done.code == 2
    assert "Did you mean 'rats-0123456789'?" in done.err


def test_what_is_missing_is_said_too(mabe: Callable, runs: Path) -> None:
    (runs / "rats-0123456789" / "scores.json").unlink()
    done = mabe("report", "rats")
    assert done.code == 0
    assert "warning: rats-0123456789: Its frames are not scored yet" in done.err


def test_it_is_opened_where_there_is_a_display(
    mabe: Callable, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(opened.append(address)) or True)
    done = mabe("report", "rats", "--open")
    assert opened == [Path("rats-0123456789.html").resolve().as_uri()]
    assert done.err == ""


def test_no_display_is_told_with_the_path(
    mabe: Callable, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    done = mabe("report", "rats", "--open")
    assert done.code == 0
    assert f"there is no display here; open {Path('rats-0123456789.html').resolve()}" in done.err


@pytest.mark.parametrize("words", [("--open", "--json"), ("--open", "-o", "-"), ("--json", "-o", "x.json")])
def test_options_that_exclude_each_other_are_refused(
    mabe: Callable, runs: Path, words: tuple[str, ...]
) -> None:
    assert mabe("report", "rats", *words).code == 2
    assert not list(Path().glob("*.*"))
