"""From annotation to label track: which frames of a recording show which class.

A frame is inside a bout when the frame's midpoint is: frame i of a film of `fps` frames a second is shown
from i / fps to (i + 1) / fps, and belongs to a bout of the seconds [start, stop) if
start <= (i + 0.5) / fps < stop. A bout that is given in frames is taken as it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np

from mabe_core.errors import DataError, Location, Problem, did_you_mean
from mabe_core.exchange import UNLABELLED, Annotation, Bout

if TYPE_CHECKING:
    from numpy.typing import NDArray

# times are written with three decimals; less than this share of a frame is rounding of the arithmetic
_ROUNDING = 1e-6
# what an annotation program tells of a film's length may be one frame off
_LENGTH_SLACK = 1


@attrs.frozen(kw_only=True)
class LabelRules:
    """How an annotation becomes labels.

    classes: names in the order of the track's columns.
    behaviours: the annotation's word for a class, where it differs from the class's name.
    background: the class of an observed frame without a bout; None leaves such a frame without a class, which
        in exclusive labels makes it unlabelled.
    exclusive: whether a frame has at most one class.
    other_behaviours: what a bout of no class becomes.
    unobserved: what frames become that nobody watched.
    past_end: what becomes of bouts past the last frame.
    """

    classes: tuple[str, ...]
    behaviours: Mapping[str, str] = attrs.field(factory=dict)
    background: str | None = None
    exclusive: bool = True
    other_behaviours: Literal["error", "background", "unlabelled"] = "error"
    unobserved: Literal["unlabelled", "background"] = "unlabelled"
    past_end: Literal["error", "trim"] = "error"

    def class_of(self, behaviour: str) -> int | None:
        """Return the column of an annotation's word, or None where it is no class."""
        name = self.behaviours.get(behaviour, behaviour)
        return self.classes.index(name) if name in self.classes else None


@attrs.frozen(eq=False)
class LabelTrack:
    """Labels of one recording, and what was done to get them.

    labels: int8 (frames, classes): 1, 0, or -1 for unlabelled.
    past_end: frames that the annotation runs past the recording, cut off.
    too_short: bouts so short that no frame's midpoint is inside.
    others: bouts of behaviours that are no class, by behaviour.
    """

    labels: NDArray[np.int8]
    past_end: int = 0
    too_short: int = 0
    others: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen
class _Span:
    """Frames [start, stop) of a bout; column None for a behaviour that is no class."""

    start: int
    stop: int
    column: int | None
    bout: Bout


def label_track(
    annotation: Annotation, frames: int, fps: float, rules: LabelRules, file: Path | str
) -> LabelTrack:
    """Make the label track of a recording of so many frames.

    Raises DataError, naming the lines of `file`, for a behaviour that is no class, a bout that ends before
    it starts or lies outside the observed time or the recording, and overlapping bouts of exclusive classes.
    """
    scale = fps if annotation.unit == "seconds" else None
    spans = [_span(bout, scale, rules, file) for bout in annotation.bouts]
    told = annotation.observed or ()
    if not all(0 <= start <= stop < math.inf for start, stop in told):
        raise DataError.at(file, f"the observed time that it tells makes no sense: {told}.")
    observed = [(_frame(start, scale), _frame(stop, scale)) for start, stop in told]
    if annotation.observed is None:
        observed = [(0, max([frames, *(span.stop for span in spans)]))]
    problems = [
        *_unknown(spans, rules, file),
        *_outside(spans, observed, file),
        *_past(spans, observed, frames, rules, file),
    ]
    if rules.exclusive:
        problems += _overlaps(spans, rules, file)
    if problems:
        raise DataError(problems)
    return LabelTrack(
        labels=_paint(spans, observed, frames, rules),
        past_end=max(0, *(stop - frames for stop in _ends(spans, observed))),
        too_short=sum(span.start == span.stop and span.column is not None for span in spans),
        others=Counter(span.bout.behaviour for span in spans if span.column is None),
    )


def _frame(time: float, scale: float | None) -> int:
    """Return the first frame whose midpoint is at `time` or later."""
    if scale is None:
        return int(time)
    return max(0, math.ceil(time * scale - 0.5 - _ROUNDING))


def _span(bout: Bout, scale: float | None, rules: LabelRules, file: Path | str) -> _Span:
    if not (0 <= bout.start <= bout.stop < math.inf):
        what = f"{bout.behaviour!r} lasts from {bout.start:g} to {bout.stop:g}"
        raise DataError.at(file, f"{what}: a bout starts at 0 or later and stops after it starts.", bout.line)
    return _Span(_frame(bout.start, scale), _frame(bout.stop, scale), rules.class_of(bout.behaviour), bout)


def _problem(file: Path | str, line: int | None, message: str) -> Problem:
    return Problem(message, Location(str(file), line))


def _unknown(spans: Sequence[_Span], rules: LabelRules, file: Path | str) -> list[Problem]:
    if rules.other_behaviours != "error":
        return []
    first: dict[str, _Span] = {}
    for span in spans:
        if span.column is None:
            first.setdefault(span.bout.behaviour, span)
    words = [*rules.classes, *rules.behaviours]
    return [
        _problem(
            file,
            span.bout.line,
            f"behaviour {name!r} is none of the classes.{did_you_mean(name, words)} Add it to `classes`, "
            "map it to one under `behaviours`, or say what its frames are: `other_behaviours: background` "
            "or `unlabelled`.",
        )
        for name, span in first.items()
    ]


def _outside(spans: Sequence[_Span], observed: Sequence[tuple[int, int]], file: Path | str) -> list[Problem]:
    return [
        _problem(
            file,
            span.bout.line,
            f"bout {span.bout.behaviour!r} ({span.bout.start:g} to {span.bout.stop:g}) lies outside the "
            "observed time that the file tells. Correct the file.",
        )
        for span in spans
        if span.start < span.stop
        and not any(
            start - _LENGTH_SLACK <= span.start and span.stop <= stop + _LENGTH_SLACK
            for start, stop in observed
        )
    ]


def _ends(spans: Sequence[_Span], observed: Sequence[tuple[int, int]]) -> list[int]:
    """Return where the bouts end, and where the observed time does if by more than its slack."""
    return [0, *(span.stop for span in spans), *(stop - _LENGTH_SLACK for _, stop in observed)]


def _past(
    spans: Sequence[_Span],
    observed: Sequence[tuple[int, int]],
    frames: int,
    rules: LabelRules,
    file: Path | str,
) -> list[Problem]:
    """Tell the first bout that runs past the recording, and how far the annotation does in all."""
    if rules.past_end == "trim":
        return []
    over = max(_ends(spans, observed)) - frames
    if over <= 0:
        return []
    late = next((span.bout for span in spans if span.stop > frames), None)
    what = f"bout {late.behaviour!r} ends" if late else "the observed time ends"
    remedy = "Check that the two files belong together and that fps is right, or write `past_end: trim`."
    return [
        _problem(
            file,
            late.line if late else None,
            f"{what} {over} frame{'s' * (over > 1)} past the pose's end ({frames} frames). {remedy}",
        )
    ]


def _overlaps(spans: Sequence[_Span], rules: LabelRules, file: Path | str) -> list[Problem]:
    """Tell each bout that shares a frame with an earlier one of another class."""
    problems: list[Problem] = []
    longest: _Span | None = None
    for span in sorted(
        (s for s in spans if s.column is not None and s.start < s.stop), key=lambda s: s.start
    ):
        if longest is not None and span.start < longest.stop and span.column != longest.column:
            other = longest.bout
            problems.append(
                _problem(
                    file,
                    span.bout.line,
                    f"bout {span.bout.behaviour!r} overlaps bout {other.behaviour!r}"
                    + (f" of line {other.line}" if other.line else "")
                    + f" by {min(span.stop, longest.stop) - span.start} frames, and a frame has one class. "
                    "Correct the file, or leave one of the two out of `classes`.",
                )
            )
        if longest is None or span.stop > longest.stop:
            longest = span
    return problems


def _paint(
    spans: Sequence[_Span], observed: Sequence[tuple[int, int]], frames: int, rules: LabelRules
) -> NDArray[np.int8]:
    known = np.zeros(frames, dtype=bool)
    for start, stop in observed:
        known[start:stop] = True
    if rules.unobserved == "background":
        known[:] = True
    labels = np.zeros((frames, len(rules.classes)), dtype=np.int8)
    for span in spans:
        if span.column is not None:
            labels[span.start : span.stop, span.column] = 1
        elif rules.other_behaviours == "unlabelled":
            known[span.start : span.stop] = False
    empty = ~labels.any(axis=1)
    if rules.background is not None:
        labels[empty, rules.classes.index(rules.background)] = 1
    elif rules.exclusive:
        known &= ~empty
    labels[empty & ~known] = UNLABELLED
    return labels
