"""The members of a sampled study, trial after trial: drawn, written into study.json, told to the sampler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from mabe_core.cloud.outcome import Outcome
from mabe_core.runs.study import Trial
from mabe_core.studies.expansion import MemberExperiment, StudyFile
from mabe_core.studies.sampling import Space, drawn_trial, settled


class Trials:
    """Where the members of a sampled study come from.

    known: the trials of earlier runs of the study. best_of: a member's best score on validation, by its id.
    save: told all trials whenever they change.
    """

    def __init__(
        self,
        study: StudyFile,
        space: Space,
        known: Sequence[Trial],
        *,
        best_of: Callable[[str], float | None],
        save: Callable[[Sequence[Trial], Mapping[str, MemberExperiment]], None],
    ) -> None:
        self._study, self._space = study, space
        self._best_of, self._save = best_of, save
        self._open: dict[int, set[str]] = {}
        self._failed: set[int] = set()
        self.trials: list[Trial] = list(known)
        self.members: dict[str, MemberExperiment] = {
            member.id: member for trial in self.trials for member in self._members(trial)
        }
        self._resumed = [trial for trial in self.trials if not self._is_done(trial)]

    def more(self) -> Sequence[MemberExperiment]:
        """Return the members of the next trial: one that did not end, else a new one."""
        if self._resumed:
            trial = self._resumed.pop(0)
            return self._begin(attrs.evolve(trial, state="running"), self._members(trial))
        number = len(self.trials)
        if number >= self._space.sample.trials:
            return ()
        settings = self._space.draw(number, self.trials)
        members = self._study.members(settings)
        trial = drawn_trial(number, settings, members)
        self.trials.append(trial)
        return self._begin(trial, members)

    def ended(self, member: MemberExperiment, outcome: Outcome) -> None:
        """Settle the trials that this member was the last of."""
        if outcome.state == "stopped":
            return
        for number, waiting in list(self._open.items()):
            if member.id not in waiting:
                continue
            waiting.discard(member.id)
            if outcome.state != "finished":
                self._failed.add(number)
            if not waiting:
                del self._open[number]
                self._settle(number)

    def _settle(self, number: int) -> None:
        trial = self.trials[number]
        scores = [None if number in self._failed else self._best_of(each) for each in trial.members]
        self.trials[number] = settled(trial, scores)
        self._save(self.trials, self.members)

    def _begin(self, trial: Trial, members: Sequence[MemberExperiment]) -> Sequence[MemberExperiment]:
        self.trials[trial.number] = trial
        self.members.update({member.id: member for member in members})
        self._open[trial.number] = {member.id for member in members}
        self._failed.discard(trial.number)
        self._save(self.trials, self.members)
        return members

    def _members(self, trial: Trial) -> tuple[MemberExperiment, ...]:
        return self._study.members(self._space.nodes(trial.settings))

    def _is_done(self, trial: Trial) -> bool:
        return trial.state == "finished" and all(self._best_of(each) is not None for each in trial.members)
