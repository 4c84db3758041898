"""Does to an experiment's text what people, editors and disks do to files."""

from __future__ import annotations

import random

ORIGINAL = """\
# the advanced transformer, without augmentation
name: v3_transformer
description: "what V3 was: 'the' model"
seed: 42
data:
  dataset: {name: synthetic, windows: 3200}
  features:
    - motion
    - name: normalize
  sequence_length: 64
model:
  name: transformer
  hidden_dim: 256
  dropout: 0.1
  positional_encoding:
    name: sinusoidal
    base: 1e4
  heads: [8, 8]
optimizer: {name: adamw, learning_rate: 1e-4}
scheduler:
  name: cosine
  min_lr: 1e-6
training:
  epochs: 10
  grad_clip: 1.0
checkpoint: {every_epochs: 5}
"""

PIECES: list[str] = [
    *"{}[]:,#&*!|>'\"%@`-?~<=\t\n\r \\\x00\x07\x7f\x85\u2028\ufeff\U0001f400é",
    *("null", "true", "no", "1e-4", "-1", ".nan", ".inf", "9" * 40, "0o17", "1:30", "2024-01-02"),
    *("- ", ": ", "? ", "<<: *a", "&a ", "*a", "!!python/name:os.system ", "---\n", "...\n", "%YAML 1.1"),
    *('"\\ud800"', '"\\UFFFFFFFF"', "\n  ", "\n\t", "[" * 60, "{a: " * 60, "x" * 300),
    *("name", "extends", "plugins", "model"),
]


def mutated(rng: random.Random) -> str:
    """Return the original with one to four things done to it."""
    text = ORIGINAL
    for _ in range(rng.randint(1, 4)):
        if rng.random() < 0.4:
            text = _with_other_letters(text, rng)
        else:
            text = "\n".join(_with_other_lines(text.split("\n"), rng))
    return text


def _with_other_letters(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    match rng.randrange(3):
        case 0:
            return text[:at] + rng.choice(PIECES) + text[at:]
        case 1:
            return text[:at] + text[at + rng.randint(1, 5) :]
        case _:
            return text[:at]


def _with_other_lines(lines: list[str], rng: random.Random) -> list[str]:
    at = rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            lines.insert(rng.randrange(len(lines)), lines[at])
        case 1:
            lines.pop(at)
        case 2:
            lines[at] = " " * rng.randint(0, 9) + lines[at].lstrip()
        case _:
            lines[at] = lines[at].partition(":")[0] + ": " + rng.choice(PIECES)
    return lines
