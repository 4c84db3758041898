"""study.json: which experiments a study is made of, and how they differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from mabe_core.errors import UserError, did_you_mean
from mabe_core.runs.directory import RunDirectory, all_runs
from mabe_core.runs.files import read_json, write_json
from mabe_core.runs.identity import check_id_like
from mabe_core.runs.shape import known, misfits

FORMAT = 1
FILE = "study.json"


@attrs.frozen(kw_only=True)
class Member:
    """One experiment of a study. settings: by dotted key, in the order of the axes, what makes it differ."""

    id: str
    settings: dict[str, Any]


@attrs.frozen(kw_only=True)
class Study:
    """What study.json holds.

    axes: the dotted keys that members differ by; `seed` and the split's `fold` are those that scores are
    spread over. text: the study's file, resolved, to run it again.
    """

    id: str
    name: str
    description: str
    axes: list[str]
    members: tuple[Member, ...]
    text: str

    def runs(self, runs_dir: Path) -> list[RunDirectory]:
        """Return the members' run directories, whether they exist or not."""
        return [RunDirectory(runs_dir / member.id) for member in self.members]


def write_study(runs_dir: Path, study: Study) -> None:
    """Write the study's own folder."""
    folder = runs_dir / study.id
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FILE, {"format": FORMAT, **attrs.asdict(study)})


def read_study(folder: Path) -> Study:
    """Return the study of a folder; raise UserError where study.json is missing or damaged."""
    found = read_json(folder / FILE)
    if not isinstance(found, dict) or found.get("format") != FORMAT or misfits(found, Study):
        raise UserError(f"{folder / FILE} is damaged; running the study's file again writes it anew")
    members = tuple(Member(**known(each, Member)) for each in found["members"])
    return Study(**{**known(found, Study), "members": members})


def is_study(folder: Path) -> bool:
    """Tell whether a folder among the runs is a study's."""
    return (folder / FILE).is_file()


def find(runs_dir: Path, beginning: str) -> RunDirectory | Study:
    """Return the run or the study whose id begins so; raise UserError where none or several do."""
    check_id_like(beginning)
    entries = all_runs(runs_dir)
    exact = [entry for entry in entries if entry.id == beginning]
    matching = exact or [entry for entry in entries if entry.id.startswith(beginning)]
    if not matching:
        guess = did_you_mean(beginning, [entry.id for entry in entries])
        raise UserError(f"no run or study in {runs_dir} is {beginning!r}.{guess}")
    if len(matching) > 1:
        raise UserError(f"{beginning!r} fits several: {', '.join(entry.id for entry in matching)}")
    (entry,) = matching
    return read_study(entry.path) if is_study(entry.path) else entry
