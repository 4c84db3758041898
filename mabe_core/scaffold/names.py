"""Which names a new plugin cannot have, and why: what is written for it is to run as it is."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import attrs

from mabe_core.errors import UserError
from mabe_core.experiment.scalars import read_scalar
from mabe_core.plugin_origins import installed_plugins, module_spec
from mabe_core.registry import KINDS, Registry
from mabe_core.scaffold.experiments import WATCHER
from mabe_core.specs import NAME

LONGEST = 60  # letters: it is part of an experiment's name, which has at most 64, and of files' names
# of the metrics that the experiment of a new metric has besides
BESIDES = ("accuracy", "f1")


@attrs.frozen
class NewName:
    """The name of a new plugin and of what it offers; kind: of the component, or WATCHER."""

    name: str
    kind: str

    @property
    def as_class(self) -> str:
        """What its classes begin with."""
        return "".join(part.title() for part in self.name.split("_"))

    @property
    def module(self) -> str:
        """What it is imported as, where it is a package."""
        return self.name if self.name.startswith("mabe_") else f"mabe_{self.name}"

    @property
    def distribution(self) -> str:
        """What it is installed as, where it is a package."""
        return self.module.replace("_", "-")


def check_name(new: NewName, registry: Registry, *, package: bool) -> None:
    """Raise UserError where a plugin of this name would not run, or would stand in another's way."""
    why = _misspelled(new.name) or _no_name(new) or _component(new, registry)
    why = why or _module(new.module if package else new.name) or _plugin(new)
    if why:
        raise UserError(why)


def _misspelled(name: str) -> str:
    if len(name) > LONGEST:
        return f"a name has at most {LONGEST} letters, not {len(name)}"
    if NAME.fullmatch(name) and not name.endswith("_"):
        return ""
    better = re.sub(r"[^a-z0-9_]+", "_", name.lower()).lstrip("_0123456789").rstrip("_")
    hint = f" Did you mean {better!r}?" if NAME.fullmatch(better) else ""
    return f"a name is lower case letters, digits and _, and does not end in _: not {name!r}.{hint}"


def _no_name(new: NewName) -> str:
    """Refuse what an experiment would read as no text, and what no class can be called."""
    if not isinstance(read_scalar(new.name), str):
        return f"{new.name!r} is no text in YAML: name it otherwise"
    if keyword.iskeyword(new.as_class) or keyword.iskeyword(new.name):
        return f"{new.name!r} is a word of Python's: name it otherwise"
    return ""


def _component(new: NewName, registry: Registry) -> str:
    if new.kind == WATCHER:
        return ""
    if new.name in registry.names(new.kind):
        taken = registry.find(new.kind, new.name).origin
        return f"{KINDS[new.kind].label} {new.name!r} is there already, from {taken}: name it otherwise"
    if new.kind == "metric" and new.name in _scores(registry):
        return f"{new.name!r} is the name of a score already: name it otherwise"
    return ""


def _scores(registry: Registry) -> list[str]:
    """Return the names of the scores that the experiment of a new metric has besides."""
    import numpy as np

    from mabe_core.exchange import DataShape, Evaluation

    shape = DataShape(1, 1, ("class",), 1)
    nothing = Evaluation(np.zeros((1, 1), dtype=np.int64), 0.0, shape.class_names)
    specs = [registry.find("metric", name).spec for name in BESIDES]
    return ["loss", *(score for spec in specs for score in spec.build(spec.config(), shape)(nothing))]


def _plugin(new: NewName) -> str:
    for origin in installed_plugins():
        if new.name == origin.plugin or new.distribution == origin.distribution:
            return f"{new.name!r} is taken by {origin}: name it otherwise"
    return ""


def _module(name: str) -> str:
    """Refuse the name of a module that is installed, which the new one could hide, or be hidden by."""
    found = module_spec(name)
    lies_here = found is not None and Path(str(found.origin)).parent.resolve() == Path.cwd()
    if name == "mabe" or (found is not None and not lies_here):
        return f"{name!r} is the name of a module that is installed: name it otherwise"
    return ""
