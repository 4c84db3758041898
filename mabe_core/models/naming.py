"""What can be done to a name, here and in the cloud: promote, alias, describe, remove a version."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Protocol

import attrs

from mabe_core.errors import UserError, did_you_mean
from mabe_core.models.entry import Entry, user_name
from mabe_core.models.history import Event, Names, Reference, Version, What, check_alias
from mabe_core.runs.record import now

# from how things stand to the event to be written, given its number; None where nothing is to be changed
Change = Callable[[Names, int], Event | None]


class Models(Protocol):
    """A registry: a folder here, or one on a volume."""

    def names(self) -> list[str]: ...

    def read(self, name: str) -> Names:
        """Return how a name stands; raise UserError where there is no such name."""
        ...

    def history(self, name: str) -> list[Event]: ...

    def change(self, name: str, change: Change) -> Event | None:
        """Add one event, whatever others do at once; `change` may be asked again with newer names."""
        ...


def promote(models: Models, reference: str, alias: str) -> Event:
    """Let an alias stand for a version, whatever it stood for before."""
    return _point(models, reference, alias, moves=True)


def give_alias(models: Models, reference: str, alias: str) -> Event:
    """Give a version a new alias; raise UserError where another version has it."""
    return _point(models, reference, alias, moves=False)


def remove_alias(models: Models, name: str, alias: str) -> Event:
    """Take an alias away from the version that has it."""

    def change(names: Names, number: int) -> Event:
        if alias not in names.aliases:
            hint = did_you_mean(alias, sorted(names.aliases))
            raise UserError(f"{name} has no alias {alias!r}.{hint}")
        left = {other: version for other, version in names.aliases.items() if other != alias}
        before = names.aliases[alias]
        after = attrs.evolve(names, aliases=left)
        return event("alias removed", number, before, after, alias=alias, before=before)

    models.read(name)
    return _changed(models.change(name, change))


def describe(models: Models, reference: str, text: str) -> Event:
    """Say what a version is, in place of what was said of it before."""
    asked = Reference.parse(reference)

    def change(names: Names, number: int) -> Event:
        version = asked.find(names)
        described = attrs.evolve(version, description=text)
        versions = tuple(described if each is version else each for each in names.versions)
        return event("described", number, version.number, attrs.evolve(names, versions=versions), text=text)

    models.read(asked.name)
    return _changed(models.change(asked.name, change))


def remove_version(models: Models, reference: str) -> Event:
    """Take a version and its aliases out of a name; its number is never used again. No file is touched."""
    asked = Reference.parse(reference)
    if not asked.which:
        raise UserError(f"say which version of {asked.name} is to be removed, such as {asked.name}@3")

    def change(names: Names, number: int) -> Event:
        version = asked.find(names)
        after = attrs.evolve(
            names,
            versions=tuple(each for each in names.versions if each is not version),
            aliases={alias: other for alias, other in names.aliases.items() if other != version.number},
        )
        return event("removed", number, version.number, after)

    models.read(asked.name)
    return _changed(models.change(asked.name, change))


def adding(names: Names, number: int, entry: Entry, description: str) -> Event:
    """Return the event that an entry comes with."""
    version = Version(
        number=entry.version,
        run=entry.run,
        checkpoint=entry.checkpoint,
        model=entry.model,
        added=entry.added,
        by=entry.by,
        scored=entry.scored,
        description=description,
    )
    after = attrs.evolve(names, versions=(*names.versions, version), used=max(names.used, version.number))
    return event("added", number, version.number, after)


def same_model(names: Names, entry: Entry) -> Version | None:
    """Return the version that is this very model, or None."""
    return next(
        (
            each
            for each in names.versions
            if (each.run, each.checkpoint, each.model) == (entry.run, entry.checkpoint, entry.model)
        ),
        None,
    )


def event(
    what: What,
    number: int,
    version: int,
    after: Names,
    *,
    alias: str = "",
    before: int | None = None,
    text: str = "",
) -> Event:
    """Return an event by whoever runs this, here and now."""
    return Event(
        number=number,
        what=what,
        version=version,
        time=now(),
        after=after,
        alias=alias,
        before=before,
        text=text,
        by=user_name(),
        host=platform.node(),
    )


def _point(models: Models, reference: str, alias: str, *, moves: bool) -> Event:
    asked = Reference.parse(reference)
    check_alias(alias)

    def change(names: Names, number: int) -> Event:
        version = asked.find(names)
        before = names.aliases.get(alias)
        if not moves and before not in (None, version.number):
            raise UserError(
                f"{asked.name}@{alias} is version {before}; "
                f"`mabe models promote {reference} {alias}` moves it there"
            )
        after = attrs.evolve(names, aliases={**names.aliases, alias: version.number})
        return event("promoted", number, version.number, after, alias=alias, before=before)

    models.read(asked.name)
    return _changed(models.change(asked.name, change))


def _changed(found: Event | None) -> Event:
    assert found is not None, "this change always makes an event"
    return found
