"""What a reader of pose or label files promises: exchange.py's form, and DataError for anything else."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mabe_core.errors import DataError
from mabe_core.exchange import Annotation, PoseTracks
from mabe_core.testing.findings import Fault, NotAsked, Subject, Suite

Read = Callable[[Path], Any]

# what no reader takes for a file of its own: nothing, bytes of no text, text of no table
NONSENSE = (b"", bytes(range(256)) * 4, b"once upon a time\nthere was a mouse\n")


def prepare(subject: Subject) -> Subject:
    """See that it can be built."""
    subject.build()
    return subject


def _each(subject: Subject) -> Iterator[tuple[Path, Any]]:
    """Yield each sample file, and what is read from it."""
    if not subject.samples:
        raise NotAsked("no file to read: give one (`--sample FILE`, or samples=[…])")
    read: Read = subject.build()
    for file in subject.samples:
        yield file, read(file)


def suffixes_are_told(subject: Subject) -> str:
    """Its spec names the suffixes of the files that it reads, each with its dot."""
    suffixes = getattr(subject.spec, "suffixes", ())
    if not suffixes:
        raise Fault('its spec names no suffixes, such as (".csv",)')
    wrong = [each for each in suffixes if not each.startswith(".") or each != each.lower()]
    if wrong:
        raise Fault(f"suffix {wrong[0]!r} should be lower case and begin with a dot")
    return ", ".join(suffixes)


def nonsense_is_refused_with_its_name(subject: Subject) -> None:
    """A file that is empty, or holds something else, raises DataError that names it."""
    read: Read = subject.build()
    (suffix, *_) = getattr(subject.spec, "suffixes", ()) or ("",)
    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate(NONSENSE):
            file = Path(folder) / f"nonsense{number}{suffix}"
            file.write_bytes(content)
            what = "an empty file" if not content else f"a file that begins {content[:12]!r}"
            try:
                read(file)
            except DataError as error:
                if file.name not in str(error):
                    raise Fault(f"{what} is refused without its name: use DataError.at(file, …)") from error
            except Exception as error:
                kind = type(error).__name__
                raise Fault(f"{what} raises {kind} ({error}): raise DataError.at(file, …)") from error
            else:
                raise Fault(f"{what} is read as if it were one of its own: raise DataError.at(file, …)")


def tracks_keep_their_form(subject: Subject) -> str:
    """Points are float32 (frames, individuals, keypoints, 2 or 3), confidence in [0, 1], names unique."""
    for file, tracks in _each(subject):
        if not isinstance(tracks, PoseTracks):
            raise Fault(f"{file.name}: it read {type(tracks).__name__}, not PoseTracks")
        named = (len(tracks.individuals), len(tracks.keypoints))
        shape = tracks.points.shape
        if len(shape) != 4 or shape[1:3] != named or shape[3] not in (2, 3) or not shape[0]:
            raise Fault(f"{file.name}: points {shape}, not (frames, {named[0]}, {named[1]}, 2 or 3)")
        if tracks.points.dtype != np.float32:
            raise Fault(f"{file.name}: points of {tracks.points.dtype}, not float32")
        if np.isinf(tracks.points).any():
            raise Fault(f"{file.name}: infinite points; a missing point is NaN")
        for what, names in (("individual", tracks.individuals), ("keypoint", tracks.keypoints)):
            if len(set(names)) != len(names):
                raise Fault(f"{file.name}: two {what}s of one name, in {', '.join(names)}")
        confidence = tracks.confidence
        if confidence is not None and (confidence.shape != shape[:3] or confidence.dtype != np.float32):
            raise Fault(
                f"{file.name}: confidence {confidence.shape} of {confidence.dtype}, "
                f"not {shape[:3]} of float32"
            )
        if (
            confidence is not None
            and not ((confidence >= 0) & (confidence <= 1) | np.isnan(confidence)).all()
        ):
            raise Fault(f"{file.name}: confidence outside 0 to 1")
        if tracks.fps is not None and not 0 < tracks.fps < math.inf:
            raise Fault(f"{file.name}: {tracks.fps} frames a second; None where the format does not tell")
    return f"{len(subject.samples)} files"


def bouts_keep_their_form(subject: Subject) -> str:
    """Bouts have a behaviour, begin before they end, and lie at or after 0; so do observed stretches."""
    bouts = 0
    for file, annotation in _each(subject):
        if not isinstance(annotation, Annotation):
            raise Fault(f"{file.name}: it read {type(annotation).__name__}, not Annotation")
        if annotation.unit not in ("frames", "seconds"):
            raise Fault(f"{file.name}: the unit {annotation.unit!r} is neither frames nor seconds")
        stretches = [(bout.start, bout.stop, f"bout of {bout.behaviour!r}") for bout in annotation.bouts]
        stretches += [(start, stop, "observed stretch") for start, stop in annotation.observed or ()]
        for start, stop, what in stretches:
            if not 0 <= start < stop < math.inf:
                raise Fault(f"{file.name}: a {what} from {start} to {stop}")
        if any(not bout.behaviour for bout in annotation.bouts):
            raise Fault(f"{file.name}: a bout without a behaviour")
        bouts += len(annotation.bouts)
    return f"{len(subject.samples)} files, {bouts} bouts"


def it_repeats(subject: Subject) -> None:
    """The same file read again gives the same."""
    for (file, first), (_, second) in zip(_each(subject), _each(subject), strict=True):
        if list(map(str, _plain(first))) != list(map(str, _plain(second))):
            raise Fault(f"{file.name}: read a second time it is another")


def _plain(found: PoseTracks | Annotation) -> list[object]:
    """Return what was read, as arrays and plain values."""
    if isinstance(found, Annotation):
        return [each for bout in found.bouts for each in (bout.behaviour, bout.start, bout.stop)]
    return [found.points.tobytes(), found.individuals, found.keypoints, found.fps]


def values(subject: Subject) -> Iterator[object]:
    """Yield the numbers read from the sample files."""
    for _, found in _each(subject):
        if isinstance(found, PoseTracks):
            yield found.points
        else:
            yield from ((bout.start, bout.stop) for bout in found.bouts)


POSE_READER = Suite(
    (suffixes_are_told, nonsense_is_refused_with_its_name, tracks_keep_their_form, it_repeats),
    prepare,
    values,
)
LABEL_READER = Suite(
    (suffixes_are_told, nonsense_is_refused_with_its_name, bouts_keep_their_form, it_repeats), prepare, values
)
