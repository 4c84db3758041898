"""What an experiment file may say: its sections, fields, defaults and helps.

A field whose metadata has `identity: False` says where or how a run happens, not what is asked for; it is
not part of the experiment id.
"""

from __future__ import annotations

from typing import Any, Literal

import attrs
from attrs.validators import and_, ge, gt, instance_of, le, lt, matches_re, max_len, optional

from mabe_core.configs.fields import UNLESS_DEFAULT
from mabe_core.experiment.cloud import Cloud
from mabe_core.experiment.scalars import LARGEST
from mabe_core.experiment.study import StudySection
from mabe_core.specs import (
    AugmentationSpec,
    Component,
    DatasetSpec,
    FeatureSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    OptimizerSpec,
    PostProcessingSpec,
    SchedulerSpec,
    SplitSpec,
)

# the key that is gone once a file is composed
EXTENDS = "another experiment file, relative to this one, that this one changes"


def setting(help: str, *, identity: bool | str = True, **field: Any) -> Any:  # noqa: A002 - click's word for it
    """Declare a field with its help; `identity=False` keeps it out of the experiment id.

    identity=UNLESS_DEFAULT: its default alone is kept out, of a key that came later than experiments.
    """
    return attrs.field(metadata={"help": help, "identity": identity}, **field)


@attrs.frozen(kw_only=True)
class Data:
    """What is learned from: recordings, how they are split, what becomes of them before the model."""

    dataset: Component[DatasetSpec[Any]] = setting("where recordings and labels come from")
    split: Component[SplitSpec[Any]] = setting(
        "which recordings train and which validate", default=Component("given")
    )
    features: tuple[Component[FeatureSpec[Any]], ...] = setting(
        "what is computed from the keypoints, in this order", default=()
    )
    augmentations: tuple[Component[AugmentationSpec[Any]], ...] = setting(
        "random changes of the keypoints in training, in this order", default=()
    )
    sequence_length: int = setting("frames in a window", default=64, validator=gt(0))
    frame_gap: int = setting("take every n-th frame of a recording", default=1, validator=gt(0))
    input_dim: int | None = setting(
        "columns that the model is given; checked against the data",
        default=None,
        validator=optional(gt(0)),
        identity=False,
    )
    num_classes: int | None = setting(
        "number of classes; checked against the data",
        default=None,
        validator=optional(gt(0)),
        identity=False,
    )


@attrs.frozen(kw_only=True)
class EarlyStopping:
    """When training ends before its last epoch: once a validation score stops getting better."""

    patience: int = setting("epochs without a gain after which training ends", validator=gt(0))
    metric: str | None = setting("the score; by default training.monitor", default=None)
    min_delta: float = setting("a gain is more than this", default=0.0, validator=ge(0.0))


@attrs.frozen(kw_only=True)
class Training:
    """How long, in what portions and how exactly the model is trained."""

    epochs: int = setting("passes over the training windows", default=10, validator=gt(0))
    batch_size: int = setting("windows a step, over all devices together", default=16, validator=gt(0))
    windows_per_epoch: int | None = setting(
        "training windows drawn each epoch; by default as many as cover each frame once",
        default=None,
        # an epoch's order is held in memory: 80 MB for this many
        validator=optional(and_(gt(0), le(10_000_000))),
    )
    grad_clip: float | None = setting(
        "largest norm of all gradients together", default=1.0, validator=optional(gt(0.0))
    )
    precision: Literal["auto", "float32", "bfloat16", "float16", "float64"] = setting(
        "number format of the model's arithmetic; auto is bfloat16 on a GPU that has it, float16 on another, "
        "float32 on a CPU. Weights are kept in float32 or float64",
        default="auto",
    )
    monitor: str = setting("the score that decides which checkpoint is best", default="macro_f1")
    early_stopping: EarlyStopping | None = setting(
        "end before the last epoch, once a score stops getting better", default=None, identity=UNLESS_DEFAULT
    )
    ema_decay: float | None = setting(
        "evaluate and save an exponential moving average of the weights with this decay, such as 0.999",
        default=None,
        identity=UNLESS_DEFAULT,
        validator=optional(and_(gt(0.0), lt(1.0))),
    )
    on_nan: Literal["stop", "skip"] = setting(
        "what to do where loss or gradient are not finite: stop, or leave such a batch out",
        default="stop",
        identity=UNLESS_DEFAULT,
    )


@attrs.frozen(kw_only=True)
class Checkpoint:
    """When checkpoints are written, and which are kept; each epoch ends with one."""

    every_epochs: int | None = setting(
        "keep one every so many epochs", default=5, identity=False, validator=optional(gt(0))
    )
    every_steps: int | None = setting(
        "write one in mid-epoch too, every so many steps",
        default=None,
        identity=False,
        validator=optional(gt(0)),
    )
    every_minutes: float | None = setting(
        "write one in mid-epoch too, so many minutes after the last",
        default=None,
        identity=False,
        validator=optional(gt(0.0)),
    )
    keep_last: int = setting(
        "keep so many of the newest: where the newest is damaged, the one before is used",
        default=2,
        identity=False,
        validator=gt(0),
    )
    keep_best: int = setting(
        "keep so many of the best epochs", default=1, identity=False, validator=and_(gt(0), le(100))
    )


@attrs.frozen(kw_only=True)
class Experiment:
    """An experiment: what is asked for, whole."""

    name: str = setting(
        "the first part of the experiment id; lower case letters, digits, _ and -",
        identity=False,
        validator=[instance_of(str), max_len(64), matches_re(r"[a-z0-9][a-z0-9_-]*")],
    )
    description: str = setting("what it is for, for people", default="", identity=False)
    plugins: tuple[str, ...] = setting(
        "local plugin files, relative to this file", default=(), identity=False
    )
    watchers: tuple[str, ...] = setting(
        "plugins that are told how the run goes on, such as tensorboard or mlflow",
        default=(),
        identity=False,
    )
    seed: int = setting("what every random choice is drawn from", default=42, validator=[ge(0), le(LARGEST)])
    data: Data = setting("what is learned from")
    model: Component[ModelSpec[Any]] = setting("what is trained")
    loss: Component[LossSpec[Any]] = setting("what is minimized", default=Component("cross_entropy"))
    optimizer: Component[OptimizerSpec[Any]] = setting("how weights are updated", default=Component("adamw"))
    scheduler: Component[SchedulerSpec[Any]] | None = setting(
        "how the learning rate changes from step to step", default=None
    )
    training: Training = setting("how long and how exactly", factory=Training)
    metrics: tuple[Component[MetricSpec[Any]], ...] = setting(
        "the scores that are told", default=(Component("accuracy"), Component("f1"))
    )
    post_processing: tuple[Component[PostProcessingSpec[Any]], ...] = setting(
        "what becomes of the model's probabilities before frames are decided, in this order; fitted on "
        "validation recordings",
        default=(),
        identity=UNLESS_DEFAULT,
    )
    checkpoint: Checkpoint = setting("when checkpoints are kept", factory=Checkpoint, identity=False)
    cloud: Cloud = setting("where and for how long `--cloud` runs it", factory=Cloud, identity=False)
    device: str = setting(
        "auto (cuda if there is one), cpu, cuda or cuda:N",
        default="auto",
        identity=False,
        validator=matches_re(r"auto|cpu|mps|cuda(:\d+)?"),
    )
    processes: int | None = setting(
        "processes that share each batch, each with a GPU of its own, or all on the CPU; by default one, in "
        "the cloud as many as `cloud.gpu` has GPUs",
        default=None,
        identity=False,
        validator=optional(and_(gt(0), le(64))),
    )
    accumulate: int = setting(
        "parts that a batch goes through the model in, one after another, for GPUs of little memory",
        default=1,
        identity=False,
        validator=gt(0),
    )
    step: Literal["auto", "plain"] = setting(
        "how steps are executed: auto captures them on a GPU; plain is slower and rounds differently",
        default="auto",
        identity=False,
    )
    compile: Literal["auto", "always", "never"] = setting(
        "whether torch compiles the captured step, which takes up to half a minute and rounds differently: "
        "auto where the run is long enough to earn that back",
        default="auto",
        identity=False,
    )
    data_on_device: Literal["auto", "always", "never"] = setting(
        "whether all data lies on the device: auto where it fits into half of what is free there; else it "
        "stays in the host's memory, and windows are copied in blocks while steps are done",
        default="auto",
        identity=False,
    )
    activation_checkpointing: bool = setting(
        "compute activations again in the backward pass rather than keep them: less memory, more time",
        default=False,
        identity=False,
    )
    threads: int | None = setting(
        "CPU threads; by default torch's own choice. Another number rounds differently",
        default=None,
        identity=False,
        validator=optional(gt(0)),
    )
    study: StudySection | None = setting(
        "many experiments in one file, each with an id of its own", default=None, identity=False
    )
