"""A page tells what is missing, lets no name smuggle anything in, and asks for nothing outside itself."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from mabe_core.data.report import ImportReport, PartReport
from mabe_core.errors import UserError
from mabe_core.pages.charts import whole_ticks
from mabe_core.pages.content import content_of
from mabe_core.pages.plots import plots_of
from mabe_core.pages.rendering import page
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.study import Member
from tests.pages.made_runs import made_record, made_run, made_study
from tests.pages.parsed import Page, parsed


def test_a_setting_that_nobody_scored_is_shown_without_scores(tmp_path: Path) -> None:
    found = made_study(tmp_path, seeds=1)
    for run in found.runs(tmp_path):
        run.scores.unlink()
    shown = parsed(found, tmp_path)
    assert "mabe evaluate" in shown.text
    assert "rings" not in shown.text


def test_a_study_without_members_is_a_mistake(tmp_path: Path) -> None:
    empty = attrs.evolve(made_study(tmp_path, seeds=1), members=())
    with pytest.raises(UserError, match="has no members"):
        content_of(empty, tmp_path)


def test_the_data_report_is_shown(tmp_path: Path) -> None:
    report = ImportReport(
        recordings=3,
        frames=5400,
        seconds=180.0,
        fps={30.0: 3},
        individuals={("adult", "juvenile"): 3},
        keypoints={("nose", "tail"): 3},
        views=3,
        view_frames=5400,
        class_frames={"attack": 1234, "other": 4000},
        unlabelled=166,
        missing=0.0125,
        notes=("two bouts overlapped",),
        parts={"train": PartReport(2, 2, 3600, {"attack": 1000, "other": 2500}, 100)},
    )
    run = made_run(tmp_path, "rats-0123456789", report=report.as_dict())
    shown = parsed(run, tmp_path)
    cells = {
        name: [text for text, _ in row] for name, row in shown.rows("frames of each class and part").items()
    }
    assert cells == {
        "train": ["2", "3,600", "1,000", "2,500", "100"],
        "all": ["3", "5,400", "1,234", "4,000", "166"],
    }
    for told in ("adult, juvenile", "nose, tail", "3.0 min", "1.2 %", "two bouts overlapped"):
        assert told in shown.text


def without(*names: str) -> Callable[[RunDirectory], object]:
    return lambda run: [(run.path / name).unlink() for name in names]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without("scores.json"), "Its frames are not scored yet; `mabe evaluate rats-0123456789` does that."),
        (without("scores.safetensors"), "scores.safetensors cannot be read"),
        (without("metrics.jsonl"), "It has no epoch behind it yet"),
        (without("record.json"), "It was not begun here."),
        (without("experiment.yaml"), "rats-0123456789"),
        (lambda run: run.scores.write_text("{"), "scores.json is damaged"),
        (lambda run: run.record.write_text("{"), "record.json of rats-0123456789 is damaged"),
        (lambda run: run.metrics.write_text("3\n"), "is not the line of an epoch"),
        (lambda run: made_record(run.id, state="failed", failure="").save(run), "It failed: for a reason"),
    ],
    ids=[
        "no scores", "no frames", "no epochs", "no record", "no experiment",
        "damaged scores", "damaged record", "damaged epochs", "failed",
    ],
)  # fmt: skip
def test_what_is_missing_is_told(tmp_path: Path, spoil: Callable[[RunDirectory], Any], told: str) -> None:
    run = made_run(tmp_path, "rats-0123456789")
    spoil(run)
    assert told in parsed(run, tmp_path).text


def test_a_run_without_anything_yet_has_a_page(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "rats-0123456789")
    run.make()
    made_record(run.id, state="running", epoch=0, best=None).save(run)
    shown = parsed(run, tmp_path)
    assert "There are no scores yet." in shown.text
    assert not [content for given, content in shown.scripts]


HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    "\"quoted' & {{ 7 * 7 }}",
    "bell\x07 \u202egnp.exe \x00\ufffe",
    "lone \udcff byte",
    "עכבר",
)


def test_names_stay_text(tmp_path: Path) -> None:
    run = made_run(
        tmp_path,
        "rats-0123456789",
        recordings=HOSTILE,
        classes=HOSTILE[:4],
        frames=300,
        failure="<b>no</b>",
        state="failed",
        components=[{"kind": "model", "name": HOSTILE[1], "version": 1, "sources": {}}],
    )
    html = page(content_of(run, tmp_path))
    html.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
    shown = Page(html)
    assert not [tag for tag, _ in shown.tags if tag in ("img", "b")]
    assert not [name for _, given in shown.tags for name in given if name.startswith("on")]
    kinds = [given.get("type") or given.get("id") for given, _ in shown.scripts]
    assert kinds == ["application/json", "application/json", None, None]
    titles = [each["title"] for each in shown.data("ethogram-data")["ethograms"]]
    assert titles[0].startswith("<script>alert(1)</script>")
    assert titles[3].startswith(r"bell\u0007 \u202egnp.exe \u0000\ufffe")
    assert titles[4].startswith(r"lone \udcff byte")
    assert titles[5].startswith("עכבר")
    assert "\"quoted' & {{ 7 * 7 }}" in shown.text


ADDRESS = re.compile(r"(?:https?:)?//[a-z0-9.-]+", re.IGNORECASE)


def test_nothing_outside_the_page_is_asked_for(tmp_path: Path) -> None:
    run = made_run(tmp_path, "rats-0123456789")
    html = page(content_of(run, tmp_path))
    shown = Page(html)
    for tag, given in shown.tags:
        for name in ("src", "href", "action", "srcset", "data", "poster", "xlink:href"):
            if tag != "data" and given.get(name):
                assert str(given[name]).startswith("#"), (tag, given)
    assert not [given for tag, given in shown.tags if tag in ("link", "iframe", "object", "embed", "base")]
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    own = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert set(ADDRESS.findall(own)) <= {
        "http://www.w3.org",
        "https://vega.github.io",
    }  # names, not addresses
    (policy,) = [given["content"] for tag, given in shown.tags if given.get("http-equiv")]
    assert str(policy).startswith("default-src 'none';")
    assert "connect-src" not in str(policy)
    assert "http" not in str(policy)


def test_headings_tables_and_plots_can_be_read_without_eyes(tmp_path: Path) -> None:
    shown = parsed(made_study(tmp_path, seeds=2), tmp_path)
    assert ("html", {"lang": "en"}) in shown.tags
    levels = [int(tag[1]) for tag, _ in shown.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    plots = [given for tag, given in shown.tags if tag == "svg"]
    assert len(plots) == 6
    assert all(given["role"] == "img" and given["aria-label"] for given in plots)
    assert all(given.get("scope") for tag, given in shown.tags if tag == "th")
    assert all(given.get("tabindex") == "0" for _, given in shown.tags if given.get("role") == "region")
    ids = [given["id"] for _, given in shown.tags if given.get("id")]
    assert len(ids) == len(set(ids))


def test_200_recordings_of_9000_frames_and_12_classes_stay_under_5_mb(tmp_path: Path) -> None:
    names = [f"mouse{number:03}" for number in range(200)]
    classes = [f"behaviour {number}" for number in range(12)]
    run = made_run(tmp_path, "rats-0123456789", recordings=names, classes=classes, frames=9000, bout=15)
    made = content_of(run, tmp_path)
    assert len(made.ethograms) == 200
    assert made.left_out == 0
    assert len(page(made).encode()) < 5_000_000


def test_ethograms_that_are_too_heavy_are_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_run(tmp_path, "rats-0123456789", recordings=["r1", "r2", "r3"])
    whole = content_of(run, tmp_path)
    monkeypatch.setattr("mabe_core.pages.content.MOST", len(whole.ethograms[0].packed))
    shown = parsed(run, tmp_path)
    assert "1 of 3 scored stretches" in shown.text
    assert len(shown.data("ethogram-data")["ethograms"]) == 1
    assert {row[0][0].partition(" ")[0] for row in shown.tables["Missed bouts"][1:]} == {"r1", "r2", "r3"}


def test_a_study_says_where_validation_chose_what_it_scores(tmp_path: Path) -> None:
    assert (
        "Held out: the validation part; validation also chose" in parsed(made_study(tmp_path), tmp_path).text
    )
    runs = tmp_path / "test"
    told = parsed(made_study(runs, part="test"), runs).text
    assert "Held out: the test part." in told
    assert "also chose" not in told


def test_what_is_true_of_many_members_is_told_once(tmp_path: Path) -> None:
    study = made_study(tmp_path, seeds=1)
    never = [Member(id=f"rats-9{number:09x}", settings={"model": "gru"}) for number in range(5)]
    content = content_of(attrs.evolve(study, members=(*study.members, *never)), tmp_path)
    first = ", ".join(member.id for member in never[:3])
    assert content.notes == [f"{first} and 2 more: It was not begun here."]


def test_epochs_are_labelled_by_whole_numbers_each_once() -> None:
    assert whole_ticks([1]) == [1]
    assert whole_ticks([1, 2]) == [1, 2]
    assert whole_ticks(range(1, 8)) == [1, 2, 3, 4, 5, 6, 7]
    assert whole_ticks(range(1, 101)) == [1, 18, 35, 52, 69, 86]


def test_settings_of_one_component_are_drawn_under_whole_labels(tmp_path: Path) -> None:
    study = made_study(tmp_path, seeds=1)
    models = [{"name": "transformer", "hidden_dim": dim, "num_heads": 2} for dim in (8, 16)]
    members = [attrs.evolve(m, settings={"model": s}) for m, s in zip(study.members, models, strict=True)]
    drawn = plots_of(content_of(attrs.evolve(study, members=tuple(members)), tmp_path)).settings
    assert drawn is not None
    for dim in (8, 16):
        assert f">{{hidden_dim: {dim},<" in drawn
    assert drawn.count(">num_heads: 2}<") == 2


def test_the_axis_of_f1_is_whole(tmp_path: Path) -> None:
    drawn = plots_of(content_of(made_run(tmp_path, "rats-0123456789", frames=6000), tmp_path)).classes
    assert drawn is not None
    labels = re.findall(r">([\d.]+)<", drawn)
    assert (labels[0], labels[-1]) == ("0.0", "1.0")
