"""Damages files of every importer at random: what comes out must be recordings, or an error that tells the file.

    python -m tests.plugins.damaging [--times 1000] [--seed 1]

Bytes are cut off, changed, left out, repeated or made up.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mabe_core import DataError
from mabe_plugins.label_readers import (
    BorisConfig,
    BoutsConfig,
    CaltechConfig,
    build_boris,
    build_bouts,
    build_caltech,
)
from mabe_plugins.pose_readers import DeepLabCutConfig, build_deeplabcut
from tests.plugins import kaggle_writing as kaggle
from tests.plugins import (
    test_calms21,
    test_label_boris,
    test_label_bouts,
    test_mabe_kaggle,
    test_pose_sleap,
    test_simba,
)
from tests.plugins.pose_writing import pose_frame, write_boris, write_caltech, write_csv, write_h5

Case = tuple[str, Path, Callable[[], Any]]


def cases(folder: Path) -> Iterator[Case]:
    """Yield the importers: a name, the file to damage, and what reads it."""
    for form in ("json", "npy"):
        inside = test_calms21.write(folder / form, test_calms21.task1(), form)
        (file,) = inside.rglob(f"*_train.{form}")
        yield f"calms21 {form}", file, lambda inside=inside: test_calms21.load(inside)
    inside = folder / "challenge" / "mabe_kaggle"
    row = kaggle.video("A", "1", test_mabe_kaggle.BOTH)
    kaggle.write_table(inside, [row])
    kaggle.write_video(inside, row, kaggle.tracking(), test_mabe_kaggle.BOUTS)
    for name in ("train.csv", "train_tracking/A/1.parquet", "train_annotation/A/1.parquet"):
        yield f"kaggle {name}", inside / name, lambda: test_mabe_kaggle.load(inside.parent, past_end="trim")
    simba = test_simba.write(folder / "simba.csv", test_simba.table())
    yield "simba pose", simba, lambda: test_simba.pose(simba)
    yield "simba labels", simba, lambda: test_simba.labels(simba)
    sleap = test_pose_sleap.write(folder / "sleap.h5", test_pose_sleap.arrays())
    yield "sleap", sleap, lambda: test_pose_sleap.read(sleap)
    tracks = pose_frame(12)
    deeplabcut = build_deeplabcut(DeepLabCutConfig())
    csv, h5 = write_csv(tracks, folder / "dlc.csv"), write_h5(tracks, folder / "dlc.h5")
    yield "deeplabcut csv", csv, lambda: deeplabcut(csv)
    yield "deeplabcut h5", h5, lambda: deeplabcut(h5)
    bouts = folder / "bouts.csv"
    bouts.write_text(test_label_bouts.PLAIN)
    yield "bouts", bouts, lambda: build_bouts(BoutsConfig(unit="frames"))(bouts)
    aggregated = folder / "aggregated.csv"
    aggregated.write_text(test_label_boris.AGGREGATED)
    yield "boris aggregated", aggregated, lambda: build_boris(BorisConfig())(aggregated)
    tabular = write_boris(folder / "tabular.csv", test_label_boris.TWO_BOUTS)
    yield "boris tabular", tabular, lambda: build_boris(BorisConfig())(tabular)
    caltech = write_caltech(folder / "caltech.txt", [(1, 10, "other"), (11, 20, "attack")])
    yield "caltech", caltech, lambda: build_caltech(CaltechConfig())(caltech)


def damaged(whole: bytes, chance: random.Random) -> bytes:
    """Return bytes that are cut off, changed, left out, repeated or made up somewhere."""
    data = bytearray(whole)
    start = chance.randrange(len(data))
    stop = start + chance.randrange(1, 100)
    match chance.randrange(5):
        case 0:
            del data[start:]
        case 1:
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        case 2:
            del data[start:stop]
        case 3:
            data[start:start] = data[start:stop]
        case _:
            data[start:stop] = chance.randbytes(len(data[start:stop]))
    return bytes(data)


def soak(folder: Path, times: int, seed: int) -> Counter[tuple[str, str]]:
    """Damage each file so many times; return how often it was read all the same, and how often told.

    Raises whatever an importer raises that is no DataError, with the bytes in the folder.
    """
    chance = random.Random(seed)
    outcomes: Counter[tuple[str, str]] = Counter()
    for name, file, load in cases(folder):
        whole = file.read_bytes()
        load()
        for _ in range(times):
            file.write_bytes(damaged(whole, chance))
            try:
                load()
                outcomes[name, "read"] += 1
            except DataError as error:
                if str(folder) not in str(error) and "frame of any video" not in str(error):
                    raise AssertionError(f"the error names no file: {error}") from error
                outcomes[name, "told"] += 1
        file.write_bytes(whole)
    return outcomes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        for (name, outcome), count in sorted(soak(Path(made), asked.times, asked.seed).items()):
            print(f"{name:<36} {outcome} {count}")
