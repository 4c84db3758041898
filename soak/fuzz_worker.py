"""Tries inputs one after the other in this process, within bounds of time and memory, and tells of each."""

from __future__ import annotations

import functools
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from mabe_core.errors import MabeError
from mabe_core.runs.seal import seal
from soak import h5, tables, trash, trees
from soak.fuzz import MEMORY, SECONDS
from soak.subjects import Subject, command, subjects

# of the inputs, as many as these are changed in structure
STRUCTURED = 2 / 3
# of experiments, one of so many goes through the command itself
THROUGH_COMMAND = 10
LONGEST = 8000
SEAL = "seal"


class TooSlow(BaseException):
    """An input took too long; no component may catch it."""


def work(first: int, last: int, seed: int, only: str, keep: Path | None, folder: Path) -> None:
    """Try the inputs from first to last, and write a line before and after each."""
    all_subjects = subjects(folder)
    found = [subject for subject in all_subjects if only in subject.name]
    if not found:
        sys.exit(f"no file has {only!r} in its name")
    for subject in all_subjects:  # some extend others
        subject.path.write_bytes(subject.content)
    for subject in found:
        subject.read()  # unchanged, it works
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGPROF, _too_slow)
    now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    room = _address_space() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    sign = Path(os.environ[h5.SIGN])
    for number in range(first, last + 1):
        chance = random.Random(f"{seed}:{number}")
        (subject,) = chance.choices(found, [each.weight for each in found])
        structured = chance.random() < STRUCTURED and subject.form != "bytes"
        how = "structure" if structured else "bytes"
        told: dict[str, Any] = {"number": number, "name": subject.name, "how": how, "form": subject.form}
        print(json.dumps(told), file=channel, flush=True)
        subject.path.unlink(missing_ok=True)
        _change(subject, chance, structured=structured)
        changed = subject.path.read_bytes()
        began = time.process_time()
        outcome, said = _tried(subject, number)
        seconds = time.process_time() - began
        if sign.exists():
            outcome, said = "failed", "code in the file was run"
            sign.unlink()
        if outcome == "failed" and keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{number}-{subject.path.name}").write_bytes(changed)
        memory = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - now, 0)
        result = {**told, "outcome": outcome, "seconds": seconds, "memory": memory, "told": said[:1500]}
        print(json.dumps(result), file=channel, flush=True)
        subject.path.write_bytes(subject.content)


def _change(subject: Subject, chance: random.Random, *, structured: bool) -> None:
    """Write the subject's file, changed."""
    times = chance.choice([1, 1, 1, 2, 3])
    if not structured:
        content = subject.content
        if subject.form != "h5" and chance.random() < 0.1:
            content = trash.recoded(content, chance)
        else:
            content = trash.changed(content, chance, times)
    elif subject.form == "h5":
        subject.path.write_bytes(subject.content)
        h5.change(subject.path, chance, times)
        return
    elif subject.form == "table":
        content = tables.changed(subject.content.decode(), chance, times).encode(errors="surrogatepass")
    elif subject.form == "lines":
        lines = [json.loads(line) for line in subject.content.splitlines()]
        content = b"\n".join(map(_json, trees.changed(lines, chance, times) or [])) + b"\n"
    else:
        tree = trees.changed(_tree(subject), chance, times)
        content = _written(tree, subject.form)
    subject.path.write_bytes(content)


@functools.cache
def _tree(subject: Subject) -> Any:
    return yaml.safe_load(subject.content) if subject.form == "yaml" else json.loads(subject.content)


def _tried(subject: Subject, number: int) -> tuple[str, str]:
    """Return how an input ended and what was said."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        if subject.name.startswith("experiment") and number % THROUGH_COMMAND == 0:
            return _commanded(subject)
        subject.read()
    except MabeError as error:
        return _judged(error.exit_code, str(error))
    except TooSlow:
        return "failed", f"took more than {SECONDS:g} s: {_where()}"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return "failed", f"{type(error).__name__}: {error} ({_where()})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "worked", ""


def _commanded(subject: Subject) -> tuple[str, str]:
    code, said = command("run", subject.path, "--dry-run")
    return ("worked", "") if code == 0 else _judged(code, said)


def _judged(code: int, said: str) -> tuple[str, str]:
    """Tell whether a refusal is one that a person can do something with."""
    if code != 2:
        return "failed", f"exit status {code}: {said}"
    if not said.strip() or "Traceback" in said:
        return "failed", f"no message: {said!r}"
    if len(said) > LONGEST * (said.count("\n") + 1):
        return "failed", f"a message of {len(said)} characters: {said[:200]}"
    if "raised " in said:
        return "failed", f"a component's own fault is told: {said}"
    return "refused", said


def _where() -> str:
    frames = traceback.extract_tb(sys.exc_info()[2])
    own = [frame for frame in frames if "mabe_core" in frame.filename or "mabe_plugins" in frame.filename]
    return " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in reversed((own or frames)[-4:]))


def _too_slow(_: int, __: FrameType | None) -> None:
    raise TooSlow


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _written(tree: Any, form: str) -> bytes:
    if form == "sealed" and isinstance(tree, dict):  # by whoever knows how
        return seal({key: value for key, value in tree.items() if key != SEAL}, default=str)
    return _yaml(tree) if form == "yaml" else _json(tree)


def _json(tree: Any) -> bytes:
    return json.dumps(tree, default=str).encode(errors="surrogatepass")


def _yaml(tree: Any) -> bytes:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    text: str = yaml.dump(tree, Dumper=Plain, sort_keys=False, allow_unicode=True)
    return text.encode(errors="surrogatepass")
