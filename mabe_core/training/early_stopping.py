"""Early stopping: whether a score has stopped getting better, told by the scores of the epochs so far."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mabe_core.experiment.schema import EarlyStopping


def why_stop(
    asked: EarlyStopping | None,
    monitor: str,
    lower_is_better: Collection[str],
    epochs: Sequence[Mapping[str, float]],
) -> str:
    """Return in words why training ends after these epochs, or nothing where it goes on.

    A score that is not a number is no gain. epochs: the validation scores of each.
    """
    if asked is None:
        return ""
    name = asked.metric or monitor
    sign = -1.0 if name in lower_is_better else 1.0
    best, gained = float("-inf"), 0
    for number, scores in enumerate(epochs, start=1):
        if sign * scores[name] > best + asked.min_delta:
            best, gained = sign * scores[name], number
    without = len(epochs) - gained
    if without < asked.patience:
        return ""
    for_long = f"{without} epoch{'s' if without > 1 else ''}"
    if not gained:
        return f"{name} was not a number in {for_long}"
    return f"{name} has not got better for {for_long}: {sign * best:.4f} in epoch {gained}"
