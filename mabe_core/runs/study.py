"""study.json: which experiments a study is made of, and how they differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import attrs

from mabe_core.errors import UserError, did_you_mean
from mabe_core.runs.directory import STUDY as FILE
from mabe_core.runs.directory import RunDirectory, all_ids
from mabe_core.runs.files import read_json, write_json
from mabe_core.runs.identity import EXPERIMENT_ID, check_id_like
from mabe_core.runs.shape import known, misfits

FORMAT = 1


@attrs.frozen(kw_only=True)
class Member:
    """One experiment of a study. settings: by dotted key, in the order of the axes, what makes it differ."""

    id: str
    settings: dict[str, Any]


@attrs.frozen(kw_only=True)
class Trial:
    """One draw of a sampled study. settings: what was drawn, by dotted key; members: the ids it was run by.

    state: `failed` where a member was; then, and while it runs, it has no value. value: the mean over its
    members of the best monitored score on validation.
    """

    number: int
    settings: dict[str, Any]
    members: list[str]
    state: Literal["running", "finished", "failed"] = "running"
    value: float | None = None


@attrs.frozen(kw_only=True)
class Study:
    """What study.json holds.

    axes: the dotted keys that members differ by; `seed` and the split's `fold` are those that scores are
    spread over. text: the study's file with what it extends and `--set`, to run it again; its plugin files
    are copied beside it. trials: of a study that samples, those drawn so far, by number.
    """

    id: str
    name: str
    description: str
    axes: list[str]
    members: tuple[Member, ...]
    text: str
    trials: tuple[Trial, ...] = ()

    def runs(self, runs_dir: Path) -> list[RunDirectory]:
        """Return the members' run directories, whether they exist or not."""
        return [RunDirectory(runs_dir / member.id) for member in self.members]


def as_json(study: Study) -> dict[str, Any]:
    """Return what study.json says."""
    return {"format": FORMAT, **attrs.asdict(study)}


def parse_study(found: Any, where: str, study_id: str) -> Study:
    """Return the study of this id that a study.json says; raise UserError where it is damaged."""
    whole = isinstance(found, dict) and found.get("format") == FORMAT and not misfits(found, Study)
    # ids become folders
    if not whole or found["id"] != study_id or not all(map(_is_id, _ids(found))):
        raise UserError(f"{where} is damaged; running the study's file again writes it anew")
    members = tuple(Member(**known(each, Member)) for each in found["members"])
    trials = tuple(Trial(**known(each, Trial)) for each in found.get("trials", ()))
    return Study(**{**known(found, Study), "members": members, "trials": trials})


def _ids(found: dict[str, Any]) -> list[str]:
    drawn = [member for trial in found.get("trials", ()) for member in trial["members"]]
    return [found["id"], *(member["id"] for member in found["members"]), *drawn]


def _is_id(word: str) -> bool:
    return EXPERIMENT_ID.fullmatch(word) is not None


def write_study(runs_dir: Path, study: Study) -> None:
    """Write the study's own folder."""
    folder = runs_dir / study.id
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FILE, as_json(study))


def read_study(folder: Path) -> Study:
    """Return the study of a folder; raise UserError where study.json is missing or damaged."""
    return parse_study(read_json(folder / FILE), str(folder / FILE), folder.name)


def is_study(folder: Path) -> bool:
    """Tell whether a folder among the runs is a study's."""
    return (folder / FILE).is_file()


def find(runs_dir: Path, beginning: str) -> RunDirectory | Study:
    """Return the run or the study whose id begins so; raise UserError where none or several do.

    Where all that begin so are one study and members of it, that is the study.
    """
    check_id_like(beginning)
    ids = all_ids(runs_dir)
    matching = [beginning] if beginning in ids else [each for each in ids if each.startswith(beginning)]
    if not matching:
        raise UserError(f"no run or study in {runs_dir} is {beginning!r}.{did_you_mean(beginning, ids)}")
    if len(matching) == 1:
        folder = runs_dir / matching[0]
        return read_study(folder) if is_study(folder) else RunDirectory(folder)
    studies = [read_study(runs_dir / each) for each in matching if is_study(runs_dir / each)]
    if len(studies) == 1 and {studies[0].id, *(member.id for member in studies[0].members)} >= set(matching):
        return studies[0]
    raise UserError(f"{beginning!r} fits several: {', '.join(matching)}")
