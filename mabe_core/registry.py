"""Look-up of components by kind and name: where each came from, collisions, suggestions."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs

from mabe_core import hookspecs
from mabe_core.errors import UserError, did_you_mean, nearest
from mabe_core.specs import Spec


@attrs.frozen
class Kind:
    """A kind of component: the hook that offers it and the spec class it is offered as."""

    name: str
    hook: str
    spec: type[Spec[Any]]
    help: str

    @property
    def label(self) -> str:
        """The kind's name for people."""
        return self.name.replace("_", " ")


@attrs.frozen
class Event:
    """Something a plugin may watch: the arguments that its hook may take."""

    hook: str
    arguments: tuple[str, ...]
    help: str


def _hooks() -> tuple[dict[str, Kind], dict[str, Event]]:
    """Tell the hooks apart: what offers components returns specs, an event returns nothing."""
    kinds, events = {}, {}
    for hook, function in vars(hookspecs).items():
        if not hook.startswith("mabe_"):
            continue
        returned = typing.get_type_hints(function)["return"]
        if returned is type(None):
            arguments = tuple(inspect.signature(function).parameters)
            events[hook] = Event(hook, arguments, inspect.getdoc(function) or "")
        else:
            (spec,) = typing.get_args(returned)
            spec_class = typing.get_origin(spec)
            kinds[spec_class.kind] = Kind(spec_class.kind, hook, spec_class, spec_class.__doc__ or "")
    return kinds, events


KINDS: Mapping[str, Kind]
EVENTS: Mapping[str, Event]
KINDS, EVENTS = _hooks()


def kind_named(word: str) -> Kind:
    """Return a kind by its name; raise UserError that names the nearest where there is none."""
    if word not in KINDS:
        raise UserError(f"no kind is named {word!r}.{did_you_mean(word, list(KINDS))}")
    return KINDS[word]


@attrs.frozen
class Origin:
    """Where a plugin came from.

    place: built in, an installed distribution, or one local file.
    plugin: its name; distribution and version: of what installed it.
    part: what of the module is the plugin, where it is not the whole. extras: of its distribution, whose
    libraries it needs.
    content, sha256: of a local file, as it was when it was loaded.
    """

    plugin: str
    module: str
    place: Literal["built-in", "installed", "file"]
    distribution: str | None = None
    version: str | None = None
    part: str = ""
    extras: tuple[str, ...] = ()
    file: Path | None = None
    sha256: str | None = None
    content: bytes | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def source(self) -> str:
        """Where it came from, for people: `built in`, a distribution with its version, or a file."""
        installed = f"{self.distribution} {self.version}"
        return {"built-in": "built in", "installed": installed, "file": str(self.file)}[self.place]

    def __str__(self) -> str:
        if self.place == "file":
            return f"file {self.file}"
        return f"plugin {self.plugin} ({self.distribution} {self.version})"


@attrs.frozen
class Provided:
    """A component that some plugin provides."""

    spec: Spec[Any]
    origin: Origin

    @property
    def key(self) -> tuple[str, str]:
        return self.spec.kind, self.spec.name


@attrs.frozen
class Broken:
    """A plugin, or one hook of it, that could not be used, and why."""

    origin: Origin
    message: str
    error: BaseException | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def remedy(self) -> str:
        """What whoever has it installed can do; its author needs the message."""
        if self.origin.place == "file":
            return "Mend the file."
        name = self.origin.distribution
        return f"`pip install -U {name}` may mend it, `pip uninstall {name}` removes it."

    @property
    def with_remedy(self) -> str:
        """What is wrong and what to do, as sentences."""
        return f"{self}{'' if self.message.endswith(('.', '?', '!')) else '.'} {self.remedy}"

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


@attrs.frozen
class Loaded:
    """A plugin that was found: the hooks it implements and the seconds that loading it took.

    events: those of its hooks that watch runs, by name.
    """

    origin: Origin
    hooks: tuple[str, ...]
    seconds: float
    events: Mapping[str, Callable[..., Any]] = attrs.field(factory=dict, repr=False, eq=False)


class Registry:
    """The components of all plugins that were loaded."""

    def __init__(
        self, provided: Iterable[Provided], broken: Sequence[Broken] = (), plugins: Sequence[Loaded] = ()
    ) -> None:
        self.broken = tuple(broken)
        self.plugins = tuple(plugins)
        self._offers: dict[tuple[str, str], list[Provided]] = {}
        for offer in provided:
            self._offers.setdefault(offer.key, []).append(offer)

    def _standing(self, key: tuple[str, str]) -> list[Provided]:
        """Return who is left for one key once replacements have taken the built-in's place."""
        offers = self._offers[key]
        replacing = [offer for offer in offers if offer.spec.replaces and offer.origin.place != "built-in"]
        if not replacing:
            return offers
        return replacing + [
            offer for offer in offers if offer not in replacing and offer.origin.place != "built-in"
        ]

    def names(self, kind: str) -> list[str]:
        """Return the names of one kind, sorted."""
        return sorted((name for of_kind, name in self._offers if of_kind == kind), key=natural)

    def all(self) -> list[Provided]:
        """Return every component that stands, colliding ones too, by kind (as the hooks are) and name."""
        return sorted((offer for key in self._offers for offer in self._standing(key)), key=order)

    def usable(self) -> list[Provided]:
        """Return every component that an experiment can name: `all` less those that collide."""
        standing = [self._standing(key) for key in self._offers]
        return sorted((offers[0] for offers in standing if len(offers) == 1), key=order)

    def offer_of(self, spec: Spec[Any]) -> Provided | None:
        """Return the offer of this very spec, if it was found as one."""
        offers = (offer for offers in self._offers.values() for offer in offers)
        return next((offer for offer in offers if offer.spec is spec), None)

    def offered_by(self, origin: Origin) -> list[Provided]:
        """Return what one plugin offers, whether it stands or not."""
        offered = [offer for offers in self._offers.values() for offer in offers if offer.origin == origin]
        return sorted(offered, key=order)

    def collisions(self) -> list[tuple[Provided, ...]]:
        """Return the components that more than one plugin offers under the same kind and name."""
        return [tuple(left) for key in self._offers if len(left := self._standing(key)) > 1]

    def replaced(self) -> list[tuple[Provided, Provided]]:
        """Return each built-in that is shadowed, with what shadows it."""
        return [
            (offer, standing[0])
            for key, offers in self._offers.items()
            for offer in offers
            if offer not in (standing := self._standing(key))
        ]

    def find(self, kind: str, name: str) -> Provided:
        """Return the component of that kind and name.

        Raises UserError where there is none, naming the nearest, or any plugin that could not be loaded
        where none is very near; or where several plugins offer it, naming them all.
        """
        if (kind, name) not in self._offers:
            label = KINDS[kind].label
            elsewhere = [other for other in KINDS if other != kind and (other, name) in self._offers]
            hint = f" {name!r} is the name of another kind: {KINDS[elsewhere[0]].label}." if elsewhere else ""
            sure = hint or nearest(name, self.names(kind), likeness=0.8)
            failed = "" if sure else "".join(f" Not loaded: {each.with_remedy}" for each in self.broken)
            raise UserError(
                f"no {label} is named {name!r}.{hint or did_you_mean(name, self.names(kind))}{failed}"
            )
        standing = self._standing((kind, name))
        if len(standing) > 1:
            raise UserError(collision_message(standing))
        return standing[0]

    def watching(self) -> list[str]:
        """Return the names of the plugins that watch runs, sorted."""
        return sorted({plugin.origin.plugin for plugin in self.plugins if plugin.events}, key=natural)

    def watcher(self, name: str) -> Loaded:
        """Return the plugin of that name, which watches runs.

        Raises UserError where none does, naming the nearest, and where several that do are called so.
        """
        named = [plugin for plugin in self.plugins if plugin.origin.plugin == name]
        named = [plugin for plugin in named if plugin.events] or named
        watching = self.watching()
        if not named:
            raise UserError(f"no plugin is named {name!r}.{did_you_mean(name, watching)}")
        if len(named) > 1:
            who = " and ".join(str(plugin.origin) for plugin in named)
            raise UserError(f"{name!r} is the name of {who}: uninstall or rename one.")
        failed = [broken for broken in self.broken if broken.origin == named[0].origin]
        if failed:
            raise UserError(f"not loaded: {failed[0].with_remedy}")
        if not named[0].events:
            raise UserError(
                f"{named[0].origin} watches no runs: it implements none of the hooks {', '.join(EVENTS)}."
                f" Valid: {', '.join(watching)}."
            )
        return named[0]


def natural(text: str) -> list[tuple[str, int]]:
    """Return what sorts texts as people do: `net2` before `net10`."""
    return [(word, int(part or -1)) for word, part in re.findall(r"(\D*)(\d*)", text)]


def order(offer: Provided) -> tuple[int, list[tuple[str, int]]]:
    """Return what sorts components: by kind, as the hooks are, and name."""
    return list(KINDS).index(offer.spec.kind), natural(offer.spec.name)


def collision_message(offers: Sequence[Provided]) -> str:
    """Say who offers the same component, and what can be done."""
    kind, name = offers[0].key
    what = f"{KINDS[kind].label} {name!r}"
    origins = list(dict.fromkeys(offer.origin for offer in offers))
    if len(origins) == 1:
        return f"{what} is offered twice by {origins[0]}. Rename one."
    places = [origin.place for origin in origins]
    remedies = [
        *(["uninstall one"] if "installed" in places else []),
        *(["name one of the files only"] if places.count("file") > 1 else []),
        "rename one",
        *(["say `replaces=True` in the spec that is to shadow the built-in"] if "built-in" in places else []),
    ]
    *others, last = remedies
    remedy = f"{', '.join(others)}, or {last}" if others else last
    return f"{what} is offered by {' and '.join(map(str, origins))}. {remedy[0].upper()}{remedy[1:]}."
