"""Two experiments side by side: what differs in settings, components and local files."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.configs.annotations import attributes
from mabe_core.errors import UserError
from mabe_core.experiment import Document, Experiment, read_document, to_tree
from mabe_core.experiment.node import ValuePath, path_text
from mabe_core.experiment.sections import Section, sections
from mabe_core.registry import Registry
from mabe_core.runs.changes import other_sources
from mabe_core.runs.directory import RunDirectory, all_runs
from mabe_core.runs.identity import experiment_id, providers
from mabe_core.runs.record import DamagedRunError, describe_components, read_record

ABSENT = "(absent)"


@attrs.frozen
class Side:
    """One of two experiments.

    name: what the user called it. tree: all its settings, defaults too. components: who provides each, as a
    record has it. files: contents of its local plugin files, by their SHA-256. updated: when a run last was.
    """

    name: str
    id: str
    tree: Mapping[str, Any]
    components: Sequence[Mapping[str, Any]]
    files: Mapping[str, bytes]
    updated: str = ""


@attrs.frozen
class Difference:
    """One thing that differs, as each side has it; in_id: whether it makes another id."""

    what: str
    before: Any
    after: Any
    in_id: bool


@attrs.frozen
class EditedFile:
    """A local plugin file whose content differs."""

    name: str
    before: bytes
    after: bytes

    def diff(self, before: str, after: str) -> list[str]:
        """Return the lines of a unified diff, under these two names."""
        old, new = (content.decode(errors="replace").splitlines() for content in (self.before, self.after))
        return list(difflib.unified_diff(old, new, before, after, n=2, lineterm=""))


@attrs.frozen
class Comparison:
    """What differs between two experiments; nothing in it where they are the same."""

    before: Side
    after: Side
    settings: tuple[Difference, ...]
    components: tuple[Difference, ...]
    files: tuple[EditedFile, ...]

    @property
    def same_id(self) -> bool:
        return self.before.id == self.after.id

    @property
    def asked(self) -> int:
        """How many settings differ that make another id."""
        return sum(each.in_id for each in self.settings)


def side_of(name: str, experiment: Experiment, registry: Registry) -> Side:
    """Return an experiment as it would be run now."""
    offers = providers(experiment, registry)
    files = {
        str(offer.origin.sha256): offer.origin.content for offer in offers if offer.origin.content is not None
    }
    components = describe_components(offers)
    return Side(name, experiment_id(experiment, registry), to_tree(experiment), components, files)


def side_of_run(run: RunDirectory, document: Document) -> Side:
    """Return an experiment as it was run; raise DamagedRunError where its record cannot be read."""
    record = read_record(run)
    if record is None:
        raise DamagedRunError.of(run, "missing")
    contents = [file.read_bytes() for file in sorted(run.plugins.glob("*.py"))]
    files = {hashlib.sha256(content).hexdigest(): content for content in contents}
    return Side(run.id, run.id, document.tree, record.components, files, record.updated)


def compare(before: Side, after: Side, registry: Registry) -> Comparison:
    """Return what differs; the registry says which settings are not part of the id."""
    known = [*sections(dict(after.tree), registry), *sections(dict(before.tree), registry)]
    settings = [
        Difference(path_text(path), old, new, _in_id(path, known))
        for path, old, new in _differing(before.tree, after.tree, ())
        if path[0] != "plugins"  # a run keeps copies under names of its own: what counts is their content
    ]
    earlier = {(item["kind"], item["name"]): item for item in before.components}
    pairs = [
        (earlier[key], item) for item in after.components if (key := (item["kind"], item["name"])) in earlier
    ]
    return Comparison(
        before,
        after,
        tuple(settings),
        tuple(dict.fromkeys(each for old, new in pairs for each in _of_component(old, new))),
        tuple(dict.fromkeys(_edited(before, after, pairs))),
    )


def nearest_edited_run(runs_dir: Path, now: Side, registry: Registry) -> Comparison | None:
    """Return how an experiment differs from the nearest run of its name with other content in a local file.

    Nearest is the one with the fewest other settings, of these the one that was run last. Runs that cannot be
    read are passed over. None where no local file was edited since any of them.
    """
    name = now.id.rpartition("-")[0]
    runs = [run for run in all_runs(runs_dir) if run.id.rpartition("-")[0] == name]
    edited = []
    for run in runs:
        with contextlib.suppress(UserError):
            compared = compare(side_of_run(run, read_document(run.experiment)), now, registry)
            edited += [compared] if compared.files else []
    fewest = min((each.asked for each in edited), default=0)
    near = [each for each in edited if each.asked == fewest]
    return max(near, key=lambda each: each.before.updated, default=None)


def _differing(before: Any, after: Any, path: ValuePath) -> Iterator[tuple[ValuePath, Any, Any]]:
    """Yield what differs, as deep inside as both sides have maps, or lists of maps."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from _differing(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))
    elif _of_maps(before) and _of_maps(after):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else ABSENT
            new = after[index] if index < len(after) else ABSENT
            yield from _differing(old, new, (*path, index))
    elif before != after:
        yield path, before, after


def _of_maps(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _in_id(path: ValuePath, known: Sequence[Section]) -> bool:
    """Tell whether a setting is part of the id, as all that it stands in has to be."""
    if path == ("name",):
        return True  # it is not hashed, but the id begins with it
    if path[0] == "study":
        return path != ("study", "sample", "trials")  # of the study's id
    for length, key in enumerate(path):
        section = next((each for each in known if each.path == path[:length]), None)
        if section is not None:
            for attribute in attributes(section.config):
                if attribute.name == key and not attribute.metadata.get("identity", True):
                    return False
    return True


def _of_component(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    what = f"{new['kind']} {new['name']}"
    asked = [key for key in ("version", "distribution") if old.get(key) != new.get(key)]
    for key in asked:
        yield Difference(f"{key} of {what}", old.get(key), new.get(key), in_id=True)
    if old.get("place") == new.get("place") == "file":
        (_, was), (name, now) = _file(old), _file(new)
        if was != now:
            yield Difference(f"content of {name}", was[:10], now[:10], in_id=True)
    elif not asked and (others := other_sources(old, new)):
        yield Difference(f"source of {what}", "", f"other in {', '.join(others)}", in_id=False)


def _edited(
    before: Side, after: Side, pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
) -> Iterator[EditedFile]:
    for old, new in pairs:
        (_, was), (name, now) = _file(old), _file(new)
        if was != now and was in before.files and now in after.files:
            yield EditedFile(name, before.files[was], after.files[now])


def _file(component: Mapping[str, Any]) -> tuple[str, str]:
    """Return name and SHA-256 of the one file that a local component is in."""
    return next(iter(component["sources"].items()), ("", ""))
