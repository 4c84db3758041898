"""Lays one experiment over another: `extends`, `--set`, and what both do to components."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

import attrs

from mabe_core.errors import Location, Problem, UserError
from mabe_core.experiment.node import Node
from mabe_core.experiment.yaml_source import MAX_DEPTH, read_file, read_value, similar_file

MAX_CHAIN = 20
# where keys are dotted themselves
AXES_IN = (("study", "grid"), ("study", "sample", "space"))
RANGE = ("low", "high", "log")


def with_parents(node: Node, file: Path, problems: list[Problem]) -> Node:
    """Return the map of `file` laid over those that it extends, without the key `extends`.

    Duplicate keys of the parents are added to `problems`.
    Raises UserError for a parent that is missing, not readable, or extends its own child.
    """
    layers = [node]
    files = [file]
    folders: list[PurePath] = []
    while (extends := layers[-1].entries.get("extends")) is not None:
        parent = _parent(extends, files)
        folders.append(PurePath(str(extends.value)).parent)
        files.append(parent)
        layer, found = read_file(parent)
        problems.extend(found)
        layers.append(layer)
    composed = layers.pop()
    while layers:
        composed = merge(_rebase_plugins(composed, folders.pop()), layers.pop(), top=True)
    entries = {key: value for key, value in composed.entries.items() if key != "extends"}
    return attrs.evolve(composed, value=entries)


def _parent(extends: Node, files: list[Path]) -> Path:
    """Return the file that `extends` names, checked against those already read."""

    def refuse(message: str) -> UserError:
        return UserError(Problem(message, extends.location, "extends"))

    if not isinstance(extends.value, str) or not extends.value:
        raise refuse("expects the name of another experiment file, relative to this one.")
    parent = files[-1].parent / extends.value
    if not os.path.exists(parent):  # noqa: PTH110 - Path.exists raises where a name is too long
        raise refuse(f"there is no file {str(parent)!r}.{similar_file(parent)}")
    if parent.is_dir():
        raise refuse(f"{str(parent)!r} is a directory, not an experiment file.")
    for seen in files:
        if os.path.samefile(seen, parent):  # noqa: PTH121 - as above
            cycle = " → ".join(str(step) for step in [*files[files.index(seen) :], parent])
            raise refuse(f"goes in a circle: {cycle}. Take one `extends` out.")
    if len(files) > MAX_CHAIN:
        raise refuse(f"more than {MAX_CHAIN} files extend one another.")
    return parent


def _rebase_plugins(parent: Node, folder: PurePath) -> Node:
    """Write the parent's plugin files relative to the child, which stands elsewhere."""
    plugins = parent.entries.get("plugins")
    if plugins is None or not isinstance(plugins.value, list):
        return parent
    moved = [
        attrs.evolve(item, value=str(folder / item.value)) if isinstance(item.value, str) else item
        for item in plugins.value
    ]
    return attrs.evolve(parent, value={**parent.entries, "plugins": attrs.evolve(plugins, value=moved)})


def merge(parent: Node, child: Node, *, top: bool = False) -> Node:
    """Return `child` over `parent`: maps merge, all else is replaced, another `name` drops the parent.

    At the top, `name` is the experiment's own and no component's.
    """
    if not top:
        if isinstance(child.value, str) and _name(parent) == child.value:
            child = _component(child)
        elif isinstance(parent.value, str) and isinstance(child.value, dict):
            parent = _component(parent)
        named = _name(child)
        if named is not None and named != _name(parent):
            return child
    if not (isinstance(parent.value, dict) and isinstance(child.value, dict)):
        return child
    merged = dict(parent.value)
    for key, node in child.value.items():
        merged[key] = merge(merged[key], node) if key in merged else node
    return attrs.evolve(child, value=merged, key=child.key or parent.key)


def _component(node: Node) -> Node:
    """Write a bare name as the map that it is short for."""
    return attrs.evolve(node, value={"name": Node(node.value, node.location, node.key)})


def _name(node: Node) -> object:
    name = node.entries.get("name")
    return None if name is None else name.value


def with_overrides(root: Node, overrides: Sequence[str]) -> Node:
    """Return the experiment with each `a.b=value` set, one after the other.

    Raises UserError, for all that are wrong together.
    """
    problems: list[Problem] = []
    for override in overrides:
        try:
            root = _with_override(root, override)
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    return root


def _with_override(root: Node, override: str) -> Node:
    location = Location(f"--set {override}")
    path, equals, text = override.partition("=")
    if not equals or not all(steps_of(path)):
        raise UserError(Problem("expects KEY=VALUE, such as `training.epochs=3`.", location))
    if steps_of(path)[0] == "extends":
        raise UserError(Problem("`extends` is a matter of the file itself.", location))
    return with_value(root, path, attrs.evolve(read_value(text, location), key=location))


def steps_of(key: str) -> list[str]:
    """Return the steps of a dotted key: `data.features[0].mode` is `data`, `features`, `0`, `mode`."""
    return re.sub(r"\[(\d+)\]", r".\1", key.strip()).split(".")


def _steps_from(root: Node, steps: list[str]) -> list[str]:
    """Return steps of which one may be a dotted key: what a study varies is named by such keys.

    Behind the key of an axis there may stand the place of one of its values, or an end of its range.
    """
    for holder in AXES_IN:
        before, rest = steps[: len(holder)], steps[len(holder) :]
        if before != list(holder) or not rest:
            continue
        *_, axes = root.along(holder)
        names = {tuple(steps_of(name)): name for name in axes.entries}
        if tuple(rest) in names:
            return [*before, names[tuple(rest)]]
        *axis, last = rest
        if tuple(axis) in names and (last.isdecimal() or last in RANGE):
            return [*before, names[tuple(axis)], last]
        return [*before, ".".join(rest)]
    return steps


def with_value(root: Node, key: str, value: Node) -> Node:
    """Return the experiment with a dotted key set, as `--set` sets it.

    Raises UserError at the value's location where the key leads through a list that has no such item.
    """
    steps = _steps_from(root, steps_of(key))
    if len(steps) + value.depth() > MAX_DEPTH:
        raise UserError(Problem(f"lists and maps are nested more than {MAX_DEPTH} deep.", value.location))
    return _set(root, steps, value, value.location, top=True)


def _set(node: Node | None, steps: list[str], value: Node, location: Location, *, top: bool = False) -> Node:
    """Return `node` with `value` laid over what `steps` lead to."""
    if not steps:
        return value if node is None else merge(node, value)
    step, *rest = steps
    if node is not None and isinstance(node.value, list):
        items = list(node.value)
        if not step.isdecimal() or int(step) >= len(items):
            there = f"it has items 0 to {len(items) - 1}" if items else "it is empty"
            raise UserError(Problem(f"{step!r} is no index of the list before it: {there}.", location))
        items[int(step)] = _set(items[int(step)], rest, value, location)
        return attrs.evolve(node, value=items)
    inner = node.child(step) if node is not None else None
    holder = node if node is not None and isinstance(node.value, dict) else value
    patch = attrs.evolve(holder, value={step: _set(inner, rest, value, location)})
    return patch if node is None else merge(node, patch, top=top)
