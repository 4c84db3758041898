"""The Caltech annotator's reader: streams of bouts in frames."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from mabe_core import Annotation, Bout, DataError
from mabe_plugins.label_readers import CaltechConfig, build_caltech
from tests.plugins.pose_writing import write_caltech

FIRST = [(1, 10, "other"), (11, 20, "attack"), (25, 30, "mount")]
SECOND = [(5, 40, "attack")]


def read(file: Path, **settings) -> Annotation:
    return build_caltech(CaltechConfig(**settings))(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_caltech(tmp_path / "1_annot.txt", FIRST, SECOND)


def test_frames_from_1_with_both_ends_become_frames_from_0_without_the_last(file: Path) -> None:
    annotation = read(file)
    assert annotation.bouts == (
        Bout("other", 0, 10, line=10),
        Bout("attack", 10, 20, line=11),
        Bout("mount", 24, 30, line=12),
    )
    assert annotation.unit == "frames"
    assert annotation.observed == ((0, 30),)
    assert annotation.fps is None


def test_a_stream_is_chosen(file: Path) -> None:
    assert read(file, stream=2).bouts == (Bout("attack", 4, 40, line=16),)
    with pytest.raises(DataError, match="there is no stream S3; there are S1, S2"):
        read(file, stream=3)


def test_line_ends_of_either_kind_are_fine(file: Path) -> None:
    expected = read(file)
    file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
    assert read(file) == expected


def replaced(old: str, new: str):
    return lambda text: text.replace(old, new, 1)


DAMAGES = {
    "an unknown behaviour": (
        replaced("20\tattack", "20\tatack"),
        r":11: behaviour 'atack' .* Did you mean 'attack'",
    ),
    "start after end": (replaced("11\t20", "20\t11"), r":11: 'attack' runs from frame 20 to 11"),
    "frame 0": (replaced("1\t10", "0\t10"), r":10: 'other' runs from frame 0 to 10: frames count from 1"),
    "an overlap": (
        replaced("25\t30", "18\t30"),
        r":12: 'mount' starts at frame 18, before 'attack' of line 11 ends \(frame 20\)",
    ),
    "a duplicate": (
        replaced("25\t30\tmount", "11\t20\tattack"),
        r":12: 'attack' starts at frame 11, before 'attack' of line 11",
    ),
    "a cut row": (
        lambda text: text[: text.index("20\tattack") + 2],
        r":11: expected 'start end type', found '11\\t20'",
    ),
    "a cut name": (
        lambda text: text[: text.index("20\tattack") + 6],
        r":11: behaviour 'att' is not in the file's own list",
    ),
    "no number": (replaced("11\t20", "11\t2o"), r":11: expected 'start end type'"),
    "another title": (replaced("Caltech", "MARS"), r":1: found 'MARS Behavior Annotator"),
    "no configuration": (
        replaced("Configuration file:", ""),
        r":1: there is no 'Configuration file:' section",
    ),
    "no stream": (lambda text: text[: text.index("S1")], r"there is no stream \('S1: start end type'\)"),
    "an empty stream": (lambda text: text[: text.index("   \t1")], r"stream S1 has no bouts"),
    "a stream twice": (replaced("S2:", "S1:"), r":14: stream S1 is there twice"),
    "swapped columns": (replaced("11\t20\tattack", "attack\t11\t20"), r":11: expected 'start end type'"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_an_error_that_names_the_line(file: Path, damage: str) -> None:
    edit, message = DAMAGES[damage]
    file.write_bytes(edit(file.read_bytes().decode()).encode())
    with pytest.raises(DataError, match=message) as error:
        read(file)
    assert str(error.value).startswith(str(file))


@pytest.mark.parametrize(
    "content", [b"", b"\r\n\r\n", b"\x00\xff\x12" * 99, b"a,b\n", b"Caltech Behavior Annotator"]
)
def test_what_is_no_annotation_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.txt"
    file.write_bytes(content)
    with pytest.raises(DataError, match="an annotation starts with 'Caltech Behavior Annotator'"):
        read(file)


def test_bytes_changed_anywhere_never_end_in_another_error(file: Path) -> None:
    whole, chance = file.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole[: chance.integers(1, len(whole))] if chance.random() < 0.3 else whole)
        damaged[chance.integers(0, len(damaged))] = chance.integers(0, 256)
        file.write_bytes(damaged)
        with contextlib.suppress(DataError):
            assert read(file).bouts, "no bout was read, and nobody told"
