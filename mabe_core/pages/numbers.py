"""The numbers of a page as plain values: what `mabe report --json` prints."""

from __future__ import annotations

from typing import Any

import attrs

from mabe_core.pages import classes
from mabe_core.pages.content import Content
from mabe_core.pages.facts import Facts


def numbers(content: Content) -> dict[str, Any]:
    """Return what `--json` prints: every number of the page."""
    return {
        "id": content.id,
        "kind": "study" if content.study else "run",
        "description": content.description,
        "metric": content.metric,
        "members": [_member(member) for member in content.members],
        "settings": [
            {
                "name": setting.name,
                "values": dict(setting.values),
                "members": [member.id for member in setting.members],
                "scores": {name: spread.as_dict() for name, spread in setting.metrics.items()},
            }
            for setting in content.settings
        ],
        "chosen": content.chosen.name,
        "chosen_by": content.chosen_by,
        "classes": [classes.as_dict(each) for each in content.class_scores],
        "confusion": attrs.asdict(content.confusion) if content.confusion else None,
        "calibration": attrs.asdict(content.calibration) if content.calibration else None,
        "bad_bouts": [attrs.asdict(bout) for bout in content.bad_bouts],
        "stretches": [each.numbers() for each in content.ethograms],
        "left_out": content.left_out,
        "told": [*content.told],
    }


def _member(member: Facts) -> dict[str, Any]:
    scores, record = member.scores, member.record
    return {
        "id": member.id,
        "settings": member.settings,
        "state": member.state,
        "told": list(member.told),
        "held_out": scores.held_out if scores else None,
        "checkpoint": scores.checkpoint if scores else None,
        "scores": scores.pooled if scores else {},
        "monitor": record.monitor if record else None,
        "best": record.best if record else None,
        "epochs": list(member.epochs),
        "record": attrs.asdict(record) if record else None,
    }
