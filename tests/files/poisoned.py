"""A plugin file: the tiny recordings, with labels of the test fold that the environment may turn into others."""

import os

import attrs

from mabe_core import DatasetSpec, View, hookimpl
from tests.files.tiny import TinyConfig, build


def build_poisoned(config, access):
    made = build(config, access)
    poisoned = os.environ.get("POISONED", "").split()
    return attrs.evolve(
        made,
        recordings=tuple(
            attrs.evolve(each, views=tuple(View(view.individuals, 1 - view.labels) for view in each.views))
            if each.name in poisoned
            else each
            for each in made.recordings
        ),
    )


@hookimpl
def mabe_datasets():
    return [DatasetSpec(name="poisoned", config=TinyConfig, build=build_poisoned)]
