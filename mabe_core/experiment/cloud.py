"""The `cloud:` section of an experiment: where and for how long `--cloud` runs it."""

from __future__ import annotations

import re
from typing import Any

import attrs
from attrs.validators import and_, ge, matches_re, optional

from mabe_core.errors import did_you_mean

GPUS = ("T4", "L4", "A10G", "L40S", "A100", "H100", "H200")
# what one attempt may last at most, by Modal's rules
LONGEST_ATTEMPT = 24 * 3600
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,6})?) ?(s|min|h|d)")


def seconds(duration: str) -> float:
    """Return the seconds of a text such as 90s, 30min, 2h or 1.5d; raise ValueError for any other."""
    match = _DURATION.fullmatch(duration)
    if match is None or float(match[1]) == 0:
        raise ValueError(f"expects a time such as 90s, 30min, 2h or 1.5d, not {duration!r}.")
    return float(match[1]) * _UNITS[match[2]]


def in_words(duration: float) -> str:
    """Return a number of seconds as `seconds` reads it, in the largest unit that suits."""
    for unit in ("d", "h", "min"):
        amount = duration / _UNITS[unit]
        if amount >= 1 and round(amount, 1) == amount:
            return f"{amount:g}{unit}"
    return f"{duration:g}s"


def check_gpu(_: Any, __: Any, value: str) -> None:
    """Refuse what Modal does not lend."""
    name, colon, count = value.partition(":")
    if value == "none":
        return
    if name not in GPUS:
        raise ValueError(f"there is no GPU {name!r}.{did_you_mean(name, [*GPUS, 'none'])}")
    if colon and not re.fullmatch("[1-8]", count):
        raise ValueError(f"expects a count of 1 to 8 after the colon, such as {name}:2, not {count!r}.")


def check_duration(_: Any, __: Any, value: str) -> None:
    """Refuse what is no length of time."""
    seconds(value)


def check_timeout(_: Any, __: Any, value: str) -> None:
    """Refuse what is no length of time, or more than an attempt can last."""
    if seconds(value) > LONGEST_ATTEMPT:
        raise ValueError(f"one attempt lasts at most 24h, not {value}; `max_total` may be longer.")


VOLUME_NAME = re.compile(r"[A-Za-z0-9._-]{1,58}")
_NAME = matches_re(VOLUME_NAME)
# what check_gpu allows, for editors
_GPU = matches_re(rf"none|({'|'.join(GPUS)})(:[1-8])?")


def _field(help: str, default: Any, validator: Any = None) -> Any:  # noqa: A002 - click's word for it
    return attrs.field(metadata={"help": help, "identity": False}, default=default, validator=validator)


@attrs.frozen(kw_only=True)
class Cloud:
    """Where and for how long `--cloud` runs it, on Modal."""

    gpu: str = _field(f"{', '.join(GPUS)}, with a count such as H100:2; or none", "T4", and_(check_gpu, _GPU))
    timeout: str = _field("limit of one attempt, such as 90s, 30min or 2h; at most 24h", "2h", check_timeout)
    max_total: str | None = _field(
        "limit of all attempts together; by default that of one", None, optional(check_duration)
    )
    retries: int = _field("how many attempts may crash before it is given up", 3, ge(0))
    volume: str = _field("the Modal Volume that keeps runs and data", "mabe-data", _NAME)
    app: str = _field("the name of the Modal app", "mabe-training-basic", _NAME)
    secrets: tuple[str, ...] = _field("Modal secrets that it is given, by name", ())
    profile: str | None = _field("the profile of ~/.modal.toml; by default the active one", None)

    @property
    def gpus(self) -> int:
        """How many GPUs are asked for, at least one."""
        return int(self.gpu.partition(":")[2] or 1)

    @property
    def attempt_seconds(self) -> float:
        return seconds(self.timeout)

    @property
    def total_seconds(self) -> float:
        return seconds(self.max_total or self.timeout)
