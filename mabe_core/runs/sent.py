"""An experiment as it is sent to another process or machine: as text, with its plugins; nothing pickled."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from mabe_core.discovery import load_plugins
from mabe_core.errors import UserError
from mabe_core.experiment import Experiment, read_text, resolve, to_text
from mabe_core.registry import Origin, Registry
from mabe_core.runs.identity import experiment_id


@attrs.frozen
class PluginModule:
    """A plugin that is to be imported there, and the distribution that provides it here."""

    plugin: str
    module: str
    built_in: bool
    distribution: str | None
    version: str | None
    part: str = ""

    @classmethod
    def of(cls, origin: Origin) -> PluginModule:
        """Describe a plugin that is loaded here."""
        built_in = origin.place == "built-in"
        return cls(origin.plugin, origin.module, built_in, origin.distribution, origin.version, origin.part)

    def origin(self) -> Origin:
        """Return where the plugin came from, as it was here."""
        return Origin(
            plugin=self.plugin,
            module=self.module,
            place="built-in" if self.built_in else "installed",
            distribution=self.distribution,
            version=self.version,
            part=self.part,
        )


@attrs.frozen(kw_only=True)
class SentExperiment:
    """id: what it is here. experiment: resolved, as YAML; its plugin files are `plugins/<name>`.

    plugin_files: their names and texts. plugins: those of installed distributions.
    """

    id: str
    experiment: str
    plugin_files: dict[str, str]
    plugins: tuple[PluginModule, ...]

    @classmethod
    def of(
        cls,
        id: str,  # noqa: A002 - what everybody calls it
        experiment: Experiment,
        files: Sequence[tuple[str, bytes]],
        used: Iterable[Origin],
    ) -> SentExperiment:
        """Describe an experiment; files: its local plugin files. used: all plugins that it needs there."""
        origins = {origin.module: origin for origin in used if origin.place != "file"}
        kept = attrs.evolve(experiment, plugins=tuple(f"plugins/{name}" for name, _ in files))
        return cls(
            id=id,
            experiment=to_text(kept),
            plugin_files={name: content.decode(errors="surrogateescape") for name, content in files},
            plugins=tuple(PluginModule.of(origins[module]) for module in sorted(origins)),
        )

    def read(self) -> tuple[Experiment, Registry]:
        """Resolve it as it was resolved where it was sent; raise UserError where it is another one here."""
        folder = Path(tempfile.mkdtemp(prefix="mabe-sent-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        (folder / "plugins").mkdir()
        for name, text in self.plugin_files.items():
            (folder / "plugins" / name).write_bytes(text.encode(errors="surrogateescape"))
        document = read_text(self.experiment, "experiment.yaml", folder=folder)
        registry = load_plugins(document.plugin_files, [plugin.origin() for plugin in self.plugins])
        experiment = resolve(document, registry)
        found = experiment_id(experiment, registry)
        if found != self.id:
            raise UserError(
                f"the experiment is {self.id} where it was sent and {found} where it is to run: a plugin has "
                "another version there, or reads something that is not sent"
            )
        return experiment, registry
