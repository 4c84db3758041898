"""Opening a run: new, resumed, finished, fresh; and what a damaged directory is told as."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from mabe_core.errors import RunError, UserError
from mabe_core.experiment import read_document
from mabe_core.registry import Origin
from mabe_core.runs import opening
from mabe_core.runs.checkpoints import newest_checkpoint
from mabe_core.runs.opening import local_files
from mabe_core.runs.record import DamagedRunError, machine, read_record


def edit_record(file: Path, **values: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_fresh_moves_the_old_run_only_when_the_new_one_is_kept(trained, opener):
    opened = opener(fresh=True)
    assert opened.state == "new"
    (note,) = opened.notes
    assert note == f"the earlier run will be moved to {opened.aside}"
    with opened.run.held():
        opened.record.state = "failed"
        opened.save()
    assert opener().state == "finished"
    assert not opened.aside.exists()
    with opened.run.held():
        opened.keep()
        assert opened.run.is_held()
        assert newest_checkpoint(opened.run.checkpoints) == (None, [])
        assert not opened.run.metrics.exists()
        with pytest.raises(UserError, match="is being run by process"), opened.run.held():
            pass
    assert newest_checkpoint(opened.aside / "checkpoints")[0].state["step"] == 22
    assert not {".lock", "holder.json"} & {path.name for path in opened.aside.iterdir()}
    assert opener().state == "resumed"


@pytest.mark.parametrize(
    "damage",
    [
        "",
        '{"id": "x", "sta',
        "[1]",
        "null",
        "{}",
        "[" * 20000,
        {"data": None},
        {"updated": "yesterday"},
        {"updated": 3},
        {"epoch": "2"},
        {"epoch": True},
        {"state": "asleep"},
        {"state": []},
        {"best": "good"},
        {"components": [{"kind": "model"}]},
        {"components": [3]},
        {"components": [{"kind": ["model"], "name": "gru", "sources": {}}]},
        {"components": [{"kind": "model", "name": "gru", "sources": 3}]},
        {"changes": [{"step": "later"}]},
        {"step": 10**400},
        {"best": -(10**400)},
        {"software": {"torch": 2}},
    ],
)
def test_a_damaged_record_is_told_and_never_taken_for_a_new_run(trained, opener, damage):
    if isinstance(damage, str):
        trained.run.record.write_text(damage)
    else:
        edit_record(trained.run.record, **damage)
    with pytest.raises(DamagedRunError, match=rf"record.json of {trained.run.id} is damaged.*`--fresh`"):
        opener()
    opened = opener(fresh=True)
    with opened.run.held():
        opened.keep()
    assert (opened.aside / "checkpoints" / "step-00000022").is_dir()
    assert opener().state == "resumed"


def test_results_without_a_record_are_told_and_moved_by_fresh(trained, opener):
    trained.run.record.unlink()
    with pytest.raises(DamagedRunError, match="is missing, but there are results"):
        opener()
    opened = opener(fresh=True)
    with opened.run.held():
        opened.keep()
    assert opened.aside.is_dir()


def test_a_whole_record_is_read_as_it_was_written_and_unknown_fields_are_let_be(trained):
    edit_record(trained.run.record, later="field", best=1)
    assert read_record(trained.run).best == 1
    assert read_record(attrs.evolve(trained.run, path=Path("nowhere"))) is None


def test_a_run_that_was_finished_meanwhile_is_found_so_once_it_is_held(opener):
    first, second = opener(), opener()
    with first.run.held():
        first.keep()
        first.record.state = "finished"
        first.save()
    with second.run.held():
        with pytest.raises(UserError, match="was begun by another process meanwhile"):
            second.keep()
        second.refresh()
        second.keep()
    assert second.state == "finished"
    assert "another process ran it meanwhile: it is finished" in second.notes
    assert read_record(second.run).state == "finished"


def test_a_run_that_is_held_is_not_opened(opener):
    opened = opener()
    with opened.run.held(), pytest.raises(UserError, match="is being run by process"):
        opener(fresh=True)


def test_other_hardware_is_told_and_recorded_when_a_run_goes_on(opener, monkeypatch):
    opened = opener()
    with opened.run.held():
        opened.keep()
    assert opener().notes == ()
    monkeypatch.setattr(opening, "machine", lambda: {**machine(), "cpu": "Abacus 3", "host": "elsewhere"})
    again = opener()
    (note,) = again.notes
    assert "not the same hardware as before, results may differ: cpu is Abacus 3, was " in note
    assert again.record.machine["cpu"] == "Abacus 3"
    (change,) = again.record.changes
    assert change["step"] == 0
    assert "Abacus 3" in change["hardware"][0]
    again.save()
    assert opener().notes == ()


def test_a_plugin_file_is_kept_as_it_was_hashed(opener, tiny):
    (file,) = read_document(tiny).plugin_files
    mine = tiny.parent / "tiny.py"
    mine.write_bytes(file.read_bytes())
    tiny.write_text(tiny.read_text().replace(str(file), str(mine)))
    opened = opener()
    mine.write_text("raise RuntimeError")
    with opened.run.held():
        opened.keep()
    assert (opened.run.plugins / "tiny.py").read_bytes() == file.read_bytes()
    assert "plugins/tiny.py" in opened.run.experiment.read_text()


def test_plugin_files_of_one_name_are_kept_under_names_that_differ():
    def origin(path: str, content: bytes) -> Origin:
        return Origin("x", "x", "file", file=Path(path), sha256=content.hex() * 8, content=content)

    kept = dict(local_files([origin("a/x.py", b"1"), origin("b/X.py", b"2"), origin("c/y.py", b"3")]))
    assert len(kept) == 3
    assert kept["y.py"] == b"3"
    assert len({name.casefold() for name in kept}) == 3


def test_a_first_try_that_fails_leaves_nothing_behind(opener, monkeypatch):
    def full(*_: object) -> None:
        raise RunError("no space")

    opened = opener()
    with pytest.raises(UserError), opened.run.held():
        raise UserError("does not fit")
    assert not opened.run.path.exists()
    monkeypatch.setattr(opening, "write_whole", full)
    with pytest.raises(RunError), opened.run.held():
        opened.keep()
    assert not opened.run.path.exists()


def test_a_runs_folder_that_cannot_be_is_told_with_the_reason(opener, tmp_path):
    (tmp_path / "afile").write_text("")
    opened = opener(runs_dir=tmp_path / "afile" / "x")
    told = r"afile/x/tiny-.* cannot be written: Not a directory"
    with pytest.raises(UserError, match=told), opened.run.held():
        pass
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        opened.run.make()
