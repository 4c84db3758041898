"""The BORIS reader: events paired to bouts, in the forms that BORIS exports."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from mabe_core import Annotation, Bout, DataError
from mabe_plugins.label_readers import BorisConfig, build_boris
from tests.plugins.pose_writing import write_boris

TWO_BOUTS = [
    (1.0, "resident", "attack", "START"),
    (2.5, "resident", "attack", "STOP"),
    (3.0, "No focal subject", "mount", "START"),
    (4.0, "No focal subject", "mount", "STOP"),
]


def read(file: Path, **settings) -> Annotation:
    return build_boris(BorisConfig(**settings))(file)


def test_start_and_stop_make_a_bout(tmp_path: Path) -> None:
    annotation = read(write_boris(tmp_path / "x.csv", TWO_BOUTS))
    assert annotation.bouts == (
        Bout("attack", 1.0, 2.5, agent="resident", line=17),
        Bout("mount", 3.0, 4.0, line=19),
    )
    assert annotation.unit == "seconds"
    assert annotation.observed == ((0.0, 10.0),)
    assert annotation.fps == 10.0
    assert annotation.notes == ()


def test_subjects_and_behaviours_are_paired_apart(tmp_path: Path) -> None:
    events = [
        (1.0, "a", "attack", "START"),
        (1.5, "b", "attack", "START"),
        (1.6, "a", "mount", "START"),
        (2.0, "a", "attack", "STOP"),
        (3.0, "b", "attack", "STOP"),
        (4.0, "a", "mount", "STOP"),
    ]
    bouts = read(write_boris(tmp_path / "x.csv", events)).bouts
    assert [(bout.behaviour, bout.agent, bout.start, bout.stop) for bout in bouts] == [
        ("attack", "a", 1.0, 2.0),
        ("attack", "b", 1.5, 3.0),
        ("mount", "a", 1.6, 4.0),
    ]


def test_the_columns_of_boris_8_are_known(tmp_path: Path) -> None:
    file = tmp_path / "x.tsv"
    head = (
        "Observation id,Observation date,Description,Observation type,Source,Time offset (s),Coding duration,"
        "Media duration (s),FPS (frame/s),Subject,Observation duration by subject by observation,Behavior,"
        "Behavioral category,Behavior type,Time,Media file name,Image index,Image file path,Comment"
    )
    row = "first,2024-01-01,,Media file(s),player #1,0,9.0,10.0,25.0,resident,9.0,attack,,{},{},a.mp4,,,{}"
    lines = [head, row.format("START", "1.0", '"two\nlines"'), row.format("STOP", "00:00:02.500", "")]
    file.write_text("\n".join(line.replace(",", "\t") for line in lines))
    annotation = read(file)
    assert annotation.bouts == (Bout("attack", 1.0, 2.5, agent="resident", line=2),)
    assert annotation.fps == 25.0
    file.write_text(file.read_text() + "\n" + row.replace(",", "\t").format("START", "3.0", ""))
    with pytest.raises(DataError, match=":5: START of 'attack'"):  # the comment's line end is counted
        read(file)


def test_one_of_several_observations_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    head = "Observation id,Time,Total length,FPS,Subject,Behavior,Status"
    rows = [
        f"{name},{time},10,10,,attack,{status}"
        for name in ("a", "b")
        for time, status in ((1, "START"), (2, "STOP"))
    ]
    file.write_text("\n".join([head, *rows]))
    with pytest.raises(DataError, match=r"holds 2 observations \(a, b\): name one"):
        read(file)
    with pytest.raises(DataError, match="has no observation 'c'"):
        read(file, observation="c")
    assert [bout.line for bout in read(file, observation="b").bouts] == [4]


START_ALONE = [(1.0, "a", "attack", "START"), (4.0, "a", "attack", "START"), (5.0, "a", "attack", "STOP")]
STOP_ALONE = [(1.0, "a", "attack", "STOP"), (4.0, "a", "attack", "START"), (5.0, "a", "attack", "STOP")]
NEVER_STOPPED = [*TWO_BOUTS, (8.0, "a", "mount", "START")]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (START_ALONE, r":17: START of 'attack' of 'a' at 1 s has no STOP.*unmatched: close"),
        (STOP_ALONE, r":17: STOP of 'attack' of 'a' at 1 s has no START"),
        (NEVER_STOPPED, r":21: START of 'mount' of 'a' at 8 s has no STOP"),
    ],
)
def test_an_event_alone_is_an_error(tmp_path: Path, events, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(write_boris(tmp_path / "x.csv", events))


@pytest.mark.parametrize(
    ("events", "unmatched", "spans", "note"),
    [
        (START_ALONE, "close", [(1, 4), (4, 5)], "START without STOP, closed: 1 (lines 17)"),
        (START_ALONE, "drop", [(4, 5)], "START or STOP without the other, dropped: 1 (lines 17)"),
        (STOP_ALONE, "close", [(4, 5)], "START or STOP without the other, dropped: 1 (lines 17)"),
        (STOP_ALONE, "drop", [(4, 5)], "START or STOP without the other, dropped: 1 (lines 17)"),
        (NEVER_STOPPED, "close", [(1, 2.5), (3, 4), (8, 10)], "START without STOP, closed: 1 (lines 21)"),
    ],
)
def test_an_event_alone_is_repaired_and_counted_where_asked(
    tmp_path: Path, events, unmatched: str, spans, note: str
) -> None:
    annotation = read(write_boris(tmp_path / "x.csv", events), unmatched=unmatched)
    assert [(bout.start, bout.stop) for bout in annotation.bouts] == spans
    assert annotation.notes == (note,)


def test_events_without_duration_are_an_error_or_dropped(tmp_path: Path) -> None:
    file = write_boris(tmp_path / "x.csv", [*TWO_BOUTS, (5.0, "a", "rear", "POINT")])
    with pytest.raises(DataError, match=r":21: 'rear' is an event without duration.*points: drop"):
        read(file)
    annotation = read(file, points="drop")
    assert len(annotation.bouts) == 2
    assert annotation.notes == ("events without duration, dropped: 1 (lines 21)",)


def test_a_stop_before_its_start_is_an_error(tmp_path: Path) -> None:
    events = [(3.0, "a", "attack", "START"), (2.0, "a", "attack", "STOP")]
    with pytest.raises(
        DataError, match=r":18: 'attack' has a STOP at 2 s, before its START of line 17 at 3 s"
    ):
        read(write_boris(tmp_path / "x.csv", events))


def replaced(old: str, new: str):
    return lambda text: text.replace(old, new, 1)


DAMAGES = {
    "a cut row": (lambda text: text[: text.rindex("10.000")], r":20: 3 cells, not 9: .*cut short"),
    "a missing column": (
        replaced("Behavior,", "Behaviour,"),
        r":16: columns are missing: Behavior; a BORIS table",
    ),
    "no header": (replaced("Time,Media", "Zeit,Datei"), r":16: columns are missing: Time"),
    "swapped columns": (
        replaced("FPS,Subject", "Subject,FPS"),
        r":17: FPS should be one number above 0, not 'resident'",
    ),
    "no time": (replaced("2.500", "two"), r":18: Time should be seconds .* not 'two'"),
    "a time past the film": (
        replaced("4.000", "12.000"),
        r":20: Time should be seconds from 0 to the film's 10, not '12.000'",
    ),
    "a negative time": (replaced("1.000", "-1.000"), r":17: Time should be seconds"),
    "an unknown status": (
        replaced("START", "BEGIN"),
        r":17: Status should be START, STOP or POINT, not 'BEGIN'",
    ),
    "no behaviour": (replaced("attack", ""), r":17: Behavior is empty"),
    "two lengths": (replaced("10.000", "11.000"), r":18: Total length is 10 here and 11 further up"),
    "no fps": (replaced("10.0,resident", "NA,resident"), r":17: FPS should be one number above 0, not 'NA'"),
    "no events": (lambda text: text[: text.index("Status") + 7], r":16: there are no events"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_an_error_that_names_the_line(tmp_path: Path, damage: str) -> None:
    edit, message = DAMAGES[damage]
    file = write_boris(tmp_path / "x.csv", TWO_BOUTS)
    file.write_text(edit(file.read_text()))
    with pytest.raises(DataError, match=message) as error:
        read(file)
    assert str(error.value).startswith(str(file))


AGGREGATED = (
    "Observation id,Media duration (s),FPS (frame/s),Subject,Behavior,Modifier #1,Behavior type,Start (s),"
    "Stop (s),Duration (s)\n"
    "first,10.0,25.0,resident,attack,intruder,STATE,1.0,2.5,1.5\n"
    "first,10.0,25.0,No focal subject,mount,,STATE,3.0,4.0,1.0\n"
)


def test_aggregated_events_are_bouts(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(AGGREGATED)
    annotation = read(file)
    assert annotation.bouts == (
        Bout("attack", 1.0, 2.5, agent="resident", line=2),
        Bout("mount", 3.0, 4.0, line=3),
    )
    assert (annotation.observed, annotation.fps) == (((0.0, 10.0),), 25.0)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("1.0,2.5", "2.5,1.0", r":2: 'attack' stops at 1 s, before it starts at 2.5 s"),
        ("3.0,4.0", "3.0,40.0", r":3: Stop \(s\) should be seconds from 0 to the film's 10, not '40.0'"),
        ("3.0,4.0", "soon,4.0", r":3: Start \(s\) should be seconds"),
        ("STATE,3.0,4.0,1.0", "POINT,3.0,3.0,0", r":3: 'mount' is an event without duration"),
        (",attack,", ",,", ":2: Behavior is empty"),
        (",4.0,1.0\n", "", ":3: 8 cells, not 10"),
        ("Stop (s)", "Stop", r":1: columns are missing: Stop \(s\)"),
        ("first,10.0,25.0,No", "first,10.0,30.0,No", ":3: FPS is 30 here and 25 further up"),
    ],
)
def test_damaged_aggregated_events_are_an_error(tmp_path: Path, before, after, message: str) -> None:
    file = tmp_path / "x.csv"
    assert before in AGGREGATED
    file.write_text(AGGREGATED.replace(before, after))
    with pytest.raises(DataError, match=f"x.csv{message}"):
        read(file)


def test_a_column_may_tell_the_target(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(AGGREGATED.replace("mount,,", "mount,resident,"))
    assert [bout.target for bout in read(file, target="Modifier #1").bouts] == ["intruder", "resident"]
    with pytest.raises(DataError, match=r"x.csv:1: has no column 'Modifiers' to name targets"):
        read(file, target="Modifiers")
    file.write_text(AGGREGATED)
    with pytest.raises(DataError, match=r"x.csv:3: Modifier #1 is empty, and should name the target"):
        read(file, target="Modifier #1")
    head = "Time,Total length,FPS,Subject,Behavior,Modifiers,Status\n"
    rows = [
        f"{time},10,10,a,attack,{whom},{status}\n"
        for time, whom, status in ((1, "b", "START"), (2, "c", "START"), (3, "b", "STOP"), (4, "c", "STOP"))
    ]
    file.write_text(head + "".join(rows))
    assert [(bout.target, bout.start, bout.stop) for bout in read(file, target="Modifiers").bouts] == [
        ("b", 1.0, 3.0),
        ("c", 2.0, 4.0),
    ]


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe\x00junk" * 40, b"a,b\n1,2\n", b"\0" * 100])
def test_what_is_no_boris_table_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match="a BORIS table has"):
        read(file)


def test_bytes_changed_anywhere_never_end_in_another_error(tmp_path: Path) -> None:
    file = write_boris(tmp_path / "x.csv", TWO_BOUTS)
    whole, chance = file.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole[: chance.integers(1, len(whole))] if chance.random() < 0.3 else whole)
        damaged[chance.integers(0, len(damaged))] = chance.integers(0, 256)
        file.write_bytes(damaged)
        with contextlib.suppress(DataError):
            assert read(file).bouts, "no bout was read, and nobody told"
