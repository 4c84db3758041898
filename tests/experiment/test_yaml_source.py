"""Experiment files are read strictly, and whatever is refused names file and line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mabe_core import UserError
from mabe_core.experiment import read_document, read_text

BILLION_LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGE_BOMB = "a: &a {k: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [*{old}, *{old}, *{old}]}}\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def refusal_of(text: str) -> str:
    """Return why a text is refused, having made sure that it was refused soon."""
    began = time.process_time()
    with pytest.raises(UserError) as caught:
        read_text(text, "e.yaml")
    assert time.process_time() - began < 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: &n x\n", 1, "aliases and anchors (&n) are not read here"),
        ("name: x\nmodel: *n\n", 2, "aliases and anchors (*n) are not read here"),
        ("name: x\n*n : 1\n", 2, "a key is a word"),
        (BILLION_LAUGHS, 1, "aliases and anchors (&a)"),
        (MERGE_BOMB, 1, "aliases and anchors (&a)"),
        ("name: x\n<<: {seed: 1}\n", 2, "merge keys (<<) are not read here"),
        ("name: !!str x\n", 1, "tags (tag:yaml.org,2002:str) are not read here"),
        ("name: ! x\n", 1, "tags (!) are not read here"),
        ("name: x\nmodel: !!python/object/apply:os.system [ls]\n", 2, "are not read here"),
        ("name: x\n1: y\n", 2, "a key is a word, not '1'"),
        ("name: x\ntrue: y\n", 2, "a key is a word, not 'true'"),
        ("name: x\n[a]: y\n", 2, "a key is a word, not a list"),
        ("name: x\n? {a: b}\n: y\n", 2, "a key is a word, not a list, a map"),
        ("name: x\n" + "k" * 300 + "\n: y\n", 2, "could not find expected ':'"),
        ("? " + "k" * 300 + "\n: y\n", 1, "a key is longer than 200 characters"),
        ("name: x\n---\nname: y\n", 2, "a second document begins here"),
        ("name: x\ndata: " + "[" * 3000, 2, "nested more than 50 deep"),
        ("{a: " * 3000, 1, "nested more than 50 deep"),
        ("? " * 3000, 1, "a key is a word"),
        ("a: [" + "1," * 100_000 + "]", 1, "more than 20000 values"),
        ("", None, "is empty"),
        ("# only a comment\n\n", None, "is empty"),
        ("---\n", 2, "an experiment is a map of keys"),
        ("- name\n- model\n", 1, "an experiment is a map of keys"),
        ("\n\njust words\n", 3, "an experiment is a map of keys"),
        ("name: x\nseed 1\nmodel: gru\n", 2, "Write `key: value`, with a space after the colon"),
        ("name: x\n\tseed: 1\n", 2, "Indent with spaces, not with tabs"),
        ("name: x\ndescription: a: b\n", 2, "Quote a text that holds ': '"),
        ("name: x\n  seed: 1\n", 2, "check the indentation"),
        ("data:\n    a: 1\n  b: 2\n", 3, "Check the indentation"),
        ("name: 'x\nseed: 1\n", 1, "A quote is not closed"),
        ("name: %x\n", 1, "Put a text that begins with % in quotes"),
        ('name: "\\UFFFFFFFF"\n', 1, "not valid YAML"),
        ('name: x\nseed: "\\uD800"\n', 2, "a text cannot hold the character U+D800"),
        ('name: "\\0"\n', 1, "a text cannot hold the character U+0000"),
        ("name: x\nseed: \x07\n", 2, "holds the character U+0007"),
        ("name: [\n", 2, "not valid YAML"),
    ],
)
def test_what_is_not_read_is_refused_with_its_line(text: str, line: int | None, said: str) -> None:
    refusal = refusal_of(text)
    assert refusal.startswith("e.yaml: " if line is None else f"e.yaml:{line}: ")
    assert said in refusal


def test_a_duplicate_key_is_told_with_both_lines_and_does_not_hide_what_else_is_wrong() -> None:
    document = read_text("seed: 1\nname: x\nseed: 2\ndata: {a: 1, a: 2}\n", "e.yaml")
    assert [str(problem) for problem in document.problems] == [
        "e.yaml:3: the key `seed` was already given on line 1. Keep one of the two.",
        "e.yaml:4: the key `a` was already given on line 4. Keep one of the two.",
    ]


def test_a_quoted_merge_sign_or_number_is_an_ordinary_key() -> None:
    assert read_text('"<<": 1\n"1": 2\n').tree == {"<<": 1, "1": 2}


def test_a_missing_file_names_the_nearest_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("v3_transformer.yaml").write_text("name: x\n")
    with pytest.raises(UserError) as caught:
        read_document("v3_tranformer.yaml")
    assert str(caught.value) == (
        "v3_tranformer.yaml: there is no such file. Did you mean 'v3_transformer.yaml'?"
    )
    with pytest.raises(UserError, match="There is no folder 'experiment' either"):
        read_document("experiment/x.yaml")


def test_a_directory_is_told_from_a_file_and_its_experiments_are_named(tmp_path: Path) -> None:
    (tmp_path / "quickstart.yaml").write_text("name: x\n")
    with pytest.raises(UserError, match=r"is a directory, not an experiment file. In it: .*quickstart\.yaml"):
        read_document(tmp_path)


def test_binary_rubbish_is_told_with_the_line_of_the_first_byte_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_bytes(b"name: x\ndescription: \xb5m\n")
    with pytest.raises(UserError, match=r"e\.yaml:2: is not UTF-8 text \(byte 0xb5\)"):
        read_document(file)
    file.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(UserError, match=r"e\.yaml:\d+: "):
        read_document(file)


def test_a_file_too_large_or_not_readable_is_told(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text("#" * 300_000)
    with pytest.raises(UserError, match=r"e\.yaml: is larger than 256 KiB"):
        read_document(file)
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        read_document(tmp_path / ("x" * 300))


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: x\r\nseed: 3\r\n")
    assert read_document(file).tree == {"name": "x", "seed": 3}
