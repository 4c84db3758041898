"""One trained model: where it came from, what it expects, and what scores with it."""

from __future__ import annotations

import attrs

from mabe_core.experiment import Experiment
from mabe_core.models.finding import ModelSource
from mabe_core.runs.model_input import ModelInput
from mabe_core.runs.record import Record
from mabe_core.training.post_processing import Chain
from mabe_core.training.scoring import Scorer


@attrs.frozen(eq=False)
class Member:
    """A trained model that was loaded.

    chain: its post-processing, as fitted. notes: what is to be told to whoever uses it.
    """

    source: ModelSource
    experiment: Experiment
    record: Record
    expects: ModelInput
    scorer: Scorer
    chain: Chain
    notes: tuple[str, ...] = ()
