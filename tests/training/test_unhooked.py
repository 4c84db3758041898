"""Training does not wait for what it does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from mabe_core.training.unhooked import unhooked_step

TRAINS = """
import sys
from pathlib import Path
from mabe_core.training.state import capture, restore
from mabe_core.training.step import PlainStep
from tests.training.stepping import CPU, FLOAT32, experiment_of, fresh, parts_of, train
experiment = experiment_of(Path(sys.argv[1]))
parts, data = parts_of(experiment, FLOAT32, CPU)
step = PlainStep(parts, data, 1.0, FLOAT32, CPU)
progress = fresh(CPU)
train(step, data, progress, 2)
restore(step, progress, capture(step, progress))
train(step, data, progress, 1)
sys.exit("torch._dynamo" in sys.modules)
"""


def test_training_does_not_import_torchs_compiler(tmp_path):
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", TRAINS, str(tmp_path)], cwd=root, check=False)
    assert done.returncode == 0


def test_who_listens_to_an_optimizers_steps_hears_of_them():
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.ones(3)
    optimizer = torch.optim.SGD([weight], lr=0.5)
    heard: list[int] = []
    step = unhooked_step(optimizer)
    optimizer.register_step_post_hook(lambda *_: heard.append(1))
    step()
    assert heard == [1]
    assert weight.tolist() == [0.5] * 3


def test_a_step_without_hooks_moves_weights_and_needs_no_gradient():
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.ones(3)
    unhooked_step(torch.optim.SGD([weight], lr=0.5))()
    assert weight.tolist() == [0.5] * 3
    assert weight.requires_grad
