"""A registry on a volume, laid out as one here, which any number of machines may change at once.

A volume has no locks. So an event's text is put into the store under its number unless there is one, of which
many who try at once one achieves; then it becomes a file of the volume. Whoever finds an event in the store
that is no file yet makes it one, so that nothing waits for a machine that was switched off.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs

from mabe_core.cloud.service import Files, Store
from mabe_core.errors import RunError, UserError, did_you_mean
from mabe_core.models.history import EVENT_FILE, Event, Names, check_name, event_text, parse_event
from mabe_core.models.naming import Change

ROOT = "models"
# files are read this many at a time
TOGETHER = 16
# how often others may be quicker before something must be wrong
TRIES = 200


@attrs.frozen(eq=False)
class VolumeModels:
    """The models of a volume."""

    files: Files
    store: Store
    volume: str

    def __str__(self) -> str:
        return f"volume {self.volume}"

    def names(self) -> list[str]:
        """Return the names that there are, sorted."""
        return sorted(entry.path.rpartition("/")[2] for entry in self.files.list(ROOT) if entry.is_folder)

    def read(self, name: str) -> Names:
        """Return how a name stands; raise UserError where there is no such name."""
        numbers = self._numbers(check_name(name))
        if not numbers:
            raise UserError(f"no model on {self} is named {name!r}.{did_you_mean(name, self.names())}")
        return self._event(name, max(numbers)).after

    def read_all(self) -> dict[str, Names]:
        """Return how every name stands."""
        found = self._together(self.names(), lambda name: (name, self._numbers(name)))
        begun = [(name, max(numbers)) for name, numbers in found if numbers]
        return dict(self._together(begun, lambda each: (each[0], self._event(*each).after)))

    def history(self, name: str) -> list[Event]:
        """Return all events of a name, the first first."""
        self.read(name)
        return list(self._together(sorted(self._numbers(name)), lambda number: self._event(name, number)))

    def change(self, name: str, change: Change) -> Event | None:
        """Add one event; where others are quicker, `change` is asked again with what they made of it."""
        number = max(self._numbers(check_name(name)), default=0)
        after = self._event(name, number).after if number else Names()
        for _ in range(TRIES):
            number += 1
            other = self.store.get(self._key(name, number))
            if other is None:
                event = change(after, number)
                if event is None:
                    return None
                text = event_text(event)
                if self.store.put_new(self._key(name, number), text):
                    self._put(name, number, text)
                    return event
                other = self.store.get(self._key(name, number))
            assert other is not None, "what is put into the store stays there"
            self._put(name, number, other)
            after = parse_event(other, self._path(name, number)).after
        raise RunError(f"{name} on {self} changes faster than it can be written: try again")

    def version_folders(self, name: str) -> list[int]:
        """Return the numbers of the folders that there are, in the history or not."""
        words = (entry.path.rpartition("/")[2] for entry in self.files.list(f"{ROOT}/{name}"))
        return sorted(int(word) for word in words if re.fullmatch(r"\d{1,9}", word))

    def _numbers(self, name: str) -> list[int]:
        words = (entry.path.rpartition("/")[2] for entry in self.files.list(f"{ROOT}/{name}/history"))
        return [int(match[1]) for word in words if (match := EVENT_FILE.fullmatch(word))]

    def _event(self, name: str, number: int) -> Event:
        path = self._path(name, number)
        content = self.files.read(path)
        if content is None:
            raise UserError(f"{path} on {self} is missing: it was removed by hand")
        return parse_event(content, f"{path} on {self}")

    def _put(self, name: str, number: int, text: str) -> None:
        with contextlib.suppress(FileExistsError):  # whoever was quicker put the same
            self.files.upload([(text.encode(), self._path(name, number))], replace=False)

    def _together(self, items: Iterable[Any], act: Callable[[Any], Any]) -> list[Any]:
        with ThreadPoolExecutor(TOGETHER) as pool:
            return list(pool.map(act, items))

    def _key(self, name: str, number: int) -> str:
        return f"model/{name}/{number}"

    def _path(self, name: str, number: int) -> str:
        return f"{ROOT}/{name}/history/{number:06d}.json"
