"""What `mabe compare` computes, against SciPy's bootstrap and scikit-learn's scores of single frames."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from mabe_core.comparing.bootstrap import Difference
from mabe_core.comparing.table import Compared, compare_runs
from tests.made_runs import expanded, made_run, made_scores

Confusions = dict[str, NDArray[np.int64]]
DRAWS = 300


def drawn(seed: int, right: float, recordings: Sequence[str], truth_seed: int = 0) -> Confusions:
    """Return confusion matrices with the same truth whatever the seed, and a share of it right."""
    found = {}
    for number, name in enumerate(recordings):
        truth = np.random.default_rng([truth_seed, number]).multinomial(120, [0.6, 0.3, 0.1])
        rng = np.random.default_rng([1, seed, number])
        rows = []
        for k, count in enumerate(truth):
            share = np.full(3, (1 - right) / 2)
            share[k] = right
            rows.append(rng.multinomial(count, share))
        found[name] = np.array(rows)
    return found


def names(number: int, first: int = 0) -> list[str]:
    return [f"film{first + k}" for k in range(number)]


def macro_f1(confusion: NDArray[np.int64]) -> float:
    truth, predicted = expanded(confusion)
    return float(f1_score(truth, predicted, labels=range(3), average="macro", zero_division=0))


def accuracy(confusion: NDArray[np.int64]) -> float:
    return float(accuracy_score(*expanded(confusion)))


def scipy_says(
    first: Sequence[Mapping[str, NDArray[np.int64]]],
    second: Sequence[Mapping[str, NDArray[np.int64]]],
    score: object = macro_f1,
) -> tuple[float, float, float]:
    """Return difference, low and high: both sides a list of seeds, each with its recordings' matrices."""
    recordings = sorted(first[0])

    def statistic(chosen: NDArray[np.int64]) -> float:
        sides = [
            [score(sum(seed[recordings[number]] for number in chosen.astype(int))) for seed in side]  # type: ignore[operator]
            for side in (first, second)
        ]
        return statistics.fmean(a - b for a, b in zip(*sides, strict=True))

    places = np.arange(len(recordings))
    found = stats.bootstrap(
        (places,),
        statistic,
        n_resamples=DRAWS,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return statistic(places), float(found.confidence_interval.low), float(found.confidence_interval.high)


def compared(runs_dir: Path, **how: object) -> tuple[Compared, Difference]:
    words = [path.name for path in runs_dir.iterdir()]
    found = compare_runs(runs_dir, words, draws=DRAWS, **how)  # type: ignore[arg-type]
    (difference,) = [line.difference for line in found.lines if line.difference is not None]
    assert isinstance(difference, Difference), difference
    return found, difference


@pytest.mark.parametrize(("metric", "score"), [("macro_f1", macro_f1), ("accuracy", accuracy)])
def test_a_difference_over_seeds_is_what_scipy_says(tmp_path: Path, metric: str, score: object) -> None:
    sides = []
    for dim, right in ((16, 0.8), (32, 0.6)):
        seeds = [drawn(dim + seed, right, names(6)) for seed in (0, 1, 2)]
        for seed, confusions in enumerate(seeds):
            made_scores(made_run(tmp_path, f"model.hidden_dim={dim}", f"seed={seed}"), confusions)
        sides.append(seeds)
    found, difference = compared(tmp_path, metric=metric)
    # the better one is what the other is compared with
    expected = scipy_says(sides[1], sides[0], score)
    assert (difference.difference, difference.low, difference.high) == pytest.approx(expected, abs=1e-12)
    assert difference.recordings == 6
    assert difference.by == "pooled counts"
    values = [score(sum(each.values())) for each in sides[0]]  # type: ignore[operator]
    spread = found.lines[0].group.spread(metric)
    assert spread is not None
    assert spread.mean == pytest.approx(np.mean(values), abs=1e-12)
    assert spread.deviation == pytest.approx(np.std(values, ddof=1), abs=1e-12)


def test_folds_are_pooled(tmp_path: Path, folds_split: Path) -> None:
    sides = []
    for dim, right in ((16, 0.8), (32, 0.6)):
        seeds = []
        for seed in (0, 1):
            whole: Confusions = {}
            for fold in (0, 1):
                part = drawn(dim + seed, right, names(3, first=3 * fold), truth_seed=fold)
                whole |= part
                settings = (f"data.split={{name: folded, fold: {fold}}}", f"model.hidden_dim={dim}")
                run = made_run(tmp_path, *settings, f"seed={seed}", plugins=[folds_split])
                made_scores(run, part)
            seeds.append(whole)
        sides.append(seeds)
    found, difference = compared(tmp_path)
    assert [line.group.over() for line in found.lines] == ["2 seeds × 2 folds"] * 2
    expected = scipy_says(sides[1], sides[0])
    assert (difference.difference, difference.low, difference.high) == pytest.approx(expected, abs=1e-12)
    assert difference.recordings == 6


def test_rows_without_a_seed_in_common_are_averaged(tmp_path: Path) -> None:
    sides = []
    for dim, right, seeds in ((16, 0.8, (0, 1)), (32, 0.6, (2, 3, 4))):
        scored = [drawn(dim + seed, right, names(5)) for seed in seeds]
        for seed, confusions in zip(seeds, scored, strict=True):
            made_scores(made_run(tmp_path, f"model.hidden_dim={dim}", f"seed={seed}"), confusions)
        sides.append(scored)
    _, difference = compared(tmp_path)
    # each with each is the difference of the means
    expected = scipy_says([each for each in sides[1] for _ in sides[0]], [*sides[0]] * len(sides[1]))
    assert (difference.difference, difference.low, difference.high) == pytest.approx(expected, abs=1e-12)
    assert difference.notes == ("no seed in common, so each one's own are averaged",)


def test_the_f1_of_a_class_is_compared(tmp_path: Path) -> None:
    sides = [drawn(1, 0.8, names(5)), drawn(2, 0.7, names(5))]
    for dim, side in zip((16, 32), sides, strict=True):
        made_scores(made_run(tmp_path, f"model.hidden_dim={dim}"), side)
    found, difference = compared(tmp_path, metric="f1_chase")

    def f1_chase(confusion: NDArray[np.int64]) -> float:
        return float(f1_score(*expanded(confusion), labels=[2], average=None, zero_division=0)[0])

    dims = [line.group.differing["model.hidden_dim"] for line in found.lines]
    best, other = (sides[(16, 32).index(dim)] for dim in dims)
    expected = scipy_says([other], [best], f1_chase)
    assert (difference.difference, difference.low, difference.high) == pytest.approx(expected, abs=1e-12)


def test_recordings_that_one_alone_scored_are_left_out(tmp_path: Path) -> None:
    both = names(6)
    first, second = drawn(1, 0.8, both), drawn(2, 0.6, both)
    made_scores(made_run(tmp_path, "model.hidden_dim=16"), first)
    made_scores(made_run(tmp_path, "model.hidden_dim=32"), {name: second[name] for name in both[:5]})
    _, difference = compared(tmp_path)
    kept = [{name: side[name] for name in both[:5]} for side in (second, first)]
    expected = scipy_says([kept[0]], [kept[1]])
    assert (difference.difference, difference.low, difference.high) == pytest.approx(expected, abs=1e-12)
    assert (difference.recordings, difference.left_out) == (5, 1)


def test_a_metric_that_needs_more_than_counts_is_averaged_over_recordings(tmp_path: Path) -> None:
    sides = []
    for dim in (16, 32):
        run = made_run(tmp_path, f"model.hidden_dim={dim}")
        made_scores(run, drawn(dim, 0.7, names(5)))
        told = json.loads(run.scores.read_bytes())
        values = np.random.default_rng(dim).random(5)
        for stretch, value in zip(told["stretches"]["test"], values, strict=True):
            stretch["scores"]["loss"] = value
        told["pooled"]["test"]["loss"] = values.mean()
        run.scores.write_text(json.dumps(told))
        sides.append(values)
    found, difference = compared(tmp_path, metric="loss")
    assert found.lower_is_better
    assert difference.by == "mean over recordings"
    best, worse = sorted(sides, key=np.mean)
    assert found.lines[0].group.runs[0].scores["loss"] == pytest.approx(best.mean())
    chosen = np.random.default_rng(0).integers(0, 5, (DRAWS, 5))
    differences = worse[chosen].mean(axis=1) - best[chosen].mean(axis=1)
    low, high = np.percentile(differences, (2.5, 97.5))
    expected = (worse.mean() - best.mean(), low, high)
    assert (difference.difference, difference.low, difference.high) == pytest.approx(expected)
