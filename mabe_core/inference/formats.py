"""The formats that predictions are written in, and what their files are called; light to import."""

from __future__ import annotations

from pathlib import Path

import attrs

from mabe_core.errors import UserError, did_you_mean


@attrs.frozen
class Format:
    """One format. help: for people. suffix: what the file of one recording ends in.

    own_suffix: whether other programs know such files by their suffix alone.
    """

    help: str
    suffix: str
    own_suffix: bool = True


FORMATS = {
    "csv": Format(
        "a row a bout: recording, agent, target, behaviour, frames, seconds, mean probability",
        ".bouts.csv",
        own_suffix=False,
    ),
    "boris": Format("a project that BORIS opens: an observation a recording", ".boris"),
    "boris_events": Format(
        "the table that BORIS exports: START and STOP of each bout, in seconds",
        ".boris.csv",
        own_suffix=False,
    ),
    "kaggle": Format(
        "a submission to the MABe challenge of 2025: a row a bout, of what each video lists",
        ".submission.csv",
        own_suffix=False,
    ),
    "calms21": Format("CalMS21's JSON: keypoints, scores, and a class a frame", ".calms21.json"),
}
_FRAMES_SUFFIX = ".frames.csv"


def check_format(form: str, *, frames: bool) -> None:
    """Raise UserError for a format that there is not, or that has no rows of frames."""
    if form not in FORMATS:
        raise UserError(f"no format is called {form!r}.{did_you_mean(form, list(FORMATS))}")
    if frames and form != "csv":
        raise UserError(f"a row a frame goes with csv, not with {form}")


def check_suffix(file: Path, form: str) -> None:
    """Raise UserError where a file for all recordings is called as other programs do not expect it."""
    wanted = Path(FORMATS[form].suffix).suffix or FORMATS[form].suffix
    if FORMATS[form].own_suffix and file.suffix.lower() != wanted:
        raise UserError(f"a {form} file ends in {wanted}, not in {file.suffix}: say `-o {file.stem}{wanted}`")


def file_name(recording: str, form: str, *, frames: bool) -> str:
    """Return the name of the file for one recording."""
    return f"{recording}{_FRAMES_SUFFIX if frames else FORMATS[form].suffix}"
