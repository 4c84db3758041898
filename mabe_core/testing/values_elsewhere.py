"""Computes a component's numbers in a process of its own, whose hashes and random numbers are other ones.

A script, run by its path.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mabe_core.discovery import examine
from mabe_core.exchange import DataAccess
from mabe_core.experiment.structure import resolve_component
from mabe_core.testing.findings import Subject
from mabe_core.testing.suites import SUITES
from mabe_core.testing.values import summary


def main(request: str, answer: str) -> None:
    """Write the numbers of the component that is asked for."""
    asked = json.loads(request)
    examined = examine(asked["target"])
    spec = next(offer.spec for offer in examined.offers if list(offer.key) == asked["key"])
    component = resolve_component(spec, asked["settings"], examined.registry)
    subject = Subject(component, access=DataAccess(tuple(map(Path, asked["folders"]))))
    suite = SUITES[spec.kind]
    assert suite.elsewhere is not None, "it is asked of kinds that have such numbers"
    numbers = [summary(each) for each in suite.elsewhere(suite.prepare(subject))]
    Path(answer).write_text(json.dumps(numbers), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
