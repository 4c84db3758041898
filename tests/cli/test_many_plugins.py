"""Fifty installed plugins, three of them broken: the others work, the three are named, and it stays quick."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from tests.fake_site import GOOD, installed
from tests.slowness import processor_seconds, slowness


@attrs.frozen
class Site:
    """A folder of installed distributions; `mabe` runs with it in a process of its own."""

    folder: Path

    def mabe(self, *words: str, program: str = "main") -> tuple[subprocess.CompletedProcess[str], float]:
        """Return what a command ended with, and the processor time that it took, in seconds."""
        before = processor_seconds()
        done = subprocess.run(
            [sys.executable, "-c", f"from mabe_core.cli import {program}; {program}()", *words],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            cwd=self.folder,
            check=False,
        )
        return done, processor_seconds() - before


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    for number in range(1, 48):
        installed(folder, f"mabe-net{number}", f"net{number}", GOOD.replace('"mine"', f'"net{number}"'))
    installed(folder, "mabe-lacking", "lacking", "import not_there_at_all\n" + GOOD)
    installed(folder, "mabe-misspelled", "misspelled", GOOD.replace("mabe_models", "mabe_modles"))
    installed(folder, "mabe-colliding", "colliding", GOOD.replace('"mine"', '"transformer"'))
    return Site(folder)


def test_list_names_the_others_in_natural_order_and_the_three_with_what_to_do(site):
    done, _ = site.mabe("list", "model", "--json")
    assert done.returncode == 0
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows if row["place"] == "installed" and not row["collides"]] == [
        f"net{number}" for number in range(1, 48)
    ]
    assert {row["plugin"] for row in rows if row["collides"]} == {"transformer", "colliding"}
    told = done.stderr.splitlines()
    assert len(told) == 3
    (lacking,) = [line for line in told if "mabe-lacking 1.2" in line]
    assert "lacking.py:1: ModuleNotFoundError: No module named 'not_there_at_all'" in lacking
    assert "`pip uninstall mabe-lacking` removes it" in lacking
    (misspelled,) = [line for line in told if "mabe-misspelled 1.2" in line]
    assert "no hook is named 'mabe_modles'. Did you mean 'mabe_models'?" in misspelled
    (colliding,) = [line for line in told if "mabe-colliding 1.2" in line]
    assert "model 'transformer' is offered by" in colliding
    assert "Uninstall one, rename one" in colliding


def test_a_colliding_name_fails_where_an_experiment_names_it_and_only_there(site):
    (site.folder / "e.yaml").write_text("name: e\ndata: {dataset: synthetic}\nmodel: transformer\n")
    done, _ = site.mabe("run", "e.yaml", "--dry-run")
    assert done.returncode == 2
    assert "e.yaml:3: model: model 'transformer' is offered by plugin" in done.stderr
    assert "Traceback" not in done.stderr
    done, _ = site.mabe("run", "e.yaml", "--dry-run", "--set", "model=net7")
    assert done.returncode == 0, done.stderr


def test_the_schema_offers_no_name_that_collides(site):
    done, _ = site.mabe("schema")
    names = json.loads(done.stdout)["$defs"]["model"]["anyOf"][0]["enum"]
    assert "net7" in names
    assert "transformer" not in names


def test_plugins_and_doctor_name_the_three_too(site):
    done, _ = site.mabe("plugins", "--json")
    states = {row["plugin"]: row for row in json.loads(done.stdout)}
    assert states["lacking"]["state"] == states["misspelled"]["state"] == "broken"
    assert "not_there_at_all" in states["lacking"]["failures"][0]
    assert states["colliding"]["state"] == "colliding"
    assert states["net3"]["state"] == "loaded"
    assert states["net3"]["hooks"] == ["mabe_models"]
    assert states["net3"]["milliseconds"] > 0
    done, _ = site.mabe("doctor", "--json")
    assert done.returncode == 1
    broken = [each for each in json.loads(done.stdout) if each["state"] == "broken"]
    assert len([each for each in broken if each["subject"] == "plugins" and each["remedy"]]) == 3


def test_listing_takes_under_600_ms_of_processor_time_and_help_under_300(site):
    assert min(site.mabe("list")[1] for _ in range(3)) < 0.6 * slowness()
    assert min(site.mabe("--help", program="main_run")[1] for _ in range(3)) < 0.3 * slowness()
