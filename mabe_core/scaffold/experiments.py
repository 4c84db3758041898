"""What differs between the experiments of `mabe plugin new`: where a component of each kind stands."""

from __future__ import annotations

from collections.abc import Mapping

from mabe_core.registry import KINDS

WATCHER = "watcher"  # what stands for a kind, of a plugin that offers no component

# files of data/NAME/, by the template that they are
SAMPLES: Mapping[str, Mapping[str, str]] = {
    "pose_reader": {"pose.csv": "pose.csv", "labels.txt": "labels_caltech.txt"},
    "label_reader": {"pose.csv": "pose_deeplabcut.csv", "labels.txt": "labels.txt"},
}

GENERATED = """
    name: synthetic
    train_recordings: 20
    validation_recordings: 5
    seconds: 60.0"""

FILES = """
    name: pose_files
    folder: $name
    pose: {pose}
    labels: {labels}
    pairs: [{{pose: pose.csv, labels: labels.txt}}]
    classes: [apart, close]
    fps: 30.0"""

SMALL = "{name: transformer, hidden_dim: 32, num_layers: 1, num_heads: 4}"

USUAL = {
    "summary": "The $label of the plugin $beside, on generated mice: some seconds on a laptop.",
    "plugins": "plugins: [$name.py]\n",
    "dataset": GENERATED,
    "split": "",
    "features": "[normalize, interpolate]",
    "augmentations": "",
    "sequence_length": "32",
    "model": SMALL,
    "loss": "",
    "optimizer": "{name: adamw, learning_rate: 3e-3}",
    "scheduler": "cosine",
    "metrics": "",
    "watchers": "",
}

ON_FILES = {
    "summary": "The $label of the plugin $beside, on a short made-up film: some seconds on a laptop.",
    "split": "  split: {name: time_blocks, blocks: 5}\n",
    "sequence_length": "16",
}

CHANGES: Mapping[str, Mapping[str, str]] = {
    "model": {"model": "$name", "optimizer": "{name: adamw, learning_rate: 1e-2}"},
    "positional_encoding": {"model": SMALL.replace("}", ", positional_encoding: $name}")},
    "dataset": {"dataset": " $name"},
    "pose_reader": {**ON_FILES, "dataset": FILES.format(pose="$name", labels="caltech")},
    "label_reader": {**ON_FILES, "dataset": FILES.format(pose="deeplabcut", labels="$name")},
    "split": {"split": "  split: $name\n"},
    "feature": {"features": "[normalize, interpolate, $name]"},
    "augmentation": {"augmentations": "  augmentations: [$name]\n"},
    "loss": {"loss": "loss: $name\n"},
    "optimizer": {"optimizer": "$name"},
    "scheduler": {"scheduler": "$name"},
    "metric": {"metrics": "metrics: [accuracy, f1, $name]\n"},
    "post_processing": {"metrics": "metrics: [accuracy, f1]\npost_processing: [$name]\n"},
    WATCHER: {},
}


def label(kind: str) -> str:
    """Return what a kind, or a watcher, is called by people."""
    return kind if kind == WATCHER else KINDS[kind].label


def experiment_slots(name: str, kind: str, *, package: bool) -> dict[str, str]:
    """Return what fills the template of an experiment."""
    words = {
        "$name": name,
        "$label": label(kind),
        "$beside": "in this package" if package else "file beside it",
    }
    slots = {**USUAL, **CHANGES[kind], **({"plugins": ""} if package else {})}
    if kind == WATCHER and package:  # a local file watches without being named so
        slots["watchers"] = "watchers: [$name]\n"
    for slot, text in slots.items():
        for word, meant in words.items():
            text = text.replace(word, meant)
        slots[slot] = text
    return {**slots, "name": name}
