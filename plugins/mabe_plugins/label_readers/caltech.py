"""Reads what the Caltech Behavior Annotator wrote: a list of behaviours, then bouts stream by stream."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mabe_core import Annotation, Bout, DataError, did_you_mean
from mabe_plugins.label_readers.text import read_lines

if TYPE_CHECKING:
    from mabe_plugins.label_readers import CaltechConfig

TITLE = "Caltech Behavior Annotator"
EXPECTED = f"an annotation starts with {TITLE!r}, then 'Configuration file:' and the behaviours, then streams"
STREAM = re.compile(r"S(\d+):\s+start\s+end\s+type")

Lines = Sequence[tuple[int, str]]


def read_caltech(file: Path, config: CaltechConfig) -> Annotation:
    """Return one stream's bouts in frames from 0; the file counts from 1, both ends included.

    The observed time runs from the first frame to the stream's last.
    """
    lines = [(number, text.strip()) for number, text in enumerate(read_lines(file, EXPECTED), start=1)]
    if not lines[0][1].startswith(TITLE):
        raise DataError.at(file, f"found {lines[0][1][:40]!r}: {EXPECTED}.", 1)
    lines = [(number, text) for number, text in lines if text]
    streams = _streams(lines, file)
    behaviours = _behaviours(lines, file)
    wanted = f"S{config.stream}"
    if wanted not in streams:
        raise DataError.at(file, f"there is no stream {wanted}; there {_are(list(streams))}.")
    bouts = _bouts(streams[wanted], behaviours, wanted, file)
    return Annotation(bouts, unit="frames", observed=((0, bouts[-1].stop),))


def _are(names: Sequence[str]) -> str:
    return f"is {names[0]}" if len(names) == 1 else f"are {', '.join(names)}"


def _streams(lines: Lines, file: Path) -> dict[str, list[tuple[int, str]]]:
    """Return each stream's rows, without the rule of dashes under its head."""
    streams: dict[str, list[tuple[int, str]]] = {}
    current: list[tuple[int, str]] | None = None
    for number, text in lines:
        if head := STREAM.fullmatch(text):
            name = f"S{head[1]}"
            if name in streams:
                raise DataError.at(file, f"stream {name} is there twice.", number)
            current = streams[name] = []
        elif current is not None and set(text) != {"-"}:
            current.append((number, text))
    if not streams:
        raise DataError.at(file, f"there is no stream ('S1: start end type'): {EXPECTED}.", lines[-1][0])
    return streams


def _behaviours(lines: Lines, file: Path) -> list[str]:
    """Return the names listed between the configuration's head and the first stream; a key follows each."""
    texts = [text for _, text in lines]
    if "Configuration file:" not in texts:
        raise DataError.at(file, f"there is no 'Configuration file:' section: {EXPECTED}.", 1)
    start = texts.index("Configuration file:") + 1
    stop = next(at for at, text in enumerate(texts) if STREAM.fullmatch(text))
    names = [text.rsplit(maxsplit=1)[0] for text in texts[start:stop]]
    if not names:
        raise DataError.at(file, "no behaviour is listed under 'Configuration file:'.", lines[start - 1][0])
    return names


def _bouts(rows: Lines, behaviours: Sequence[str], stream: str, file: Path) -> tuple[Bout, ...]:
    bouts: list[Bout] = []
    for number, text in rows:
        bout = _bout(text, number, behaviours, file)
        if bouts and bout.start < bouts[-1].stop:
            earlier = bouts[-1]
            raise DataError.at(
                file,
                f"{bout.behaviour!r} starts at frame {bout.start + 1:g}, before {earlier.behaviour!r} of "
                f"line {earlier.line} ends (frame {earlier.stop:g}). Bouts of a stream follow one another.",
                number,
            )
        bouts.append(bout)
    if not bouts:
        raise DataError.at(file, f"stream {stream} has no bouts. Name another stream, or leave the file out.")
    return tuple(bouts)


def _bout(text: str, number: int, behaviours: Sequence[str], file: Path) -> Bout:
    cells = text.split(maxsplit=2)
    if len(cells) != 3 or not (cells[0].isdecimal() and cells[1].isdecimal()):
        raise DataError.at(
            file, f"expected 'start end type', found {text[:60]!r}: the file is cut short or damaged.", number
        )
    start, end, behaviour = int(cells[0]), int(cells[1]), cells[2]
    if behaviour not in behaviours:
        hint = did_you_mean(behaviour, behaviours)
        raise DataError.at(
            file, f"behaviour {behaviour!r} is not in the file's own list of behaviours.{hint}", number
        )
    if not 1 <= start <= end:
        raise DataError.at(
            file,
            f"{behaviour!r} runs from frame {start} to {end}: frames count from 1, start before end.",
            number,
        )
    return Bout(behaviour, start - 1, end, line=number)
