"""What a check finds, and how checks are run: each by itself, whatever it raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs

from mabe_core.errors import Location, Problem, UserError, raising_line
from mabe_core.exchange import DataAccess
from mabe_core.plugin_faults import place
from mabe_core.specs import Component, Spec

Status = Literal["passed", "failed", "skipped", "warned"]


@attrs.frozen
class Finding:
    """What one check found.

    about: the plugin, or the component as "kind name". location: the plugin's own line that is at fault.
    """

    about: str
    check: str
    status: Status
    message: str = ""
    location: Location | None = None

    def __str__(self) -> str:
        return str(Problem(self.message, self.location, f"{self.about}: {self.check}"))


class Fault(AssertionError):
    """Raised by a check: the component breaks a promise of its kind."""


class Doubt(Exception):
    """Raised by a check: the component is likely wrong, but it may be meant so."""


class NotAsked(Exception):
    """Raised by a check that cannot be made here; the message says why."""


@attrs.frozen(eq=False)
class Subject:
    """A component that is checked: resolved, and what it may read.

    samples: files for readers. access: where data names are looked up.
    """

    component: Component[Any]
    samples: tuple[Path, ...] = ()
    access: DataAccess = DataAccess(())  # noqa: RUF009 - frozen

    @property
    def spec(self) -> Spec[Any]:
        spec: Spec[Any] | None = self.component.spec
        assert spec is not None, "the component is resolved"
        return spec

    def build(self, *runtime: Any) -> Any:
        """Build it from its config and the run-time values of its kind."""
        return self.component.build(*runtime)


Check = Callable[[Any], str | None]


@attrs.frozen
class Suite:
    """The checks of one kind.

    prepare: makes of a Subject what each check is given. values: numbers that follow from the config, by
    which a change of results is noticed. elsewhere: such numbers, of which another process has to give the
    same; for kinds that a run is resumed with.
    """

    checks: Sequence[Check]
    prepare: Callable[[Subject], Any] = attrs.field(default=lambda subject: subject)
    values: Callable[[Any], Iterable[Any]] | None = None
    elsewhere: Callable[[Any], Iterable[Any]] | None = None


def title(check: Callable[..., Any]) -> str:
    """Return what a check is called: its function's name in words."""
    return check.__name__.replace("_", " ")


def run(about: str, suite: Suite, subject: Subject) -> Iterator[Finding]:
    """Run the checks of a suite one after another; where the component cannot be built, that is all."""
    prepared: list[Any] = []

    def build() -> None:
        prepared.append(suite.prepare(subject))

    built = outcome(about, build, subject.spec)
    yield built
    for check in suite.checks if built.status == "passed" else ():
        yield outcome(about, check, subject.spec, *prepared)


def outcome(about: str, check: Callable[..., str | None], spec: Spec[Any], *given: Any) -> Finding:
    """Return what one check finds, whatever it raises."""
    try:
        note = check(*given)
    except NotAsked as reason:
        return Finding(about, title(check), "skipped", str(reason))
    except Doubt as doubt:
        return Finding(about, title(check), "warned", str(doubt), place(spec.build))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything; it is told
        return Finding(about, title(check), "failed", *told(error, spec))
    return Finding(about, title(check), "passed", note or "")


def told(error: BaseException, spec: Spec[Any]) -> tuple[str, Location | None]:
    """Return what a component's check ended with, and the line that is to be looked at."""
    if isinstance(error, Fault | UserError):
        return str(error), place(spec.build)
    where = raising_line(error, spec.build.__module__)
    return f"raised {type(error).__name__}: {error}", where or place(spec.build)


def assert_passes(findings: Iterable[Finding]) -> None:
    """Raise AssertionError that lists every failed finding, a line each."""
    failed = [str(finding) for finding in findings if finding.status == "failed"]
    if failed:
        raise AssertionError("\n".join(["", *failed]))
