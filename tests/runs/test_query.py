"""The language of `--where`: what holds, and how mistakes are pointed at."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mabe_core.errors import UserError
from mabe_core.runs.query import parse

ROW: dict[str, tuple[Any, ...]] = {
    "state": ("finished",),
    "model": ("tcn",),
    "macro_f1": (0.61,),
    "seed": (3,),
    "loss": (0.2, "cross_entropy"),
    "data.features": (["normalize", "interpolate"],),
    "exclusive": (True,),
    "scheduler": (None,),
    "notice": ("one recording, cut",),
    "started": (datetime.datetime(2026, 11, 3, 10).astimezone(),),
    "age": (7200.0,),
}


def holds(text: str) -> bool:
    return parse(text).expression.holds(lambda key: ROW.get(key, ()))


@pytest.mark.parametrize(
    "text",
    [
        "model=tcn and macro_f1>0.6",
        "model = tcn AND macro_f1 >= .61",
        "model==tcn",
        "seed=3",
        "seed=3.0",
        "seed!=4",
        "not seed=4",
        "model~TC",
        "model='tcn'",
        'notice="one recording, cut"',
        "notice~'recording, '",
        "loss<0.3 and loss=cross_entropy",
        "data.features=interpolate",
        "data.features~norm",
        "exclusive=true",
        "scheduler=null",
        "started>2026-11-01",
        "started=2026-11-03",
        "started<2026-11-03T10:30",
        "age<1d and age>90min",
        "absent!=3",
        "not absent=3",
        # `and` binds closer than `or`
        "seed=3 or seed=4 and seed=5",
        "not (seed=4 or seed=5)",
        "seed=4 or (model=tcn and (macro_f1<1))",
    ],
)
def test_it_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "model=tc",
        "macro_f1>0.61",
        "seed!=3",
        "absent=3",
        "absent<3",
        "absent~x",
        "(seed=3 or seed=4) and seed=5",
        "exclusive=1",
        "scheduler>0",
        "started=2026-11-02",
        "model>0.5",
        "data.features=norm",
        "data.features!=normalize",
        "age>3h",
    ],
)
def test_it_does_not_hold(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("macro_f1>", 9, "a value is expected"),
        ("macro_f1 0.6", 9, "one of = != ~"),
        ("macro_f1>0.6 and", 16, "a key is expected"),
        ("(seed=3", 7, "not closed"),
        ("seed=3)", 6, "`and` or `or`"),
        ("seed=3 model=tcn", 7, "`and` or `or`"),
        ("model='tcn", 6, "a quote is not closed"),
        ("=3", 0, "a key is expected"),
        ("(" * 60 + "seed=3" + ")" * 60, 51, "more than 50 parentheses"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, place: int, why: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text)
    message, shown, caret = str(caught.value).splitlines()
    assert why in message
    assert shown[2:] == text
    assert caret.index("^") - 2 == place


KEYS = {
    "macro_f1": {float},
    "model": {str},
    "model.hidden_dim": {int},
    "started": {datetime.datetime},
    "age": {float},
}


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("macrof1>0.6", 0, "Did you mean 'macro_f1'?"),
        ("model=tcn and hidden_dim>3", 14, "Did you mean 'model.hidden_dim'?"),
        ("macro_f1>high", 9, "macro_f1 is a number"),
        ("started>yesterday", 8, "write 2026-11-01"),
        ("age>3", 4, "write 90min, 12h or 3d, not 3"),
        ("age>3parsec", 4, "age is a length of time"),
    ],
)
def test_what_no_run_has_is_pointed_at(text: str, place: int, why: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text).check(KEYS)
    message, _, caret = str(caught.value).splitlines()
    assert why in message
    assert caret.index("^") - 2 == place


@given(st.text(alphabet="ab1.-:()=<>!~'\" \tandornot", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        query = parse(text)
    except UserError:
        return
    assert query.expression.holds(lambda _: ()) in (True, False)
