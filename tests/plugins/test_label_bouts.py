"""The reader of plain CSVs of bouts: whose columns may be called many things, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from mabe_core import Annotation, Bout, DataError
from mabe_plugins.label_readers import BoutsConfig, build_bouts

PLAIN = "behaviour,start,stop,agent,target\nattack,10,20,a,b\nmount,15,30,b,a\n"


def read(tmp_path: Path, text: str, unit: str = "frames", **settings) -> Annotation:
    file = tmp_path / "x.csv"
    file.write_text(text)
    return build_bouts(BoutsConfig(unit=unit, **settings))(file)


def test_bouts_are_read(tmp_path: Path) -> None:
    annotation = read(tmp_path, PLAIN)
    assert annotation == Annotation(
        (Bout("attack", 10, 20, "a", "b", line=2), Bout("mount", 15, 30, "b", "a", line=3)), unit="frames"
    )


def test_frames_may_count_from_1_and_include_the_last(tmp_path: Path) -> None:
    (bout, _) = read(tmp_path, PLAIN, first_frame=1, stop_included=True).bouts
    assert (bout.start, bout.stop) == (9, 20)


def test_what_mabe_predict_writes_can_be_read(tmp_path: Path) -> None:
    text = (
        "recording,agent,target,behaviour,start_frame,stop_frame,start_second,stop_second,probability\n"
        "s1,a,b,attack,10,20,0.5,1.0,0.9\ns2,a,b,attack,1,2,0.05,0.1,0.9\n"
    )
    assert read(tmp_path, text, recording="s1").bouts == (Bout("attack", 10, 20, "a", "b", line=2),)
    (bout,) = read(tmp_path, text, "seconds", recording="s2").bouts
    assert (bout.start, bout.stop) == (0.05, 0.1)
    with pytest.raises(DataError, match=r"x.csv:1: holds 2 recordings \(s1, s2\): name one"):
        read(tmp_path, text)
    with pytest.raises(DataError, match=r"has no recording 's3'. Valid: s1, s2"):
        read(tmp_path, text, recording="s3")


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_columns_may_be_called_and_separated_otherwise(tmp_path: Path, separator: str) -> None:
    text = "Von,Bis,Was\n1.5,2.5,attack\n\n".replace(",", separator)
    columns = {"behaviour": "Was", "start": "Von", "stop": "Bis"}
    assert read(tmp_path, text, "seconds", columns=columns).bouts == (Bout("attack", 1.5, 2.5, line=2),)


DAMAGES = {
    "empty": ("", "the file is empty"),
    "no header": (PLAIN[PLAIN.index("\n") + 1 :], ":1: has no column for behaviour, start, stop"),
    "only a header": (PLAIN[: PLAIN.index("\n") + 1], ":1: there are no bouts"),
    "cut short": (PLAIN[:-8], ":3: 2 cells, not 5"),
    "no number": (PLAIN.replace("15", "soon"), ":3: column 'start' should be a whole number .*'soon'"),
    "part of a frame": (PLAIN.replace("15", "1.5"), ":3: column 'start' .* `unit: seconds` meant"),
    "endless": (PLAIN.replace("15", "inf"), ":3: column 'start'"),
    "columns swapped": (
        PLAIN.replace("start,stop", "stop,start"),
        ":2: 'attack' runs from 20 to 10.*swapped",
    ),
    "before the film": (PLAIN.replace("10,", "-3,"), ":2: 'attack' runs from -3 to 20"),
    "no behaviour": (PLAIN.replace("mount", ""), ":3: column 'behaviour' is empty"),
    "a column twice": (PLAIN.replace("target", "agent", 1), ":1: column 'agent' is there twice"),
    "two columns that fit": (PLAIN.replace("target", "end", 1), ":1: stop and end could both be stop"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_an_error_that_names_the_line(tmp_path: Path, damage: str) -> None:
    text, message = DAMAGES[damage]
    with pytest.raises(DataError, match=f"x.csv.*{message}"):
        read(tmp_path, text)


def test_a_column_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r":1: has no column 'strat' for start. Did you mean 'start'"):
        read(tmp_path, PLAIN, columns={"start": "strat"})


@pytest.mark.parametrize(
    "settings", [{"unit": "seconds", "first_frame": 1}, {"unit": "frames", "columns": {"begin": "x"}}]
)
def test_a_config_that_makes_no_sense_is_refused(settings) -> None:
    with pytest.raises(ValueError, match=r"first_frame|begin"):
        BoutsConfig(**settings)
