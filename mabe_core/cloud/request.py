"""What is sent to a container: the experiment as text, its plugins, what its image holds; nothing pickled."""

from __future__ import annotations

import json
import math
import uuid
from typing import Any

import attrs
import cattrs

from mabe_core.experiment.cloud import Cloud
from mabe_core.runs.sent import SentExperiment

# Modal tries again no more often than this
MOST_RETRIES = 10
CONVERTER = cattrs.Converter(forbid_extra_keys=True)


@attrs.frozen(kw_only=True)
class CloudRequest:
    """One submission of an experiment to the cloud.

    python: the version, such as 3.12. packages: all that the image installs, pinned; plugin_packages, wheels:
    distributions of plugins, from an index or built here, whose requirements are among the packages. git: the
    checkout it was sent from. token: which submission this is.
    """

    sent: SentExperiment
    python: str
    packages: tuple[str, ...]
    plugin_packages: tuple[str, ...]
    cloud: Cloud
    wheels: tuple[str, ...] = ()
    git: dict[str, Any] | None = None
    fresh: bool = False
    token: str = attrs.field(factory=lambda: uuid.uuid4().hex)

    @property
    def id(self) -> str:
        """The experiment's id."""
        return self.sent.id

    @property
    def retries(self) -> int:
        """How often another attempt may follow one that crashed or reached its limit."""
        planned = math.ceil(self.cloud.total_seconds / self.cloud.attempt_seconds) - 1
        return min(self.cloud.retries + planned, MOST_RETRIES)

    def to_text(self) -> str:
        """Return the request as JSON."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_text(cls, text: str) -> CloudRequest:
        """Read what `to_text` wrote."""
        return CONVERTER.structure(json.loads(text), cls)
