"""Scores that are computed from counts, against scikit-learn over all frames."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score

from mabe_core import DataShape, Evaluation
from mabe_plugins.metrics import mabe_metrics
from tests.made_runs import expanded

SPECS = {spec.name: spec for spec in mabe_metrics()}


@settings(deadline=None)
@given(data=st.data())
def test_accuracy_and_f1_are_scikit_learns(data: st.DataObject) -> None:
    classes = data.draw(st.integers(2, 5))
    # many zeros: classes that are absent, or never predicted
    counts = st.integers(0, 40) | st.just(0)
    confusion: NDArray[np.int64] = data.draw(drawn.arrays(np.int64, (classes, classes), elements=counts))
    if not confusion.any():
        return
    names = tuple("abcde"[:classes])
    shape = DataShape(1, classes, names, 8)
    found: dict[str, float] = {}
    for name in ("accuracy", "f1"):
        found.update(SPECS[name].build(SPECS[name].config(), shape)(Evaluation(confusion, 0.0, names)))
    truth, predicted = expanded(confusion)
    labels = list(range(classes))
    each = f1_score(truth, predicted, labels=labels, average=None, zero_division=0)
    macro = f1_score(truth, predicted, labels=labels, average="macro", zero_division=0)
    wanted = {
        "accuracy": accuracy_score(truth, predicted),
        "macro_f1": macro,
        **{f"f1_{name}": score for name, score in zip(names, each, strict=True)},
    }
    assert found.keys() == wanted.keys()
    for name, score in wanted.items():
        np.testing.assert_allclose(found[name], score, rtol=1e-12, atol=1e-15, err_msg=name)
