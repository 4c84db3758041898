"""The parts of the cloud path by themselves: claims, progress between machines, what an image holds."""

from __future__ import annotations

import importlib.metadata
import json
import threading
from pathlib import Path

import pytest

from mabe_core.cloud.attempts import Attempts
from mabe_core.cloud.claims import Claims
from mabe_core.cloud.guided import spent
from mabe_core.cloud.packing import pack, requirements
from mabe_core.cloud.request import CloudRequest
from mabe_core.cloud.signals import KEPT, Follower, Progress
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, resolve
from mabe_core.experiment.cloud import Cloud, in_words, seconds
from mabe_core.runs.identity import experiment_id
from mabe_core.runs.sent import SentExperiment
from mabe_core.training.events import Began, DataRead, EpochEnded, Event, Saved, Stepped, Warned


class MemoryStore:
    """A store of one process."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}
        self.lock = threading.Lock()

    def get(self, key: str) -> str | None:
        return self.entries.get(key)

    def put(self, key: str, value: str) -> None:
        self.entries[key] = value

    def put_new(self, key: str, value: str) -> bool:
        with self.lock:
            return self.entries.setdefault(key, value) is value

    def list_keys(self) -> list[str]:
        return list(self.entries)


def request(token: str = "a", **cloud: object) -> CloudRequest:
    return CloudRequest(
        sent=SentExperiment(id="tiny-0123456789", experiment="", plugin_files={}, plugins=()),
        python="3.12",
        packages=(),
        plugin_packages=(),
        cloud=Cloud(**cloud),
        token=token,
    )


def test_of_two_claims_at_once_one_succeeds() -> None:
    claims = Claims(MemoryStore())
    taken = [claims.take(request("a"), None), claims.take(request("b"), None)]

    assert [claim is not None for claim in taken] == [True, False]
    current = claims.current("tiny-0123456789")
    assert current is not None
    assert current.token == "a"


def test_of_two_that_take_over_at_once_one_succeeds_and_the_earlier_claim_no_longer_counts() -> None:
    claims = Claims(MemoryStore())
    first = claims.take(request("a"), None)
    assert first is not None
    over = [claims.take(request("b"), first), claims.take(request("c"), first)]

    assert [claim is not None for claim in over] == [True, False]
    assert claims.again(first) is None
    assert claims.all()["tiny-0123456789"].token == "b"


EVENTS: list[Event] = [
    DataRead(("recordings 4",)),
    Began(10, 3, 5, 0, "macro_f1", {"device": "cpu"}),
    Stepped(1, 2, 0.5),
    EpochEnded({"epoch": 1, "val_macro_f1": float("nan")}, True),
    Saved("step-00000005"),
    Warned("look"),
]


def test_progress_is_told_once_and_in_order_whenever_it_is_looked_at() -> None:
    progress, follower = Progress("token", 1), Follower("token")
    heard: list[Event] = []
    for event in EVENTS:
        progress.add(event)
        heard += follower.new(progress.to_text())
        heard += follower.new(progress.to_text())

    assert [type(event) for event in heard] == [type(event) for event in EVENTS]
    assert heard[1] == EVENTS[1]


def test_another_attempt_begins_anew_and_another_submission_is_not_heard() -> None:
    follower = Follower("token")
    first, second, other = Progress("token", 1), Progress("token", 2), Progress("other", 1)
    for progress in (first, second, other):
        progress.add(EVENTS[1])

    assert [len(list(follower.new(each.to_text()))) for each in (first, second, first, other)] == [1, 1, 0, 0]


def test_what_is_told_stays_small_and_begins_with_what_the_display_needs() -> None:
    progress = Progress("token", 1)
    for event in EVENTS[:2]:
        progress.add(event)
    for epoch in range(10_000):
        progress.add(EpochEnded({"epoch": epoch}, False))

    heard = list(Follower("token").new(progress.to_text()))

    assert len(heard) == KEPT + 2
    assert heard[:2] == [DataRead(["recordings 4"]), EVENTS[1]]  # type: ignore[arg-type]
    assert heard[-1] == EpochEnded({"epoch": 9_999}, False)


def test_attempts_count_from_their_first_moment_whatever_becomes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, file, clock = MemoryStore(), tmp_path / "cloud.json", [1000.0]
    monkeypatch.setattr("mabe_core.cloud.attempts.time.time", lambda: clock[0])

    def attempt(token: str) -> Attempts:
        clock[0] += 50.0
        return Attempts(store, request(token, timeout="40s", max_total="10min"), "", file)

    attempt("a").save("time limit")
    attempt("b")  # crashes at once, and says nothing
    attempt("b").save("preempted")
    attempt("b")
    now = attempt("b")
    now.tell()

    assert (now.number, now.crashes, now.retried, now.is_first) == (4, 2, 2, False)
    assert now.seconds_before == pytest.approx(40.0 + 0.0 + 40.0, abs=1.0)
    assert [each["token"] for each in json.loads(file.read_text())["attempts"]] == ["b"] * 4
    assert spent(request("b", timeout="40s", retries=1), now) is not None


@pytest.mark.parametrize(
    ("timeout", "total", "retries", "expected"),
    [("2h", None, 3, 3), ("1h", "3h", 2, 4), ("1h", "100h", 3, 10), ("2h", "30min", 0, 0)],
)
def test_attempts_that_may_follow(timeout: str, total: str | None, retries: int, expected: int) -> None:
    assert request(timeout=timeout, max_total=total, retries=retries).retries == expected


@pytest.mark.parametrize("text", ["90s", "30min", "2h", "1.5d", "1.5h"])
def test_times_are_read_and_written_alike(text: str) -> None:
    assert seconds(in_words(seconds(text))) == seconds(text)


@pytest.mark.parametrize("text", ["", "2", "0h", "-1h", "2 hours", "1h30", "nan h", "1e3s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90s"):
        seconds(text)


def test_an_image_holds_what_is_needed_here_pinned_without_local_parts() -> None:
    found = requirements(["mabe-core"], without=["mabe-core"])
    names = [requirement.partition("==")[0] for requirement in found]

    assert {"torch", "numpy", "attrs", "cattrs", "pluggy", "click", "sympy"} <= set(names)
    assert not {"modal", "mabe-core", "pytest", "ruff", "grpclib"} & set(names)
    assert not [requirement for requirement in found if "+" in requirement]
    assert f"numpy=={importlib.metadata.version('numpy')}" in found


def test_a_request_survives_the_journey_and_stands_for_the_same_experiment(
    tiny: Path, tmp_path: Path
) -> None:
    document = read_document(tiny)
    registry = load_plugins(document.plugin_files)
    experiment = resolve(document, registry)

    sent = pack(experiment, registry, tmp_path).request
    came = CloudRequest.from_text(sent.to_text())

    assert came == sent
    assert came.id == experiment_id(experiment, registry)
    assert came.sent.plugin_files["tiny.py"].encode() == (document.plugin_files[0]).read_bytes()
    assert json.loads(sent.to_text())["sent"]["experiment"].count("plugins/tiny.py") == 1
    assert {plugin.distribution for plugin in came.sent.plugins} == {"mabe-core"}
