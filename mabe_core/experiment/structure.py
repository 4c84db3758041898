"""Turns a document into an experiment: components looked up, defaults filled in, all faults told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cattrs import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.errors import IterableValidationNote

from mabe_core.configs.annotations import attributes
from mabe_core.configs.fields import plain
from mabe_core.errors import Problem, UserError, did_you_mean, nearest
from mabe_core.experiment.converter import MOST_ERRORS, strict_converter
from mabe_core.experiment.document import Document
from mabe_core.experiment.fit import Unfit
from mabe_core.experiment.node import ValuePath, path_text
from mabe_core.experiment.rules import own_words
from mabe_core.experiment.schema import Experiment
from mabe_core.experiment.sections import Section, sections
from mabe_core.registry import KINDS, Registry
from mabe_core.specs import Component, Spec

MOST_PROBLEMS = 20

_converter = lru_cache(maxsize=4)(strict_converter)


def resolve(document: Document, registry: Registry) -> Experiment:
    """Return the experiment of a document.

    Raises UserError with everything that is wrong, in the order of the lines.
    """
    problems = [*document.problems, *_unknown_watchers(document, registry)]
    experiment = None
    try:
        experiment = _converter(registry).structure(document.tree, Experiment)
    except (ClassValidationError, IterableValidationError) as error:
        problems.extend(_Telling(document, registry).problems(error))
    if problems or experiment is None:
        raise UserError(_in_order(problems, document))
    return experiment


def resolve_component(
    spec: Spec[Any], settings: Mapping[str, Any], registry: Registry
) -> Component[Spec[Any]]:
    """Return one component that stands in no experiment, its defaults filled in.

    registry: where the components that it holds are looked up; it need not be in there itself.
    Raises UserError with everything that is wrong with its settings.
    """
    try:
        config = _converter(registry).structure(dict(settings), spec.config)
    except (ClassValidationError, IterableValidationError) as error:
        raise UserError(
            Problem(_said(leaf), path=path_text(path)) for path, leaf in _leaves(error)
        ) from error
    return Component(spec.name, plain(config), spec, config)


def _said(error: BaseException) -> str:
    match error:
        case ForbiddenExtraKeysError():
            return f"there is no key {', '.join(sorted(error.extra_fields))}"
        case KeyError():
            return "it is missing"
        case ValueError() | TypeError():
            return own_words(error)
        case _:
            raise error


def _in_order(problems: Sequence[Problem], document: Document) -> list[Problem]:
    """Sort by line, the experiment's own file first, and leave out what no screen can hold."""

    def order(problem: Problem) -> tuple[bool, str, int]:
        file = problem.location.file if problem.location else ""
        line = problem.location.line if problem.location else None
        return file != document.name, file, line or 0

    ordered = sorted(dict.fromkeys(problems), key=order)
    left_out = len(ordered) - MOST_PROBLEMS
    if left_out > 0:
        return [*ordered[:MOST_PROBLEMS], Problem(f"… and {left_out} more, at least.")]
    return ordered


def _unknown_watchers(document: Document, registry: Registry) -> Iterator[Problem]:
    """Yield what is wrong with the names of watchers; that they are texts is checked with the rest."""
    named = document.tree.get("watchers")
    for index, name in enumerate(named if isinstance(named, list) else ()):
        try:
            if isinstance(name, str):
                registry.watcher(name)
        except UserError as error:
            yield document.problem(("watchers", index), str(error))


class _Telling:
    """Says what cattrs found, in words and with lines."""

    def __init__(self, document: Document, registry: Registry) -> None:
        self._document = document
        self._registry = registry
        self._sections = sections(document.tree, registry)

    def problems(self, error: BaseException) -> Iterator[Problem]:
        """Yield the problems of a group of errors."""
        for path, leaf in _leaves(error):
            yield from self._told(path, leaf)

    def _told(self, path: ValuePath, error: BaseException) -> Iterator[Problem]:
        match error:
            case ForbiddenExtraKeysError():
                for key in sorted(error.extra_fields)[:MOST_ERRORS]:
                    yield self._unknown_key(path, key)
            case KeyError() if path and error.args == (path[-1],):
                yield self._missing_key(path)
            case UserError():
                for problem in error.problems:
                    yield self._problem((*path, "name"), problem.message, shown=path)
            case Unfit():
                yield self._problem((*path, *error.at), str(error), shown=path)
            case ValueError() | TypeError():
                yield self._problem(path, own_words(error))
            case _:
                raise error

    def _problem(self, path: ValuePath, message: str, shown: ValuePath | None = None) -> Problem:
        by_default = "" if self._document.written(shown or path) else " It is the default."
        return Problem(message + by_default, self._document.location(path), path_text(shown or path))

    def _missing_key(self, path: ValuePath) -> Problem:
        *holder, key = path
        section = self._section(tuple(holder))
        said = section.help(str(key)) if section else ""
        message = f"`{key}` is missing: {said}." if said else f"`{key}` is missing."
        return Problem(message, self._document.key_location(tuple(holder)), path_text(tuple(holder)))

    def _unknown_key(self, path: ValuePath, key: str) -> Problem:
        section = self._section(path)
        valid = list(section.keys) if section else []
        title = section.title if section else path_text(path)
        owner = self._owner(key, section, valid)
        if owner is not None:
            message = f"`{key}` is a key of {owner}, not of {title}."
        else:
            message = f"there is no key `{key}` in {title}.{self._nearest_key(key, valid, section)}"
        return Problem(message, self._document.key_location((*path, key)), path_text((*path, key)))

    def _owner(self, key: str, section: Section | None, valid: list[str]) -> str | None:
        """Say which other section has the key, or which component that is not named here."""
        if key == "name":
            return None
        owners = [other.title for other in self._sections if other is not section and key in other.keys]
        if not owners and nearest(key, valid) is None:
            specs = [offer.spec for offer in self._registry.usable()]
            own = {spec.kind for spec in specs if section is not None and spec.config is section.config}
            owners = [
                f"{KINDS[spec.kind].label} {spec.name!r}, which this experiment does not name"
                for spec in specs
                if spec.kind not in own and any(each.name == key for each in attributes(spec.config))
            ]
        return owners[0] if owners else None

    def _nearest_key(self, key: str, valid: list[str], section: Section | None) -> str:
        """Suggest a key of this section, else one of another; where none is near, tell this one's keys."""
        if section is not None and not section.path:
            valid = [*valid, "extends"]
        if nearest(key, valid) is None:
            top_last = reversed(self._sections)
            owners = {each: other for other in top_last for each in other.keys if each != "name"}
            guess = nearest(key, owners)
            if guess is not None:
                return f" Did you mean '{guess}', a key of {owners[guess].title}?"
        return did_you_mean(key, valid)

    def _section(self, path: ValuePath) -> Section | None:
        return next((section for section in self._sections if section.path == path), None)


def _leaves(error: BaseException, path: ValuePath = ()) -> Iterator[tuple[ValuePath, BaseException]]:
    """Yield the single errors of cattrs' groups, each with the path of the value it is about."""
    if not isinstance(error, ClassValidationError | IterableValidationError):
        yield path, error
        return
    noted, bare = error.group_exceptions()
    for inner, note in noted:
        step = note.index if isinstance(note, IterableValidationNote) else note.name
        yield from _leaves(inner, (*path, step))
    for inner in bare:
        yield from _leaves(inner, path)
