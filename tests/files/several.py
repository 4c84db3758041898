"""A plugin file for tests: two dots that may meet, move and, unless nobody looked for it, turn, all at once."""

import attrs

from mabe_core import Dataset, DatasetSpec, Recording, View, hookimpl


@attrs.frozen
class SeveralConfig:
    """Two animals whose behaviours may share frames; of every third recording one is unlabelled."""

    recordings: int = attrs.field(default=6, metadata={"help": "how many"})


def build(config, access):
    import numpy as np

    found = []
    for number in range(config.recordings):
        rng = np.random.default_rng(number)
        time = np.arange(400)
        meet, tall, wide = (
            np.sin(time / speed + number) > level for speed, level in ((20, 0), (13, 0.3), (31, 0.6))
        )
        first = rng.normal(size=(400, 2, 2)) * 0.1
        first[:, 0, 1] += 1.5 * tall
        first[:, 0, 0] += 1.5 * wide
        points = np.stack([first, first + np.where(meet, 0.2, 1.5)[:, None, None]], axis=1)
        labels = np.stack([meet, tall, wide], axis=1).astype(np.int8)
        if number % 3 == 0:
            labels[:, 2] = -1
        labels[:20] = -1
        found.append(
            Recording(
                name=f"several{number}",
                points=points.astype(np.float32),
                fps=30.0,
                individuals=("a", "b"),
                keypoints=("nose", "tail"),
                views=(View((0, 1), labels),),
                groups={"lab": "AB"[number % 2]},
            )
        )
    return Dataset(recordings=tuple(found), classes=("meet", "tall", "wide"), exclusive=False)


@hookimpl
def mabe_datasets():
    return [DatasetSpec(name="several", config=SeveralConfig, build=build)]
