"""Tells plugins how a run goes on, so that what they raise and what they set does not reach the training."""

from __future__ import annotations

import contextlib
import copy
import inspect
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import torch

from mabe_core.errors import raised_at
from mabe_core.experiment import to_tree
from mabe_core.registry import Loaded
from mabe_core.run_view import RunView
from mabe_core.runs.checkpoints import read_pointer
from mabe_core.runs.opening import OpenedRun
from mabe_core.training.events import Began, Ended, EpochEnded, Event, Observer, Saved, Warned
from mabe_core.training.interruption import Interrupted
from mabe_core.training.state import generators, restore_generators

# a watcher that takes more than this share of the run, and more than so many seconds, is told of
SHARE, SECONDS = 0.1, 1.0
# what is one for the whole process and decides how training goes on: what reads it, what writes it
_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (os.getcwd, os.chdir),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, torch.set_default_device),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
)
_ENDS = {"finished": "mabe_experiment_finished", "failed": "mabe_experiment_failed"}


def watched(opened: OpenedRun, observe: Observer) -> Observer:
    """Return an observer for `train` that tells each event to `observe`, then to the run's watchers.

    What a watcher raises is told to `observe` as a warning, once: it is left out from then on.
    """
    return _Watched(opened, observe) if opened.watchers else observe


@attrs.define(eq=False)
class _Watcher:
    plugin: Loaded
    seconds: float = 0.0
    left_out: bool = False


class _Watched:
    def __init__(self, opened: OpenedRun, observe: Observer) -> None:
        self._opened = opened
        self._observe = observe
        self._watchers = [_Watcher(plugin) for plugin in opened.watchers]
        self._began: float | None = None

    def __call__(self, event: Event) -> None:
        self._observe(event)
        match event:
            case Began():
                self._began = time.monotonic()
                self._tell("mabe_experiment_started", earlier=self._opened.run.epochs())
            case EpochEnded(metrics=metrics):
                self._tell("mabe_epoch_finished", metrics=metrics)
            case Saved(checkpoint=name):
                self._tell("mabe_checkpoint_saved", checkpoint=self._opened.run.checkpoints.absolute() / name)
            case Ended(state=state) if self._began is not None:
                if state in _ENDS:
                    self._tell(_ENDS[state])
                self._tell_slow_ones(time.monotonic() - self._began)

    def _tell(self, hook: str, **values: Any) -> None:
        for watcher in self._watchers:
            function = watcher.plugin.events.get(hook)
            if function is None or watcher.left_out:
                continue
            began = time.monotonic()
            given = {"run": self._view(), **copy.deepcopy(values)}
            try:
                with self._undisturbed():
                    function(**{name: given[name] for name in inspect.signature(function).parameters})
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything; it is told
                _end_at_once(error)
                watcher.left_out = True
                self._observe(Warned(_fault(watcher.plugin, hook, error)))
            finally:
                watcher.seconds += time.monotonic() - began

    def _view(self) -> RunView:
        opened = self._opened
        best = read_pointer(opened.run.best)
        folder = opened.run.path.absolute()  # so that it is found from wherever a watcher goes
        return RunView(
            id=opened.run.id,
            name=opened.experiment.name,
            folder=folder,
            in_cloud=not opened.locked,
            experiment=to_tree(opened.experiment),
            record=copy.deepcopy(attrs.asdict(opened.record)),
            best=folder / opened.run.checkpoints.name / best["checkpoint"] if best else None,
        )

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Put what training depends on back to where a watcher found it: random numbers, torch's settings."""
        device = torch.device(self._opened.record.auto["device"])
        before = generators(device)
        settings = [(read(), read, write) for read, write in _SETTINGS]
        try:
            yield
        finally:
            restore_generators(before, device)
            for was, read, write in settings:
                if read() != was:
                    write(was)

    def _tell_slow_ones(self, seconds: float) -> None:
        for watcher in self._watchers:
            if watcher.seconds > max(SHARE * seconds, SECONDS):
                self._observe(
                    Warned(
                        f"the watcher {watcher.plugin.origin.plugin} took {watcher.seconds:.1f} of the "
                        f"run's {seconds:.1f} seconds"
                    )
                )


def _end_at_once(error: BaseException | None) -> None:
    """Raise what a second Ctrl-C raised in a watcher, which may have made another error of it."""
    while error is not None:
        if isinstance(error, Interrupted):
            raise error
        error = error.__context__


def _fault(plugin: Loaded, hook: str, error: BaseException) -> str:
    origin = plugin.origin
    told = " ".join(f"{type(error).__name__}: {error}".split())
    where = raised_at(error, origin.module, origin.file)
    return (
        f"the watcher {origin.plugin} is left out of this attempt, which goes on: {where}{hook} raised {told}"
    )
