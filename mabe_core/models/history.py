"""What became of a name: its versions, its aliases, and the events that made them so, a file an event.

An event is `history/000001.json` and so on below the name's folder, and tells how things stand after it.
Files are only ever added, under the next number, so that nothing that is cut off damages what was there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from mabe_core.errors import UserError, did_you_mean
from mabe_core.runs.identity import EXPERIMENT_ID
from mabe_core.runs.shape import known, misfits

What = Literal["added", "promoted", "alias removed", "described", "removed"]

FORMAT = 1
EVENT_FILE = re.compile(r"(\d{6})\.json")
REMEDY = (
    "Bring it back from a backup, or from where the model was pushed to; `mabe models check` lists faults"
)
# the alias that a name alone stands for
BEST = "best"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ALIAS = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


@attrs.frozen(kw_only=True)
class Version:
    """One model under a name. run: experiment id; model: SHA-256 of the weights; scored: in words."""

    number: int
    run: str
    checkpoint: str
    model: str
    added: str = attrs.field(metadata={"time": True})
    by: str = ""
    scored: str = ""
    description: str = ""


@attrs.frozen(kw_only=True)
class Names:
    """How a name stands. used: the highest version number that there ever was, which is never used again."""

    versions: tuple[Version, ...] = ()
    aliases: dict[str, int] = attrs.field(factory=dict)
    used: int = 0

    def version(self, number: int) -> Version | None:
        """Return one version, or None where there is none of this number now."""
        return next((each for each in self.versions if each.number == number), None)

    def aliases_of(self, number: int) -> list[str]:
        """Return the aliases of one version, sorted."""
        return sorted(alias for alias, other in self.aliases.items() if other == number)


@attrs.frozen(kw_only=True)
class Event:
    """One change. before: the version that a promoted or removed alias stood for; after: how things stand."""

    number: int
    what: What
    version: int
    time: str = attrs.field(metadata={"time": True})
    after: Names
    alias: str = ""
    before: int | None = None
    text: str = ""
    by: str = ""
    host: str = ""


def event_text(event: Event) -> str:
    """Return what an event's file holds."""
    return json.dumps({"format": FORMAT, **attrs.asdict(event)}, ensure_ascii=False) + "\n"


def parse_event(content: bytes | str, place: str) -> Event:
    """Return the event of a file; place: what an error calls it."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT or misfits(found, Event):
        raise UserError(f"{place} is damaged, or of another version of this program. {REMEDY}")
    after = found["after"]
    names = Names(
        **{
            **known(after, Names),
            "versions": tuple(Version(**known(each, Version)) for each in after.get("versions", ())),
        }
    )
    return Event(**{**known(found, Event), "after": names})


@attrs.frozen
class Reference:
    """`name`, `name@alias` or `name@3`, as a user gives it; which: what stands after the @."""

    name: str
    which: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Return the parts; raise UserError where a part cannot be what it stands for."""
        name, at, which = text.partition("@")
        check_name(name)
        if at and not re.fullmatch(r"\d{1,9}", which):
            check_alias(which)
        return cls(name, which)

    def find(self, names: Names) -> Version:
        """Return the version that is meant: for a name alone the alias `best`, else the newest version.

        Raises UserError that names what there is.
        """
        if not names.versions:
            raise UserError(f"{self.name} has no version left; `mabe models add` adds one")
        if not self.which:
            number = names.aliases.get(BEST, max(each.number for each in names.versions))
        elif self.which.isdigit():
            number = int(self.which)
        elif self.which in names.aliases:
            number = names.aliases[self.which]
        else:
            hint = did_you_mean(self.which, sorted(names.aliases))
            raise UserError(f"{self.name} has no alias {self.which!r}.{hint or ' It has no alias at all.'}")
        found = names.version(number)
        if found is None:
            there = ", ".join(str(each.number) for each in names.versions)
            was = "is no longer there" if number <= names.used else "was never there"
            raise UserError(f"version {number} of {self.name} {was}; there are: {there}")
        return found


def check_name(name: str) -> str:
    """Return a name as given; raise UserError where it cannot name a model."""
    if not _NAME.fullmatch(name):
        raise UserError(f"a model is named by lower case letters, digits, _ and -, at most 64, not {name!r}")
    if EXPERIMENT_ID.fullmatch(name):
        raise UserError(
            f"{name!r} looks like an experiment id, and would be taken for one: name it otherwise"
        )
    return name


def check_alias(alias: str) -> str:
    """Return an alias as given; raise UserError where it cannot be one."""
    if not _ALIAS.fullmatch(alias):
        raise UserError(
            f"an alias is a lower case letter, then more, digits, _ - and ., at most 64, not {alias!r}"
        )
    return alias


def as_row(names: Names, version: Version, name: str) -> Mapping[str, Any]:
    """Return one version as a row for people and programs."""
    return {"name": name, **attrs.asdict(version), "aliases": names.aliases_of(version.number)}
