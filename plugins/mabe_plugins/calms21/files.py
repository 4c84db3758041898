"""Which files of CalMS21 hold the sequences of a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mabe_core import Role, UserError

if TYPE_CHECKING:
    from mabe_plugins.calms21 import CalMS21Config

PARTS: tuple[Role, ...] = ("train", "test")


def find_files(config: CalMS21Config, folder: Path) -> list[tuple[Path, Role]]:
    """Return the files of a task with their part; raise UserError where there is none, or one twice."""
    found: list[tuple[Path, Role]] = []
    forms = ("json", "npy") if config.form == "auto" else (config.form,)
    for part in PARTS:
        for form in forms:
            name = f"calms21_task{config.task}_{part}.{form}"
            files = sorted(folder.rglob(name))
            if len(files) > 1:
                told = ", ".join(file.relative_to(folder).as_posix() for file in files)
                raise UserError(f"{folder} holds {name} {len(files)} times ({told}): leave one.")
            if files:
                found.append((files[0], part))
                break
    if not found:
        there = sorted(file.name for file in folder.rglob("calms21_*.*"))[:8]
        wanted = " or ".join(f"calms21_task{config.task}_train.{form}" for form in forms)
        raise UserError(
            f"{folder} holds no {wanted}, nor such a file for test"
            + (f"; there: {', '.join(there)}." if there else ".")
        )
    return found
