"""Where and how the members of a study are run on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from mabe_core.exchange import DataAccess
from mabe_core.experiment.text import tree_text
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.record import machine
from mabe_core.studies.expansion import MemberExperiment
from mabe_core.studies.member import Order


@attrs.frozen(kw_only=True)
class Place:
    """Where and how members are run here. plugin_files: beside those that the experiments name."""

    runs_dir: Path
    access: DataAccess
    plugin_files: tuple[Path, ...] = ()
    jobs: int = 1
    fresh: bool = False

    def run_of(self, member: MemberExperiment) -> RunDirectory:
        """Return a member's run directory, whether it exists or not."""
        return RunDirectory(self.runs_dir / member.id)

    def order(self, member: MemberExperiment) -> Order:
        """Return what a member's process is told."""
        return Order(
            id=member.id,
            text=tree_text(member.document.tree),
            folder=str(member.document.folder.absolute()),
            plugin_files=[str(file.absolute()) for file in self.plugin_files],
            runs_dir=str(self.runs_dir.absolute()),
            data_folders=[str(folder.absolute()) for folder in self.access.folders],
            fresh=self.fresh,
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """What members have in their environment: their share of the cores, where several run at once."""
        threads = self.threads
        return {} if threads is None else {"OMP_NUM_THREADS": str(threads)}

    @property
    def threads(self) -> int | None:
        """The CPU threads that each member uses; None where torch or the user decides."""
        if self.jobs == 1 or "OMP_NUM_THREADS" in os.environ:
            return None
        return max(1, int(machine()["cores"]) // self.jobs)
