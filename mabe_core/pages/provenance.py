"""What made the results of a page: components, versions, machines, data; once where members agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mabe_core.pages.facts import Facts
from mabe_core.runs.data_report import kept_report
from mabe_core.runs.record import Record

# what of a machine tells apart results; its name on the network is nobody's business who reads a report
_MACHINE = ("cpu", "cores", "system", "processor")


def facts_in_common(members: Sequence[Facts]) -> list[tuple[str, str]]:
    """Return what is to be known of how members were run, each with its value; several where they differ."""
    records = [member.record for member in members if member.record]
    software = dict.fromkeys(name for record in records for name in record.software)
    rows: list[tuple[str, Callable[[Record], Any]]] = [
        ("first started", lambda record: record.started),
        ("last updated", lambda record: record.updated),
        ("attempts", lambda record: record.attempts),
        *((name, lambda record, name=name: record.software.get(name)) for name in software),
        ("git commit", _commit),
        ("device", lambda record: record.auto.get("device")),
        ("device name", lambda record: record.auto.get("device_name")),
        ("precision", lambda record: record.auto.get("precision")),
        ("threads", lambda record: record.auto.get("threads")),
        *((name, lambda record, name=name: record.machine.get(name)) for name in _MACHINE),
    ]
    told = [(title, _varied(_values(records, value))) for title, value in rows]
    return [(title, value) for title, value in told if value]


def components(members: Sequence[Facts]) -> list[dict[str, Any]]:
    """Return the components of all members, each with who provides it, and by how many members it is used."""
    counted: Counter[tuple[str, ...]] = Counter()
    for member in members:
        for each in member.record.components if member.record else []:
            file = f"file {next(iter(each['sources']), '')}" if each.get("place") == "file" else ""
            provider = file or " ".join(
                str(each.get(key) or "") for key in ("distribution", "distribution_version")
            )
            hashes = {str(value)[:10] for value in each["sources"].values()} if file else set()
            key = (each["kind"], each["name"], str(each.get("version", "")), provider, *sorted(hashes))
            counted[key] += 1
    return [
        {
            "kind": kind,
            "name": name,
            "version": version,
            "provider": provider,
            "hash": ", ".join(hashes),
            "members": n,
        }
        for (kind, name, version, provider, *hashes), n in sorted(counted.items())
    ]


def data_report(members: Sequence[Facts]) -> dict[str, Any] | None:
    """Return the import report of the first member that has a whole one, as its record keeps it."""
    reports = (kept_report(member.record.report) for member in members if member.record)
    return next((report for report in reports if report is not None), None)


def data_files(members: Sequence[Facts]) -> list[tuple[str, str]]:
    """Return the files that were read, each with its SHA-256; twice where members read different ones."""
    found = {
        (name, digest): None
        for member in members
        if member.record
        for name, digest in member.record.data.items()
    }
    return sorted(found)


def changes(members: Sequence[Facts]) -> list[tuple[str, int, str]]:
    """Return when members went on with other software or hardware: member, step, what changed."""
    return [
        (
            member.id,
            int(change.get("step", 0)),
            "; ".join(_flat(value for key, value in change.items() if key != "step")),
        )
        for member in members
        if member.record
        for change in member.record.changes
    ]


def _flat(values: Iterable[Any]) -> list[str]:
    return [str(item) for value in values for item in (value if isinstance(value, list) else [value])]


def _commit(record: Record) -> str | None:
    if not record.git:
        return None
    uncommitted = ", with changes that were not committed" if record.git.get("changed") else ""
    return f"{record.git.get('commit')}{uncommitted}"


def _values(records: Iterable[Record], value: Callable[[Record], Any]) -> list[str]:
    return [str(found) for record in records if (found := value(record)) not in (None, "")]


def _varied(values: Sequence[str]) -> str:
    """Return the one value that there is, or each with how many have it; of many, the first and the last."""
    counted = Counter(values)
    if len(counted) > 4:
        return f"{min(values)} … {max(values)}"
    return next(iter(counted)) if len(counted) == 1 else "; ".join(f"{v} ({n})" for v, n in counted.items())
