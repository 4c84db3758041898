"""Which runs are one setting, and how settings and spreads are written."""

from __future__ import annotations

import math
import statistics

import pytest

from mabe_core.runs.settings import by_setting, settings_text
from mabe_core.runs.spread import Spread

GRU = {"name": "gru", "hidden_dim": 8}


def test_what_differs_in_seed_and_fold_alone_is_one_setting_whatever_the_order_of_keys() -> None:
    settings = [
        {"model": GRU, "seed": 0, "data.split.fold": 0},
        {"model": "gru", "seed": 0},
        {"data.split.fold": 1, "seed": 3, "model": dict(reversed(GRU.items()))},
        {"model": {**GRU, "hidden_dim": 9}, "seed": 0},
        # another component's fold is no fold of the split
        {"model": "gru", "seed": 0, "model.fold": 1},
    ]
    groups = by_setting(range(len(settings)), lambda place: settings[place])
    assert groups == [(0, 2), (1,), (3,), (4,)]


def test_components_of_one_name_are_told_apart_by_their_settings() -> None:
    told = settings_text({"model": GRU, "optimizer.learning_rate": 1e-4, "a.x": 1, "b.x": None})
    assert told == "model=gru {hidden_dim: 8}  learning_rate=0.0001  a.x=1  b.x=null"


def test_a_spread_is_of_finite_values_and_has_a_deviation_from_two_on() -> None:
    assert Spread.of([None, math.nan]) is None
    one, two = Spread.of([0.5, None]), Spread.of([0.5, math.inf, 0.7])
    assert one is not None
    assert two is not None
    assert (str(one), one.deviation) == ("0.5000", None)
    assert two.as_dict() == {
        "mean": pytest.approx(0.6),
        "sd": pytest.approx(statistics.stdev([0.5, 0.7])),
        "n": 2,
        "values": [0.5, 0.7],
    }
    assert str(two) == "0.6000 ± 0.1414"
