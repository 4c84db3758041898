"""TensorBoard: the scores of each epoch as event files, in the folder `tensorboard` of the run directory.

Written by tensorboardX's `EventsWriter`, not its `SummaryWriter`: that one writes from a thread of its own,
so that a run that is killed, or copied while it goes on, lacks what was told already.
"""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mabe_core import RunView, epoch_scores, hookimpl

if TYPE_CHECKING:
    from tensorboardX.event_file_writer import EventsWriter

FOLDER = "tensorboard"
# the writers of the runs that go on in this process, by run directory
_writers: dict[Path, EventsWriter] = {}


@hookimpl
def mabe_experiment_started(run: RunView, earlier: Sequence[Mapping[str, Any]]) -> None:
    """Go on in the same curves: what an earlier attempt told beyond its checkpoint is purged."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto import event_pb2
    from tensorboardX.summary import text

    _close(run)
    folder = run.folder / FOLDER
    folder.mkdir(exist_ok=True)
    shown = {step for file in folder.glob("events.out.tfevents.*") for step in _steps(file)}
    # an epoch that was not told, as its attempt was killed or had no such watcher, is told with all after it
    first = next((index for index, line in enumerate(earlier) if line["step"] not in shown), len(earlier))
    purged = earlier[first - 1]["step"] + 1 if first else 0
    writer = EventsWriter(str(folder / "events"), f".attempt-{run.record['attempts']}")
    _writers[run.folder] = writer
    start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    writer.write_event(event_pb2.Event(session_log=start, step=purged, wall_time=time.time()))
    for line in earlier[first:]:
        _write_scores(writer, line)
    rows = [f"| {key} | `{value}` |" for key, value in run.flat().items()]
    table = "\n".join(["| key | value |", "| --- | --- |", *rows])
    _write(writer, text("experiment", table), run.record["step"])
    writer.flush()


@hookimpl
def mabe_epoch_finished(run: RunView, metrics: Mapping[str, Any]) -> None:
    """Add a point to each curve."""
    writer = _writers[run.folder]
    _write_scores(writer, metrics)
    writer.flush()


@hookimpl
def mabe_experiment_finished(run: RunView) -> None:
    """Close the file."""
    _close(run)


@hookimpl
def mabe_experiment_failed(run: RunView) -> None:
    """Close the file."""
    _close(run)


def _close(run: RunView) -> None:
    writer = _writers.pop(run.folder, None)
    if writer is not None:
        writer.close()


def _write_scores(writer: EventsWriter, line: Mapping[str, Any]) -> None:
    """Write all scores of an epoch as one event, so that a file that was cut off has all of them or none."""
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.summary import scalar

    summary = Summary()
    for name, value in epoch_scores(line).items():
        summary.MergeFrom(scalar(name, value))
    _write(writer, summary, line["step"])


def _write(writer: EventsWriter, summary: Any, step: int) -> None:
    from tensorboardX.proto import event_pb2

    writer.write_event(event_pb2.Event(summary=summary, step=step, wall_time=time.time()))


def _steps(file: Path) -> Iterator[int]:
    """Yield the steps that an event file has scores of, up to where it was cut off.

    The format is TFRecord's: the length as a 64-bit number, its checksum, the event, its checksum.
    """
    from google.protobuf.message import DecodeError
    from tensorboardX.proto import event_pb2

    content = file.read_bytes()
    place = 0
    while place + 12 <= len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        place += 12
        if place + length + 4 > len(content):
            return
        with contextlib.suppress(DecodeError):
            event = event_pb2.Event.FromString(content[place : place + length])
            if any(value.HasField("simple_value") for value in event.summary.value):
                yield event.step
        place += length + 4
