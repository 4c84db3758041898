"""A sample of the fuzzer: 2,000 inputs, most of them valid files changed in structure."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from soak import tables, trash, trees
from tests.conftest import ROOT


def test_every_input_works_or_is_told(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    words = ["--inputs", "2000", "--seed", "7", "--folder", tmp_path, "--keep", tmp_path, "--json", figures]
    done = subprocess.run(
        [sys.executable, "-m", "soak.fuzz", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(figures.read_text())
    assert told["inputs"] == 2000
    assert told["changed in structure"] > told["inputs"] / 2
    assert told["worked"] > 200
    assert told["refused"] > 200


def test_the_same_seed_gives_the_same_changes() -> None:
    tree = {"name": "x", "data": [1, {"a": 2.5}]}
    for seed in range(50):
        once, again = random.Random(seed), random.Random(seed)
        assert repr(trees.changed(tree, once, 3)) == repr(trees.changed(tree, again, 3))
        assert tables.changed("a,b\n1,2\n", once, 3) == tables.changed("a,b\n1,2\n", again, 3)
        assert trash.changed(b"abc", once, 3) == trash.changed(b"abc", again, 3)
    assert tree == {"name": "x", "data": [1, {"a": 2.5}]}
