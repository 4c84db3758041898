"""Turns V3's flat file of settings into the text of an experiment, and names each key it could not carry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import attrs

from mabe_core.errors import Location, Problem, UserError, nearest
from mabe_core.experiment import read_text, resolve
from mabe_core.experiment.node import Node
from mabe_core.experiment.scalars import Scalar, read_scalar
from mabe_core.experiment.yaml_source import read_file
from mabe_core.importing.v3_experiment import Settings, experiment_text
from mabe_core.registry import Registry
from mabe_core.specs import Component

# V3's key: the key of an experiment that says the same
CARRIED = {
    "model_type": "model.name",
    "hidden_dim": "model.hidden_dim",
    "num_layers": "model.num_layers",
    "num_heads": "model.num_heads",
    "dropout": "model.dropout",
    "input_dim": "data.input_dim",
    "num_classes": "data.num_classes",
    "sequence_length": "data.sequence_length",
    "frame_gap": "data.frame_gap",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "grad_clip": "training.grad_clip",
    "optimizer": "optimizer.name",
    "learning_rate": "optimizer.learning_rate",
    "weight_decay": "optimizer.weight_decay",
    "scheduler": "scheduler.name",
    "min_lr": "scheduler.min_lr",
    "save_freq": "checkpoint.every_epochs",
    "device": "device",
    "seed": "seed",
}
_NOT_CARRIED = {
    "train_data_dir": "a folder of one machine: say which recordings and labels there are under data.dataset",
    "val_data_dir": "a folder of one machine: data.split says which recordings validate",
    "checkpoint_dir": "where runs are kept is said when running: --runs-dir, or $MABE_RUNS",
}
# what V3 may call a scheduler that does nothing
_NO_SCHEDULER = (None, "none", "constant", "")


@attrs.frozen
class NotCarried:
    """A key of V3's that the experiment does not have; why, and what to do."""

    key: str
    line: int | None
    why: str

    def __str__(self) -> str:
        return f"{self.key}: {self.why}"


@attrs.frozen
class ImportedSettings:
    """An experiment's name and text, and what is not in it."""

    name: str
    text: str
    not_carried: tuple[NotCarried, ...]


def import_settings(file: Path, registry: Registry, name: str | None = None) -> ImportedSettings:
    """Return the experiment that asks for what V3's file does.

    Raises UserError with file and line where a value cannot be what it stands for, or there is no such model.
    """
    root, problems = read_file(file)
    problems += [
        Problem("expects one value; V3's file is flat.", node.location, key)
        for key, node in root.entries.items()
        if isinstance(node.value, list | dict)
    ]
    if problems:
        raise UserError(problems)
    if not set(root.entries) & {*CARRIED, *_NOT_CARRIED}:
        raise UserError(Problem("has none of the keys of V3's settings.", Location(str(file))))
    found = _Import(root.entries, registry)
    settings = found.settings()
    not_carried = tuple(found.not_carried())
    chosen = name or _name(file)
    text = experiment_text(chosen, file.name, settings, [str(each) for each in not_carried])
    try:
        resolve(read_text(text, chosen), registry)
    except UserError as error:
        located = (_located(problem, root, file) for problem in error.problems)
        raise UserError(dict.fromkeys(located)) from error  # dropout stands in two places
    return ImportedSettings(chosen, text, not_carried)


class _Import:
    """What V3's keys become, given the components that there are."""

    def __init__(self, entries: Mapping[str, Node], registry: Registry) -> None:
        self.entries = entries
        self.registry = registry
        self.left: dict[str, str] = {}

    def settings(self) -> Settings:
        return Settings(
            data=self.section("data"),
            folders=tuple(self._folder(key) for key in ("train_data_dir", "val_data_dir")),
            model=self._component("model", str(self.value("model_type") or "transformer"), "model_type"),
            optimizer=self._optimizer(),
            scheduler=self._scheduler(),
            training=self.section("training"),
            checkpoint=self.section("checkpoint"),
            top={key: self.value(key) for key in ("device", "seed") if key in self.entries},
        )

    def value(self, key: str, default: Scalar = None) -> Scalar:
        """Return a value, a number that was written as text as the number."""
        if key not in self.entries:
            return default
        value = self.entries[key].value
        assert not isinstance(value, list | dict), "the file is flat"
        return read_scalar(value) if isinstance(value, str) and re.match(r"[-+.\d]", value) else value

    def section(self, section: str) -> dict[str, Scalar]:
        """Return what is carried to one section, by its keys there."""
        return {
            path.partition(".")[2]: self.value(key)
            for key, path in CARRIED.items()
            if path.partition(".")[0] == section and key in self.entries
        }

    def not_carried(self) -> Iterator[NotCarried]:
        """Yield the keys that the experiment does not have, in the file's order; after `settings`."""
        for key, node in self.entries.items():
            why = self.left.get(key) or _NOT_CARRIED.get(key)
            if why is None and key not in CARRIED:
                guess = nearest(key, CARRIED)
                hint = (
                    f" Did you mean {guess!r}?"
                    if guess
                    else " `mabe schema` and docs/experiments.md list the keys"
                )
                why = f"no key of V3's settings that is known here.{hint}"
            if why is not None:
                yield NotCarried(key, (node.key or node.location).line, why)

    def _component(self, kind: str, name: str, key: str) -> dict[str, Scalar]:
        """Return a component's name and what of V3's settings its config has; the rest is told."""
        known = {each.casefold(): each for each in self.registry.names(kind)}
        try:
            spec = self.registry.find(kind, known.get(name.casefold(), name)).spec
        except UserError as error:
            where = self.entries[key].location
            raise UserError(Problem(problem.message, where, key) for problem in error.problems) from error
        fields = {field.name for field in attrs.fields(spec.config)}
        chosen: dict[str, Scalar] = {"name": spec.name}
        for setting, value in self.section(kind).items():
            if setting == "name":
                continue
            if setting in fields:
                chosen[setting] = value
            else:
                self._leave(f"{kind}.{setting}", f"the {kind} {spec.name} has no such setting")
        return chosen | _encoding(spec.config, chosen)

    def _optimizer(self) -> dict[str, Scalar]:
        name = str(self.value("optimizer") or "adamw")
        if not self._has("optimizer", name):
            there = ", ".join(self.registry.names("optimizer"))
            self.left["optimizer"] = (
                f"there is no optimizer {name!r} here (but {there}); adamw stands in its place, whose weight "
                "decay is decoupled from the gradients"
            )
            name = "adamw"
        return self._component("optimizer", name, "optimizer")

    def _scheduler(self) -> dict[str, Scalar] | None:
        asked = self.value("scheduler")
        name = asked.casefold() if isinstance(asked, str) else asked
        if name in _NO_SCHEDULER:
            if "min_lr" in self.entries:
                self.left["min_lr"] = "there is no scheduler that would lower the rate to it"
            return None
        short = str(name).removesuffix("annealinglr").removesuffix("lr").rstrip("_")
        if not self._has("scheduler", short):
            there = ", ".join(self.registry.names("scheduler"))
            self.left["scheduler"] = (
                f"there is no scheduler {asked!r} here (but {there}); the learning rate stays as it is"
            )
            if "min_lr" in self.entries:
                self.left["min_lr"] = "it is the scheduler's"
            return None
        return self._component("scheduler", short, "scheduler")

    def _has(self, kind: str, name: str) -> bool:
        return name.casefold() in (each.casefold() for each in self.registry.names(kind))

    def _leave(self, path: str, why: str) -> None:
        (key,) = (key for key, other in CARRIED.items() if other == path)
        self.left[key] = why

    def _folder(self, key: str) -> str:
        value = self.value(key)
        return PurePosixPath(str(value).replace("\\", "/")).as_posix() if value else ""


def _encoding(config: type, chosen: Mapping[str, Scalar]) -> dict[str, Any]:
    """Return V3's positional encoding, which shares the model's dropout, for a model that has one."""
    field = attrs.fields_dict(config).get("positional_encoding")
    if field is None or not isinstance(field.default, Component) or "dropout" not in chosen:
        return {}
    return {"positional_encoding": {"name": field.default.name, "dropout": chosen["dropout"]}}


def _name(file: Path) -> str:
    """Return a name for the experiment: the file's, or its folder's where the file's says nothing."""
    stem = file.stem if file.stem.casefold() not in ("config", "configs", "settings") else ""
    words = re.sub(r"[^a-z0-9_-]+", "_", (stem or file.resolve().parent.name).casefold()).strip("_-")
    return words[:64] or "from_v3"


def _located(problem: Problem, root: Node, file: Path) -> Problem:
    """Tell a problem of the experiment by the key and line of V3's file that it came from."""
    by_path = {path: key for key, path in CARRIED.items()}
    by_path["model.positional_encoding.dropout"] = "dropout"
    key = by_path.get(problem.path) or by_path.get(f"{problem.path}.name")
    node = root.entries.get(key) if key else None
    if node is None or key is None:
        return attrs.evolve(problem, location=Location(str(file)))
    return Problem(problem.message, node.location, key)
