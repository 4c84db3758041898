"""What differs from when a run was begun: data, parts, software, hardware, what `auto` became; in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mabe_core.errors import Problem, UserError
from mabe_core.runs.record import Record

# what of a machine decides the bits of a result; host and kernel do not
HARDWARE = ("processor", "cpu")
# what of `auto` does
CHOSEN = ("device", "device_name", "processes", "precision", "threads")


def software_changes(before: Record, after: Record) -> list[str]:
    """Return how versions, and sources of components, differ."""
    told = _differing(before.software, after.software, sorted({*before.software, *after.software}))
    known = {(item["kind"], item["name"]): item for item in before.components}
    for item in after.components:
        was = known.get((item["kind"], item["name"]))
        # the content of a local file is in the experiment's id; its name may change when it is copied
        if was is None or item.get("place") == was.get("place") == "file":
            continue
        files = other_sources(was, item)
        if files:
            told.append(
                f"{item['kind']} {item['name']} of {item.get('distribution')} has other source in "
                f"{', '.join(files)}, but says version {item.get('version')} as before"
            )
    return told


def other_sources(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return which source files of a component differ, are new or are gone."""
    old, new = (each["sources"] if isinstance(each["sources"], dict) else {} for each in (before, after))
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def machine_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return how the hardware differs, as far as both are known."""
    return _differing(before, after, [name for name in HARDWARE if before.get(name) and after.get(name)])


def auto_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return how device, precision and threads differ, as far as both are known."""
    return _differing(before, after, [name for name in CHOSEN if name in before and name in after])


def data_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return which data files differ."""
    told = []
    for name in sorted({*before, *after}):
        if name not in after:
            told.append(f"{name} is gone")
        elif name not in before:
            told.append(f"{name} is new")
        elif before[name] != after[name]:
            told.append(f"{name} has other content")
    return told


def check_partition_is_as_before(record: Record, split: str, partition: str) -> None:
    """Raise UserError where the split now makes other parts than those that the run was begun with.

    split: its name. partition: the parts' fingerprint; a record from before it was kept is not compared.
    """
    if record.partition not in ("", partition):
        raise UserError(
            Problem(
                f"{record.id} was run on other parts: {split} does not give the same again, so frames that "
                "were trained on may be validated on now. `--fresh` trains again and moves the old run "
                "aside; `mabe plugin check` finds a split or dataset that depends on more than its settings",
                path="data.split",
            )
        )


def _differing(before: Mapping[str, Any], after: Mapping[str, Any], names: list[str]) -> list[str]:
    return [
        f"{name} is {after.get(name, 'absent')}, was {before.get(name, 'absent')}"
        for name in names
        if before.get(name) != after.get(name)
    ]
