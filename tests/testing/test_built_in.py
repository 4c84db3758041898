"""Every built-in component keeps the promises that the kit checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from mabe_core import DataAccess
from mabe_core.discovery import load_plugins
from mabe_core.registry import KINDS
from mabe_core.testing import assert_passes, check_component, check_plugin
from mabe_core.testing.suites import SUITES
from tests.plugins import kaggle_writing, test_calms21, test_label_bouts, test_pose_sleap, test_simba
from tests.plugins.pose_writing import pose_frame, write_boris, write_caltech, write_csv, write_h5

REGISTRY = load_plugins()
BUILT_IN = [offer for offer in REGISTRY.all() if offer.origin.place == "built-in"]
SETTINGS = {
    ("model", "transformer"): {"hidden_dim": 32, "num_layers": 2},
    ("augmentation", "identity_swap"): {"labels_are_symmetric": True},
    ("dataset", "synthetic"): {"train_recordings": 3, "validation_recordings": 1, "seconds": 20.0},
    ("dataset", "pose_files"): {
        "folder": "data",
        "labels": "caltech",
        "pairs": [{"pose": "pose.csv", "labels": "labels.txt"}],
        "classes": ["attack", "mount", "other"],
        "fps": 30.0,
    },
    ("pose_reader", "movement"): {"source": "DeepLabCut"},
    ("label_reader", "bouts"): {"unit": "frames"},
    ("label_reader", "simba"): {"targets": ["Attack"]},
}
# what an extra brings, and the check is skipped without
EXTRAS = {("pose_reader", "movement"): "movement", ("dataset", "mabe_kaggle"): "pyarrow"}


@pytest.fixture
def samples(tmp_path: Path) -> dict[tuple[str, str], list[Path]]:
    """Return files for each reader; those of datasets lie under tmp_path."""
    bouts = [(1, 10, "other"), (11, 20, "attack"), (21, 40, "mount")]
    events = [(1.0, "a", "attack", "START"), (2.0, "a", "attack", "STOP")]
    pose = write_csv(pose_frame(), tmp_path / "data" / "pose.csv")
    labels = write_caltech(tmp_path / "data" / "labels.txt", bouts)
    simba = test_simba.write(tmp_path / "simba.csv", test_simba.table())
    (tmp_path / "bouts.csv").write_text(test_label_bouts.PLAIN)
    test_calms21.write(tmp_path, test_calms21.task1())
    return {
        ("pose_reader", "sleap"): [test_pose_sleap.write(tmp_path / "sleap.h5", test_pose_sleap.arrays())],
        ("pose_reader", "simba"): [simba],
        ("pose_reader", "movement"): [pose],
        ("label_reader", "simba"): [simba],
        ("label_reader", "bouts"): [tmp_path / "bouts.csv"],
        ("pose_reader", "deeplabcut"): [pose, write_h5(pose_frame(), tmp_path / "pose.h5")],
        ("label_reader", "caltech"): [labels],
        ("label_reader", "boris"): [write_boris(tmp_path / "events.csv", events)],
    }


def test_every_kind_has_a_suite():
    assert set(SUITES) == set(KINDS)


@pytest.mark.parametrize("offer", BUILT_IN, ids=lambda offer: f"{offer.spec.kind}-{offer.spec.name}")
def test_a_built_in_component_passes(offer, samples, tmp_path):
    if offer.key in EXTRAS:
        pytest.importorskip(EXTRAS[offer.key], reason=f"{EXTRAS[offer.key]} is not installed: an extra")
    if offer.key == ("dataset", "mabe_kaggle"):
        row = kaggle_writing.video("A", "1", ["mouse1,mouse2,approach"])
        kaggle_writing.write_table(tmp_path / "mabe_kaggle", [row])
        bouts = kaggle_writing.annotation((1, 2, "approach", 3, 9))
        kaggle_writing.write_video(tmp_path / "mabe_kaggle", row, kaggle_writing.tracking(), bouts)
    findings = check_component(
        offer.spec,
        SETTINGS.get(offer.key, {}),
        registry=REGISTRY,
        samples=samples.get(offer.key, []),
        access=DataAccess((tmp_path,)),
    )
    assert {finding.status for finding in findings} <= {"passed", "skipped"}, list(map(str, findings))
    skipped = {finding.check: finding.message for finding in findings if finding.status == "skipped"}
    assert set(skipped.values()) <= {
        "there is no GPU here",
        "it has no parameters",
        "it looks at the whole recording",
        "its numbers describe",
        "its spec does not say `elementwise`",
        "no `sources`: data that is generated",
    }


def test_the_example_package_passes_with_all_its_components(example_site):
    findings = check_plugin("mabe_tcn")
    assert_passes(findings)
    about = {finding.about for finding in findings}
    assert about == {"plugin tcn", "model motion_tcn", "feature pair_motion", "metric kappa"}


@pytest.mark.parametrize("plugin", ["tensorboard", "mlflow"])
def test_a_plugin_that_only_watches_runs_is_checked_too(plugin):
    findings = check_plugin(f"mabe_plugins.{plugin}")
    assert_passes(findings)
    assert {finding.check for finding in findings} == {"loads", "nothing heavy is imported at load"}
    assert "mabe_epoch_finished" in findings[0].message
