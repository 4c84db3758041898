"""Data names: the same data has one name, wherever it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from mabe_core.data.fingerprint import _data_name
from mabe_core.errors import UserError
from mabe_core.exchange import DataAccess


@pytest.mark.parametrize(
    ("name", "told"), [("./rats", "rats"), ("rats/", "rats"), ("rats//one", "rats/one"), ("a/./b", "a/b")]
)
def test_a_name_written_in_another_way_is_refused_with_the_one_way(tmp_path, name, told):
    (tmp_path / "rats" / "one").mkdir(parents=True)
    with pytest.raises(UserError, match=f"write '{told}', not '{name}'"):
        DataAccess((tmp_path,)).find(name)
    assert DataAccess((tmp_path,)).find("rats/one") == tmp_path / "rats" / "one"


def test_a_name_that_is_not_there_is_answered_with_the_nearest_that_is(tmp_path):
    (tmp_path / "rat_dyad").mkdir()
    with pytest.raises(UserError, match=r"found there: rat_dyad\)\. Did you mean 'rat_dyad'\?"):
        DataAccess((tmp_path,)).find("rat_dyda")


@pytest.mark.parametrize("name", ["", ".", "/etc", "a/../b"])
def test_what_is_no_name_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="data is named"):
        DataAccess((tmp_path,)).find(name)


def test_a_files_name_is_below_the_nearest_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inner = tmp_path / "data"
    for folders in [(tmp_path, inner), (inner, tmp_path), (tmp_path, Path("data"))]:
        assert _data_name(inner / "rats" / "a.csv", DataAccess(folders)) == "rats/a.csv"
