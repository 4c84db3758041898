"""The formats that predictions are written in, and what their files are called; light to import."""

from __future__ import annotations

from mabe_core.errors import UserError, did_you_mean

FORMATS = {
    "csv": "a row a bout: recording, agent, target, behaviour, frames, seconds, mean probability",
    "boris": "events as BORIS exports them: START and STOP of each bout, in seconds",
}


def check_format(form: str, *, frames: bool) -> None:
    """Raise UserError for a format that there is not, or that has no rows of frames."""
    if form not in FORMATS:
        raise UserError(f"no format is called {form!r}.{did_you_mean(form, list(FORMATS))}")
    if frames and form != "csv":
        raise UserError(f"a row a frame goes with csv: {form} knows bouts alone")


def file_name(recording: str, form: str, *, frames: bool) -> str:
    """Return the name of the file for one recording."""
    return f"{recording}.{'frames' if frames else 'bouts' if form == 'csv' else form}.csv"
