"""A plugin file whose components break their promises, each in the way that its config names."""

import attrs

from mabe_core import (
    Dataset,
    DatasetSpec,
    FeatureSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    Partition,
    Recording,
    SchedulerSpec,
    Segment,
    SplitSpec,
    View,
    hookimpl,
)


@attrs.frozen(kw_only=True)
class How:
    """Which promise is broken."""

    how: str = attrs.field(default="", metadata={"help": "which promise"})


def dataset(config, access):
    import numpy as np

    def recording(number, frames=200, labels=200, dtype="float32", label_dtype="int8", view=(0, 1)):
        rng = np.random.default_rng(number)
        track = np.zeros((labels, 2), dtype=label_dtype)
        track[np.arange(labels), rng.integers(0, 2, labels)] = 1
        if config.how == "val_unlabelled" and number == 0:
            track[:] = -1
        if config.how == "short_validation" and number == 2:
            frames, track = 10, track[:10]
        name = "same" if config.how == "same_names" else f"r{number}"
        points = rng.normal(size=(frames, 2, 2, 2)).astype(dtype)
        if config.how == "infinite":
            points[3, 0, 0, 0] = np.inf
        role = "validation" if number in (0, 2) and (number, config.how) != (2, "val_unlabelled") else "train"
        return Recording(name, points, 30.0, ("a", "b"), ("n", "t"), (View(view, track),), role=role)

    broken = {
        "no_recordings": [],
        "labels_short": [recording(0), recording(1, labels=163)],
        "float64": [recording(0, dtype="float64"), recording(1)],
        "bool_labels": [recording(0), recording(1, label_dtype="bool")],
        "view": [recording(0), recording(1, view=(0, 5))],
    }
    recordings = broken.get(config.how, [recording(0), recording(1), recording(2)])
    classes = ("x", "x") if config.how == "same_classes" else ("x", "y")
    return Dataset(tuple(recordings), classes, exclusive=config.how != "not_exclusive")


def split(config):
    def decide(recordings, context):
        segments = {
            "beyond": [Segment(0, 0, 999, "validation"), Segment(1, 0, 200, "train")],
            "negative": [Segment(0, 0, 200, "validation"), Segment(1, -200, 200, "train")],
            "overlap": [Segment(0, 0, 200, "validation"), Segment(0, 100, 200, "train")],
        }
        return Partition(tuple(segments[config.how]))

    return decide


def model(config, data):
    from torch import nn

    if config.how == "raises":
        raise RuntimeError("half built")
    if config.how == "exits":
        raise SystemExit

    class Raising(nn.Linear):
        def forward(self, inputs):
            if config.how == "forward":
                raise ValueError("no such frame")
            return super().forward(inputs)

    return Raising(data.input_dim, data.num_classes + (config.how == "classes"))


def feature(config, layout):
    class Dropping:
        context = 0

        def __call__(self, pose):
            return attrs.evolve(pose, points=pose.points[1:])

    return Dropping()


def loss(config, context):
    return lambda scores, targets: scores.mean(dim=-1)


def metric(config, data):
    return lambda evaluation: {"accuracy": 1.0}


def scheduler(config, schedule):
    return lambda step: float("nan")


@hookimpl
def mabe_datasets():
    return [DatasetSpec(name="bad", config=How, build=dataset)]


@hookimpl
def mabe_splits():
    return [SplitSpec(name="bad", config=How, build=split)]


@hookimpl
def mabe_models():
    return [ModelSpec(name="bad", config=How, build=model)]


@hookimpl
def mabe_features():
    return [FeatureSpec(name="bad", config=How, build=feature)]


@hookimpl
def mabe_losses():
    return [LossSpec(name="bad", config=How, build=loss)]


@hookimpl
def mabe_metrics():
    return [MetricSpec(name="bad", config=How, build=metric)]


@hookimpl
def mabe_schedulers():
    return [SchedulerSpec(name="bad", config=How, build=scheduler)]
