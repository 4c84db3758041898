"""The profile of a step; on a GPU it tells kernels, here the operations of the plain step."""

from __future__ import annotations

import pytest

from benchmarks.step_profile import Row, StepProfile, profile_steps
from tests.training.stepping import CPU, FLOAT32, experiment_of, parts_of


@pytest.mark.filterwarnings("ignore::UserWarning")  # the profiler's own
def test_it_counts_what_a_step_does_and_how_long_that_takes(tmp_path):
    experiment = experiment_of(tmp_path, "training.windows_per_epoch=143")
    _, data = parts_of(experiment, FLOAT32, CPU)
    found = profile_steps(experiment, data, CPU, warm_up=3, steps=4)
    calls = {row.name: row.calls for row in found.rows}
    assert found.how == "plain"
    assert calls["aten::_fused_adamw_"] == 1
    assert calls["aten::nll_loss_forward"] == 1
    assert found.kernels == sum(calls.values()) > 100
    assert found.busy > 0
    assert found.wall > 0
    assert [row.time for row in found.rows] == sorted((row.time for row in found.rows), reverse=True)


def test_its_table_adds_up_to_all_of_a_step():
    rows = (
        Row("gemm", 2.0, 60.0),
        Row("x" * 300, 1.0, 25.0),
        Row("Memcpy DtoD", 1.0, 10.0),
        Row("add", 4.0, 5.0),
    )
    head, titles, *lines = StepProfile("captured", "kernels", 120.0, rows).lines(2)
    assert head == "steps are captured: 7.0 kernels a step, busy 100.0 µs of 120.0 µs a step"
    assert titles.split() == ["µs/step", "share", "calls/step", "name"]
    assert [line.split()[:3] for line in lines] == [
        ["60.0", "60.0%", "2.00"],
        ["25.0", "25.0%", "1.00"],
        ["15.0", "15.0%", "5.00"],
    ]
    assert lines[-1].endswith("2 others")
    assert max(map(len, lines)) < 130
