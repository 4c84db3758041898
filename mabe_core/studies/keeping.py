"""study.json and what lies beside it: all that is needed to run a study again, or to look at it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from mabe_core.experiment import Document, read_text
from mabe_core.experiment.text import tree_text
from mabe_core.runs.directory import RunDirectory, copy_plugins
from mabe_core.runs.opening import local_files
from mabe_core.runs.study import Member, Study, Trial, is_study, read_study, write_study
from mabe_core.studies.expansion import MemberExperiment, StudyFile, study_id


@attrs.frozen(eq=False)
class KeptStudy:
    """A study and its folder among the runs. members: those of a study that does not sample."""

    file: StudyFile
    runs_dir: Path
    id: str
    members: tuple[MemberExperiment, ...]

    @classmethod
    def of(cls, file: StudyFile, runs_dir: Path) -> KeptStudy:
        """Expand a study; raise UserError where members are wrong."""
        members = file.members()
        return cls(file, runs_dir, study_id(file, members), () if file.samples else members)

    @property
    def total(self) -> int:
        """How many members there are in the end; two trials may draw the same."""
        sample = self.file.experiment.study.sample if self.file.experiment.study else None
        return self.file.plan.size * (sample.trials if sample else 1)

    @property
    def folder(self) -> Path:
        return self.runs_dir / self.id

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials that earlier runs of a sampled study have drawn."""
        return read_study(self.folder).trials if is_study(self.folder) else ()

    def study(self, members: Iterable[MemberExperiment], trials: Sequence[Trial] = ()) -> Study:
        """Return what study.json is to say."""
        experiment = self.file.experiment
        plugins = [f"plugins/{name}" for name, _ in self.plugin_files]
        return Study(
            id=self.id,
            name=experiment.name,
            description=experiment.description,
            axes=self.file.axes,
            members=tuple(Member(id=each.id, settings=dict(each.settings)) for each in members),
            text=tree_text({**self.file.document.tree, "plugins": plugins}),
            trials=tuple(trials),
        )

    @property
    def plugin_files(self) -> tuple[tuple[str, bytes], ...]:
        """Names and contents of the local plugin files, any of which a member may name."""
        return local_files([plugin.origin for plugin in self.file.registry.plugins])

    def write(self, members: Iterable[MemberExperiment], trials: Sequence[Trial] = ()) -> None:
        """Write study.json."""
        write_study(self.runs_dir, self.study(members, trials))

    def write_plugins(self) -> None:
        """Write the local plugin files beside it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        copy_plugins(RunDirectory(self.folder), self.plugin_files)


def document_of(study: Study, folder: Path, overrides: Sequence[str] = ()) -> Document:
    """Return a study's file as it was kept."""
    return read_text(study.text, f"{study.id}/study.json", folder=folder, overrides=overrides)
