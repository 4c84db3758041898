"""An experiment file as it was written: composed, located, and not yet looked up in any registry."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import isfile
from pathlib import Path
from typing import Any

import attrs

from mabe_core.errors import Location, Problem, UserError
from mabe_core.experiment.compose import with_overrides, with_parents
from mabe_core.experiment.node import Node, ValuePath, path_text
from mabe_core.experiment.yaml_source import read_file, read_source, similar_file
from mabe_core.trust import is_kept


@attrs.frozen(eq=False)
class Document:
    """An experiment before its plugins are loaded.

    name: what locations call it; folder: what its relative paths are relative to.
    problems: what is wrong already and will be reported with the rest.
    """

    name: str
    folder: Path
    root: Node
    problems: tuple[Problem, ...] = ()

    @property
    def tree(self) -> dict[str, Any]:
        """The experiment as plain maps, lists and scalars; a copy."""
        plain: dict[str, Any] = self.root.plain()
        return plain

    @property
    def plugin_files(self) -> tuple[Path, ...]:
        """The local plugin files that the experiment names.

        Raises UserError where the key is no list of texts, or a file is missing.
        """
        listed = self.root.entries.get("plugins")
        if listed is None:
            return ()
        if not isinstance(listed.value, list):
            raise UserError(self.problem(("plugins",), "expects a list of plugin files."))
        checked = [self._plugin_file(index, item) for index, item in enumerate(listed.value)]
        problems = [each for each in checked if isinstance(each, Problem)]
        if problems:
            raise UserError(problems)
        return tuple(each for each in checked if isinstance(each, Path))

    @property
    def kept_plugin_files(self) -> tuple[Path, ...]:
        """Those of `plugin_files` that came with a run or a model, or are named by a file that did."""
        if is_kept(self.folder):
            return self.plugin_files
        listed = self.root.entries.get("plugins")
        items = listed.value if listed is not None and isinstance(listed.value, list) else []
        return tuple(
            file
            for file, item in zip(self.plugin_files, items, strict=True)
            if is_kept(Path(item.location.file).parent) or is_kept(file.parent.parent)
        )

    def _plugin_file(self, index: int, item: Node) -> Path | Problem:
        if not isinstance(item.value, str):
            return self.problem(("plugins", index), "expects the name of a plugin file.")
        file = self.folder / item.value
        if isfile(file):  # noqa: PTH113 - Path.is_file raises where a name is too long
            return file
        return self.problem(("plugins", index), f"there is no plugin file {str(file)!r}.{similar_file(file)}")

    @property
    def has_study(self) -> bool:
        """Whether it stands for many experiments, whatever is wrong with how it says so."""
        study = self.root.entries.get("study")
        return study is not None and study.value is not None

    def written(self, path: ValuePath) -> Node | None:
        """Return the value at `path` as it was written, or None where a default stands."""
        *_, last = nodes = list(self.root.along(path))
        return last if len(nodes) == len(path) + 1 else None

    def location(self, path: ValuePath) -> Location:
        """Return where the value at `path` stands; for one not written, what would hold it.

        A list or a map stands where its key does.
        """
        *_, node = self.root.along(path)
        is_scalar = not isinstance(node.value, list | dict)
        return node.location if is_scalar or node.key is None else node.key

    def key_location(self, path: ValuePath) -> Location:
        """Return where the key at the end of `path` stands, else the value, else what would hold it."""
        node = self.written(path)
        return (node and node.key) or self.location(path)

    def problem(self, path: ValuePath, message: str) -> Problem:
        """Return a problem with the value at `path`."""
        return Problem(message, self.location(path), path_text(path))


def read_document(path: Path | str, overrides: Sequence[str] = ()) -> Document:
    """Read an experiment file, what it extends, and `a.b=value` overrides over both.

    Raises UserError with file and line where a file is missing or not an experiment in YAML.
    """
    file = Path(path)
    root, problems = read_file(file)
    composed = with_overrides(with_parents(root, file, problems), overrides)
    return Document(str(path), file.parent, composed, tuple(problems))


def read_text(
    text: str, name: str = "experiment", *, folder: Path | None = None, overrides: Sequence[str] = ()
) -> Document:
    """Read an experiment that arrives as text; `name` is what locations call it.

    folder: what its plugin files are relative to, by default the working directory.
    Raises UserError as `read_document` does, and where the text extends a file.
    """
    root, problems = read_source(text, name)
    extends = root.entries.get("extends")
    if extends is not None:
        message = "only a file can extend another; give the resolved experiment (`mabe run --dry-run`)."
        raise UserError(Problem(message, extends.location, "extends"))
    return Document(name, folder or Path(), with_overrides(root, overrides), tuple(problems))
