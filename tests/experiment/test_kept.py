"""The quick reader of kept experiments: the same values as the strict one, and safe with any bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mabe_core.experiment import read_text
from mabe_core.experiment.kept import flat, read_kept

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("file", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda file: file.stem)
def test_it_reads_what_the_strict_reader_does(file: Path) -> None:
    strict = read_text(file.read_text().replace("extends:", "above:"), str(file)).tree
    assert read_kept(file.read_bytes().replace(b"extends:", b"above:")) == strict


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = "a: 1e-3\nb: no\nc: 010\nd: 1:30\ne: ~\nf: 0x1f\ng: '3'\nh: .inf\ni: 2026-11-01\n"
    assert read_kept(text.encode()) == read_text(text).tree


def test_dotted_keys() -> None:
    text = "name: x\nmodel: {name: gru, layers: [1, 2]}\nf: [{name: a, k: 1}, {name: b}]\n"
    assert flat(read_kept(text.encode())) == {
        "name": "x",
        "model": "gru",
        "model.name": "gru",
        "model.layers": [1, 2],
        "f": ["a", "b"],
        "f[0]": "a",
        "f[0].name": "a",
        "f[0].k": 1,
        "f[1]": "b",
        "f[1].name": "b",
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2]",
        b"a: [",
        b"a: !!python/object/apply:os.system [ls]",
        b"a: 99999999999999999999",
        b"[" * 5000,
    ],
)
def test_what_is_no_experiment_is_none(content: bytes) -> None:
    assert read_kept(content) is None


@pytest.mark.parametrize("leaf", ["{}", "{x: 1}", "[1]"])
def test_aliases_do_not_grow(leaf: str) -> None:
    lines = [f"k0: &k0 {leaf}", *(f"k{n}: &k{n} {{p: *k{n - 1}, q: *k{n - 1}}}" for n in range(1, 48))]
    assert len(flat(read_kept("\n".join(lines).encode()))) < 25_000
    assert flat(read_kept(b"a: &a {b: *a}")) == {}
