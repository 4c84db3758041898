"""Checks one component against everything that its kind promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.configs.fields import describe
from mabe_core.errors import UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment.structure import resolve_component
from mabe_core.plugin_faults import place
from mabe_core.registry import KINDS, Registry
from mabe_core.specs import Spec
from mabe_core.testing import configs
from mabe_core.testing.findings import Fault, Finding, NotAsked, Subject, Suite, outcome, run
from mabe_core.testing.processes import VALUES_ELSEWHERE, EndedError, answer_of
from mabe_core.testing.suites import SUITES
from mabe_core.testing.values import StoredValues, alike, summary

NO_DATA = DataAccess(())


def check_component(
    spec: Spec[Any],
    settings: Mapping[str, Any] | None = None,
    *,
    registry: Registry,
    samples: Sequence[str | Path] = (),
    access: DataAccess = NO_DATA,
    stored: StoredValues | None = None,
) -> list[Finding]:
    """Check one component by the suite of its kind; arguments as of check_plugin.

    registry: where the components that it holds are looked up.
    """
    about = f"{KINDS[spec.kind].label} {spec.name}"
    findings = []
    for check in configs.CHECKS:
        finding = outcome(about, check, spec, spec)
        findings.append(attrs.evolve(finding, location=finding.location and place(spec.config)))
    missing = [
        field.name for field in describe(spec.config) if field.required and field.name not in (settings or {})
    ]
    if missing:
        message = f"settings are needed: {', '.join(missing)}. Name an experiment that gives them"
        return [*findings, Finding(about, "build", "skipped", f"{message} (--experiment, or settings=…)")]
    try:
        component = resolve_component(spec, settings or {}, registry)
    except UserError as error:
        where = place(spec.config)
        return [*findings, Finding(about, "settings are valid", "failed", str(error), where)]
    subject = Subject(component, tuple(map(Path, samples)), access)
    suite = SUITES[spec.kind]
    findings += run(about, suite, subject)
    if any(finding.status == "failed" for finding in findings):
        return findings
    if suite.elsewhere is not None:

        def another_process_gives_the_same() -> None:
            _compare_elsewhere(suite, subject, registry)

        findings.append(outcome(about, another_process_gives_the_same, spec))
    if stored is not None and findings[-1].status != "failed":
        findings.append(stored.compare(about, suite, subject))
    return findings


def _compare_elsewhere(suite: Suite, subject: Subject, registry: Registry) -> None:
    """Raise Fault where a process with other hashes of texts gives other numbers.

    A set of texts is gone through in another order there, as it is when a run is resumed.
    """
    assert suite.elsewhere is not None, "it is asked of kinds that have such numbers"
    offer = registry.offer_of(subject.spec)
    target = offer and (offer.origin.file if offer.origin.place == "file" else offer.origin.module)
    if offer is None or target is None:
        raise NotAsked("where another process would load it from is not known")
    here = [summary(each) for each in suite.elsewhere(suite.prepare(subject))]
    request = {
        "target": str(target),
        "key": offer.key,
        "settings": subject.component.settings,
        "folders": [str(folder) for folder in subject.access.folders],
    }
    try:
        elsewhere = answer_of(VALUES_ELSEWHERE, request, PYTHONHASHSEED="1")
    except EndedError as error:
        raise Fault(f"in a process of its own it cannot be built: {error}") from error
    if not alike(elsewhere, here):
        raise Fault(
            "another process gives another result, so a resumed run would go on with other data: go through "
            "sets in order, `sorted(…)`, and use no hash() of a text"
        )
