"""Tells what a plugin's component raised, with its place in the experiment and the plugin's own line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import attrs

from mabe_core.errors import MabeError, Problem, UserError, raised_at
from mabe_core.specs import Component


@contextlib.contextmanager
def blame(path: str, component: Component[Any]) -> Iterator[None]:
    """Turn whatever the component raises inside into a UserError that names it.

    A UserError of its own only gains the place in the experiment; an interruption passes.
    """
    try:
        yield
    except UserError as error:
        raise UserError(
            problem if problem.location or problem.path else attrs.evolve(problem, path=path)
            for problem in error.problems
        ) from error
    except MabeError:
        raise
    except (Exception, SystemExit) as error:
        assert component.spec is not None, "the experiment is resolved"
        where = raised_at(error, component.spec.build.__module__)
        what = f"{component.spec.kind} {component.name} raised {type(error).__name__}: {error}"
        raise UserError(
            Problem(f"{what} ({where.removesuffix(': ')})" if where else what, path=path)
        ) from error


def build_at(path: str, component: Component[Any], *runtime: Any) -> Any:
    """Build a component that stands at this place of the experiment."""
    with blame(path, component):
        return component.build(*runtime)
