"""Running an experiment: finished, interrupted, killed, resumed, changed."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import f1_score

from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess
from mabe_core.experiment import read_document, resolve
from mabe_core.runs.directory import all_runs
from mabe_core.runs.opening import open_run
from mabe_core.training.run import train
from tests.slowness import processor_seconds, slowness

LONG = ("--set", "training.epochs=12", "--set", "training.windows_per_epoch=320")


def only_run(folder: Path) -> Path:
    (run,) = all_runs(folder / "runs")
    return run.path


def final_weights(run: Path) -> dict[str, torch.Tensor]:
    last = json.loads((run / "last.json").read_text())
    mapped = load_file(run / "checkpoints" / last["checkpoint"] / "model.safetensors")
    return {name: tensor.clone() for name, tensor in mapped.items()}


def losses(run: Path) -> list[float]:
    return [json.loads(line)["train_loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def assert_same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def wait_for_checkpoint(folder: Path, number: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        last = list((folder / "runs").glob("*/last.json"))
        if last and json.loads(last[0].read_text())["epoch"] >= number:
            return
        time.sleep(0.02)
    raise AssertionError("no checkpoint came within a minute")


def test_a_run_ends_with_scores_its_id_and_everything_on_disk(mabe, tiny, tmp_path):
    outcome = mabe("run", tiny)
    assert outcome.code == 0, outcome.err
    run = only_run(tmp_path)
    assert "macro_f1" in outcome.out
    assert f"experiment id  {run.name}" in outcome.out
    assert {path.name for path in run.iterdir()} >= {
        "experiment.yaml",
        "record.json",
        "metrics.jsonl",
        "plugins",
        "checkpoints",
        "best.json",
        "last.json",
    }
    record = json.loads((run / "record.json").read_text())
    assert record["state"] == "finished"
    assert record["auto"]["device"] == "cpu"
    assert {(item["kind"], item["name"]) for item in record["components"]} >= {
        ("model", "transformer"),
        ("positional_encoding", "sinusoidal"),
        ("dataset", "tiny"),
    }
    assert [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [
        1,
        2,
        3,
        4,
    ]


def test_checkpoints_kept_are_every_second_epoch_the_best_and_the_last(mabe, tiny, tmp_path):
    mabe("run", tiny, "--set", "training.epochs=5")
    run = only_run(tmp_path)
    best = json.loads((run / "best.json").read_text())["checkpoint"]
    kept = {path.name for path in (run / "checkpoints").iterdir()}
    assert kept == {"step-00000022", "step-00000044", "step-00000055", best}


def test_scores_equal_scikit_learns_on_the_model_that_was_saved(mabe, tiny, tmp_path):
    mabe("run", tiny, "--set", "training.epochs=1", "--set", "optimizer.learning_rate=1e-3")
    run = only_run(tmp_path)
    line = json.loads((run / "metrics.jsonl").read_text())
    experiment_file = run / "experiment.yaml"
    document = read_document(experiment_file)
    experiment = resolve(document, load_plugins(document.plugin_files))
    dataset = experiment.data.dataset.build(DataAccess(()))
    recording = dataset.recordings[0]
    from mabe_core import DataShape

    shape = DataShape(8, 2, dataset.classes, 16)
    model = experiment.model.build(shape).eval()
    model.load_state_dict(final_weights(run))
    inputs = torch.from_numpy(recording.points).flatten(1).view(-1, 16, 8)
    with torch.no_grad():
        found = model(inputs).argmax(-1).flatten().numpy()
    truth = recording.views[0].labels.argmax(1)
    expected = f1_score(truth, found, labels=range(2), average="macro", zero_division=0)
    assert 0 < expected < 1
    assert line["val_macro_f1"] == pytest.approx(expected)


@pytest.mark.parametrize(("length", "gap"), [(16, 1), (24, 1), (24, 3)])
def test_each_validation_frame_counts_once_where_windows_overlap_too(mabe, tiny, tmp_path, length, gap):
    words = ("--set", f"data.sequence_length={length}", "--set", f"data.frame_gap={gap}")
    assert mabe("run", tiny, *words, "--set", "training.epochs=1").code == 0
    line = json.loads((only_run(tmp_path) / "metrics.jsonl").read_text())
    assert [sum(row) for row in line["confusion"]] == [189, 211]


def test_running_it_again_says_that_it_is_finished_without_training(mabe, tiny, tmp_path, start_mabe):
    assert mabe("run", tiny).code == 0
    before = final_weights(only_run(tmp_path))
    began = processor_seconds()
    again = start_mabe("run", tiny)
    out, _ = again.communicate(timeout=60)
    assert processor_seconds() - began < 1.5 * slowness()
    assert again.returncode == 0
    assert "is finished" in out
    assert "macro_f1" in out
    assert_same_bits(before, final_weights(only_run(tmp_path)))


def test_fresh_trains_again_and_moves_the_old_run_aside(mabe, tiny, tmp_path):
    mabe("run", tiny)
    before = final_weights(only_run(tmp_path))
    outcome = mabe("run", tiny, "--fresh")
    assert "epoch   4/4" in outcome.out
    (aside,) = (tmp_path / "runs").glob("*.aside-*")
    assert_same_bits(before, final_weights(aside))
    assert_same_bits(before, final_weights(only_run(tmp_path)))


@pytest.mark.parametrize("after", [1, 5])
def test_killed_and_run_again_it_ends_with_the_same_bits(tiny, tmp_path, start_mabe, mabe, after):
    killed = start_mabe("run", tiny, *LONG)
    wait_for_checkpoint(tmp_path, after)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert json.loads((only_run(tmp_path) / "record.json").read_text())["state"] == "running"
    assert "interrupted" in mabe("runs").out
    resumed = mabe("run", tiny, *LONG)
    assert resumed.code == 0, resumed.err
    assert "going on from step" in resumed.out
    assert json.loads((only_run(tmp_path) / "record.json").read_text())["attempts"] == 2
    whole = mabe("run", tiny, *LONG, "--runs-dir", tmp_path / "other" / "runs")
    assert whole.code == 0
    assert_same_bits(final_weights(only_run(tmp_path)), final_weights(only_run(tmp_path / "other")))
    assert losses(only_run(tmp_path)) == losses(only_run(tmp_path / "other"))


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_it_saves_in_mid_epoch_and_goes_on_to_the_same_bits(
    tiny, tmp_path, start_mabe, mabe, signum, code
):
    running = start_mabe("run", tiny, *LONG)
    wait_for_checkpoint(tmp_path, 2)
    running.send_signal(signum)
    _, err = running.communicate(timeout=60)
    assert running.returncode == code
    assert "saved" in err
    assert "Traceback" not in err
    run = only_run(tmp_path)
    assert json.loads((run / "record.json").read_text())["state"] == "interrupted"
    stopped = json.loads((run / "last.json").read_text())["step"]
    resumed = mabe("run", "--resume", run.name[:8])
    assert f"going on from step {stopped}" in resumed.out
    mabe("run", tiny, *LONG, "--runs-dir", tmp_path / "other" / "runs")
    assert_same_bits(final_weights(run), final_weights(only_run(tmp_path / "other")))
    assert losses(run) == losses(only_run(tmp_path / "other"))


def test_a_second_process_on_the_same_run_is_refused_by_name(tiny, tmp_path, start_mabe):
    first = start_mabe("run", tiny, *LONG)
    wait_for_checkpoint(tmp_path, 1)
    second = start_mabe("run", tiny, *LONG)
    _, err = second.communicate(timeout=60)
    first.kill()
    first.communicate()
    assert second.returncode == 2
    assert f"is being run by process {first.pid}" in err


def test_a_damaged_newest_checkpoint_is_told_and_the_one_before_is_used(mabe, tiny, tmp_path):
    mabe("run", tiny)
    run = only_run(tmp_path)
    before = final_weights(run)
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps({**record, "state": "interrupted"}))
    newest = run / "checkpoints" / "step-00000044" / "model.safetensors"
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    newest.write_bytes(content)
    outcome = mabe("run", tiny)
    assert outcome.code == 0, outcome.err
    assert "step-00000044/model.safetensors is damaged" in outcome.out.replace("\n", "")
    assert "going on from step 33" in outcome.out
    assert_same_bits(before, final_weights(run))


def test_best_and_last_are_mended_where_a_crash_came_before_they_were_written(mabe, tiny, tmp_path):
    mabe("run", tiny)
    run = only_run(tmp_path)
    before = {name: json.loads((run / name).read_text()) for name in ("best.json", "last.json")}
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps({**record, "state": "running", "epoch": 1, "best": None}))
    (run / "best.json").unlink()
    (run / "last.json").write_text("[1]")
    assert mabe("run", tiny).code == 0
    assert {name: json.loads((run / name).read_text()) for name in before} == before
    mended = json.loads((run / "record.json").read_text())
    assert (mended["epoch"], mended["best"]) == (record["epoch"], record["best"])


def test_fresh_that_fails_leaves_the_finished_run_as_it_was(mabe, tiny, tmp_path):
    mabe("run", tiny)
    before = {path: path.read_bytes() for path in only_run(tmp_path).rglob("*.json")}
    assert mabe("run", tiny, "--fresh", "--device", "cuda:7").code == 2
    assert {path: path.read_bytes() for path in only_run(tmp_path).rglob("*.json")} == before
    assert "is finished" in mabe("run", tiny).out


def test_two_that_opened_the_same_run_do_not_overwrite_each_other(tiny, tmp_path):
    document = read_document(tiny)
    registry = load_plugins(document.plugin_files)
    experiment = resolve(document, registry)
    first, second = (open_run(experiment, registry, tmp_path / "runs", DataAccess(())) for _ in range(2))
    done = train(first)
    assert train(second).best == done.best
    assert second.state == "finished"
    assert second.record.attempts == 1


def test_a_run_whose_output_nobody_reads_any_more_goes_on(tiny, tmp_path, start_mabe):
    running = start_mabe("run", tiny, *LONG)
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.wait(timeout=60) == 0
    assert json.loads((only_run(tmp_path) / "record.json").read_text())["state"] == "finished"


def test_resuming_an_edited_experiment_is_refused_whatever_part_of_the_id_is_given(mabe, tiny, tmp_path):
    mabe("run", tiny)
    run = only_run(tmp_path)
    file = run / "experiment.yaml"
    file.write_text(file.read_text().replace("seed: 7", "seed: 8"))
    outcome = mabe("run", "--resume", "tiny")
    assert outcome.code == 2
    assert f"{run.name}/experiment.yaml now stands for tiny-" in outcome.err
    assert only_run(tmp_path) == run


def test_a_record_that_is_damaged_is_listed_as_such_and_not_trained_over(mabe, tiny, tmp_path):
    mabe("run", tiny)
    (only_run(tmp_path) / "record.json").write_text("")
    assert "damaged" in mabe("runs").out
    outcome = mabe("run", tiny)
    assert outcome.code == 2
    assert "--fresh" in outcome.err
    assert mabe("run", tiny, "--fresh").code == 0


def test_other_software_is_told_when_a_run_is_repeated(mabe, tiny, tmp_path):
    mabe("run", tiny)
    run = only_run(tmp_path)
    record = json.loads((run / "record.json").read_text())
    record["software"]["torch"] = "2.10.0"
    record["components"][-1]["sources"] = {"__init__.py": "0" * 64}
    (run / "record.json").write_text(json.dumps(record))
    told = mabe("run", tiny).out
    assert "was 2.10.0" in told
    assert "has other source in" in told


def test_augmented_training_sees_the_same_windows_as_plain_when_nothing_is_changed(tiny, tmp_path):
    """Features in the step equal features of the whole recording, margins and gaps included."""
    from mabe_core.exchange import SplitContext
    from mabe_core.training.inputs import prepare

    base = ("data.dataset.missing=0.2", "data.features=[interpolate]", "data.frame_gap=2")
    data = {}
    for name, augmentations in (("plain", "[]"), ("augmented", "[turn]")):
        document = read_document(tiny, (*base, f"data.augmentations={augmentations}"))
        experiment = resolve(document, load_plugins(document.plugin_files))
        dataset = experiment.data.dataset.build(DataAccess(()))
        partition = experiment.data.split.build()(dataset.recordings, SplitContext(31, 0))
        data[name] = prepare(
            experiment.data, dataset, partition, dtype=torch.float32, device=torch.device("cpu")
        )
    plain, augmented = data["plain"], data["augmented"]
    assert len(plain.train_starts) == len(augmented.train_starts)
    chosen = torch.arange(0, len(plain.train_starts), 37)
    inputs, targets = plain.train(plain.train_starts[chosen])
    turned, same_targets = augmented.train(augmented.train_starts[chosen])
    assert torch.equal(targets, same_targets)
    distance = inputs.unflatten(-1, (-1, 2)).norm(dim=-1)
    torch.testing.assert_close(turned.unflatten(-1, (-1, 2)).norm(dim=-1), distance)
    assert not torch.allclose(turned, inputs)


def test_augmented_training_resumes_to_the_bit(mabe, tiny, tmp_path, start_mabe):
    words = ("run", tiny, *LONG, "--set", "data.augmentations=[turn]", "--set", "data.features=[interpolate]")
    running = start_mabe(*words)
    wait_for_checkpoint(tmp_path, 1)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == 143
    assert mabe(*words).code == 0
    assert mabe(*words, "--runs-dir", tmp_path / "other" / "runs").code == 0
    assert_same_bits(final_weights(only_run(tmp_path)), final_weights(only_run(tmp_path / "other")))


def test_a_loss_that_is_not_finite_stops_the_run_and_says_where(mabe, tiny, tmp_path):
    outcome = mabe("run", tiny, "--set", "optimizer.learning_rate=1e30", "--set", "training.grad_clip=null")
    assert outcome.code == 1
    assert "the loss became nan at step 2, in epoch 1, on frames" in outcome.err
    assert json.loads((only_run(tmp_path) / "record.json").read_text())["state"] == "failed"


def test_training_goes_on_from_python_with_the_same_function(tiny, tmp_path):
    document = read_document(tiny)
    registry = load_plugins(document.plugin_files)
    opened = open_run(resolve(document, registry), registry, tmp_path / "runs", DataAccess(()))
    record = train(opened)
    assert record.state == "finished"
    assert record.best is not None
