"""A page in a real browser, where one is installed: it draws, zooms, prints, and complains of nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mabe_core.pages.content import content_of
from mabe_core.pages.rendering import page
from tests.pages.browser import Browser, browser, installed
from tests.pages.made_runs import made_run, made_study

pytestmark = pytest.mark.skipif(installed() is None, reason="no Chromium or Chrome is installed")

WINDOW = "document.getElementById('ethogram-window').textContent"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run that scored two recordings of 60 seconds."""
    folder = tmp_path_factory.mktemp("one")
    run = made_run(folder, "rats-0123456789", frames=1800)
    file = folder / "page.html"
    file.write_text(page(content_of(run, folder)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a study whose frames may have several classes."""
    folder = tmp_path_factory.mktemp("several")
    study = made_study(folder, exclusive=False)
    file = folder / "page.html"
    file.write_text(page(content_of(study, folder)), encoding="utf-8")
    return file


def window(tab: Browser) -> tuple[float, float]:
    start, stop = tab.value(WINDOW).removesuffix(" s").split(" to ")
    return float(start), float(stop)


def key(tab: Browser, name: str) -> None:
    tab.value("document.getElementById('ethogram-plot').focus()")
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key=name, text=name if len(name) == 1 else "")


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["one", "several"])
def test_it_fits_complains_of_nothing_and_asks_for_nothing(
    tab: Browser, request: pytest.FixtureRequest, name: str, dark: bool, width: int
) -> None:
    file = request.getfixturevalue(name)
    tab.open(file, width=width, dark=dark)
    assert tab.faults() == []
    assert [address for address in tab.requests() if not address.startswith("data:")] == [file.as_uri()]
    assert tab.value("document.documentElement.scrollWidth") <= width


def test_its_policy_keeps_it_from_the_network(tab: Browser, one: Path) -> None:
    tab.open(one)
    assert (
        tab.value("fetch('http://127.0.0.1:9/').then(() => 'reached', (error) => error.name)") == "TypeError"
    )
    assert any("Content Security Policy" in fault for fault in tab.faults())


def test_an_ethogram_is_zoomed_and_panned(tab: Browser, one: Path) -> None:
    tab.open(one)
    assert window(tab) == (0.0, 60.0)
    marks = "document.querySelectorAll('#ethogram-plot .mark-rect path').length"
    whole = tab.value(marks)
    tab.value("document.querySelector('[data-action=in]').click()")
    assert window(tab) == (15.0, 45.0)
    tab.wait(f"{marks} < {whole}")
    tab.value("document.querySelector('[data-action=left]').click()")
    assert window(tab) == (3.0, 33.0)
    key(tab, "+")
    assert window(tab) == (10.5, 25.5)
    key(tab, "ArrowRight")
    assert window(tab) == (16.5, 31.5)
    key(tab, "0")
    assert window(tab) == (0.0, 60.0)


def test_an_ethogram_is_dragged_and_wheeled(tab: Browser, one: Path) -> None:
    tab.open(one)
    tab.value(
        "document.getElementById('ethogram-plot').scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    box = tab.value(
        "JSON.parse(JSON.stringify(document.getElementById('ethogram-plot').getBoundingClientRect()))"
    )
    x, y = box["x"] + box["width"] / 2, box["y"] + 40
    tab.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=-200, modifiers=2)
    tab.wait(f"{WINDOW} !== '0.0 to 60.0 s'")
    start, stop = window(tab)
    assert 0 < start < 30 < stop < 60
    tab.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
    tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + 200, y=y, button="left", buttons=1)
    tab.call("Input.dispatchMouseEvent", type="mouseReleased", x=x + 200, y=y, button="left")
    tab.wait(f"{WINDOW} !== '{start:.1f} to {stop:.1f} s'")
    earlier, _ = window(tab)
    assert earlier < start
    tab.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=200)
    assert window(tab)[0] == earlier, "a wheel by itself scrolls the page"


def test_a_bad_bout_leads_to_its_place(tab: Browser, one: Path) -> None:
    tab.open(one)
    link = "document.querySelector('#bouts a[href*=\"#ethogram-1@\"]')"
    row = f"{link}.closest('tr')"
    start = float(tab.value(f"{row}.querySelectorAll('data')[0].value"))
    stop = float(tab.value(f"{row}.querySelectorAll('data')[1].value"))
    tab.value(f"{link}.click()")
    tab.wait("document.getElementById('ethogram-plot').dataset.shown === '1'")
    shown = window(tab)
    assert shown[0] <= start < stop <= shown[1]
    assert shown[1] - shown[0] < 30
    assert tab.value("document.getElementById('ethogram-choice').value") == "1"


def test_what_is_wrong_is_listed(tab: Browser, one: Path) -> None:
    tab.open(one)
    rows = tab.value("document.querySelectorAll('#ethogram-table tbody tr').length")
    assert rows > 0
    seconds = tab.value(
        "[...document.querySelectorAll('#ethogram-table tbody tr')]"
        ".map((row) => Number(row.cells[1].textContent) - Number(row.cells[0].textContent))"
        ".reduce((sum, each) => sum + each)"
    )
    wrong = float(tab.value("document.querySelector('[aria-label=\"every recording\"] data').value"))
    assert seconds * 30 == pytest.approx(wrong, abs=0.31 * rows)


def test_recordings_are_leafed_through_and_sorted(tab: Browser, one: Path) -> None:
    tab.open(one)
    tab.value("document.querySelector('[data-action=next]').click()")
    tab.wait("document.getElementById('ethogram-plot').dataset.shown === '1'")
    tab.value(
        "(() => { const by = document.getElementById('ethogram-order');"
        " by.value = 'worst'; by.dispatchEvent(new Event('change')); })()"
    )
    shares = tab.value(
        "[...document.getElementById('ethogram-choice').options].map((option) =>"
        " JSON.parse(document.getElementById('ethogram-data').textContent).ethograms[option.value].share)"
    )
    assert shares == sorted(shares, reverse=True)


def test_plots_follow_the_scheme(tab: Browser, one: Path) -> None:
    tab.open(one)
    fill = "getComputedStyle(document.querySelector('#ethogram-plot .mark-rect path')).fill"
    label = "getComputedStyle(document.querySelector('#curves svg text')).fill"
    light = tab.value(fill), tab.value(label)
    tab.dark(True)
    assert tab.value(label) != light[1]
    assert tab.value(label) == tab.value("getComputedStyle(document.body).color")
    tab.dark(False)
    assert (tab.value(fill), tab.value(label)) == light


def test_paper_has_ethograms_of_both_recordings(tab: Browser, one: Path, tmp_path: Path) -> None:
    tab.open(one, dark=True)
    tab.paper(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 20_000
    assert tab.value("document.querySelectorAll('.paper svg').length") == 2
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.value("getComputedStyle(document.querySelector('.paper')).display") == "block"
    assert (
        tab.value("getComputedStyle(document.querySelector('#ethogram-plot').closest('figure')).display")
        == "none"
    )
    assert tab.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    tab.call("Emulation.setEmulatedMedia", media="")


def test_200_recordings_open_in_three_seconds(tab: Browser, tmp_path: Path) -> None:
    names = [f"mouse{number:03}" for number in range(200)]
    run = made_run(tmp_path, "rats-0123456789", recordings=names, frames=9000)
    file = tmp_path / "page.html"
    file.write_text(page(content_of(run, tmp_path)), encoding="utf-8")
    began = time.monotonic()
    tab.open(file)
    assert time.monotonic() - began < 3
    assert tab.value("document.getElementById('ethogram-choice').options.length") == 200
    assert tab.faults() == []


def test_the_worst_bouts_of_a_study_name_their_runs_in_low_rows_that_fit(tab: Browser, several: Path) -> None:
    tab.open(several, width=1280)
    rows = "[...document.querySelectorAll('#bouts tbody tr')]"
    assert tab.value(f"{rows}.every(row => /rats-[0-9a-f]{{10}}/.test(row.textContent))")
    assert tab.value(f"Math.max(...{rows}.map(row => row.getBoundingClientRect().height))") < 80
    boxes = "[...document.querySelectorAll('#bouts .scroll')]"
    assert tab.value(f"{boxes}.every(box => box.scrollWidth <= box.clientWidth)")


def test_long_names_of_runs_do_not_hide_what_is_wrong(tab: Browser, tmp_path: Path) -> None:
    study = made_study(tmp_path, name="rats_with_and_without_the_time_since_the_start", seeds=2)
    file = tmp_path / "page.html"
    file.write_text(page(content_of(study, tmp_path)), encoding="utf-8")
    tab.open(file, width=1280)
    boxes = "[...document.querySelectorAll('#bouts .scroll')]"
    assert tab.value(f"{boxes}.every(box => box.scrollWidth <= box.clientWidth)")
