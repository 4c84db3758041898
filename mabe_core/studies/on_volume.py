"""study.json on a volume, under `studies/<study id>/`: kept there by whoever launches a study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mabe_core.cloud.claims import Claims
from mabe_core.cloud.manifest import belongs
from mabe_core.cloud.runs import find_cloud_id, volume_ids
from mabe_core.cloud.service import Account, Files
from mabe_core.errors import UserError
from mabe_core.runs.directory import STUDY, RunDirectory, copy_plugins
from mabe_core.runs.identity import EXPERIMENT_ID
from mabe_core.runs.names import alike
from mabe_core.runs.study import Study, as_json, parse_study, write_study

FOLDER = "studies"


def put_study(files: Files, study: Study, plugin_files: Sequence[tuple[str, bytes]]) -> None:
    """Write a study and its local plugin files to a volume."""
    folder = f"{FOLDER}/{study.id}"
    contents: list[tuple[Path | bytes, str]] = [
        (content, f"{folder}/plugins/{name}") for name, content in plugin_files
    ]
    files.upload([*contents, (json.dumps(as_json(study)).encode(), f"{folder}/{STUDY}")], replace=True)


def get_study(files: Files, study_id: str) -> Study | None:
    """Return a study of a volume, or None where there is none; raise UserError where it is damaged."""
    content = files.read(f"{FOLDER}/{study_id}/{STUDY}")
    if content is None:
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    return parse_study(found, f"{STUDY} of {study_id} on the volume", study_id)


def bring_study(files: Files, study: Study, runs_dir: Path) -> None:
    """Write a study of a volume, and its plugin files, to where studies are kept here."""
    plugins = f"{FOLDER}/{study.id}/plugins"
    names = [entry.path.rpartition("/")[2] for entry in files.list(plugins) if not entry.is_folder]
    wrong = [name for name in names if not belongs(f"plugins/{name}")] or alike(names) or ()
    if wrong:
        told = ", ".join(map(repr, wrong))
        raise UserError(f"{study.id} on the volume has plugin files that cannot be kept here: {told}")
    contents = [(name, files.read(f"{plugins}/{name}") or b"") for name in names]
    write_study(runs_dir, study)
    copy_plugins(RunDirectory(runs_dir / study.id), contents)


def find_in_cloud(account: Account, volume: str, beginning: str) -> Study | str:
    """Return the study, or the id of the run, that begins so; raise UserError where none or several do.

    Where all that begin so are one study and members of it, that is the study.
    """
    files = account.files(volume)
    entries = files.list(FOLDER) if files else []
    ids = [name for entry in entries if EXPERIMENT_ID.fullmatch(name := entry.path.rpartition("/")[2])]
    matching = [beginning] if beginning in ids else [each for each in ids if each.startswith(beginning)]
    if files is None or not matching:
        return find_cloud_id(account, volume, beginning)
    if len(matching) == 1:
        study = get_study(files, matching[0])
        runs = {*volume_ids(files), *Claims(account.store(volume)).all()} if beginning not in ids else set()
        others = {each for each in runs if each.startswith(beginning)}
        if study is not None and others <= {member.id for member in study.members}:
            return study
        matching.extend(sorted(others))
    raise UserError(f"{beginning!r} fits several studies and runs: {', '.join(matching)}")
