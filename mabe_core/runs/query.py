"""The language of `mabe runs --where`: comparisons of keys with values, and, or, not, parentheses."""

from __future__ import annotations

import datetime
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from mabe_core.errors import Problem, UserError, did_you_mean, nearest
from mabe_core.experiment.cloud import seconds

# a row offers every value that a key may stand for: `loss` is a score and a component
Values = Callable[[str], tuple[Any, ...]]

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<sign>!=|<=|>=|==|=|<|>|~|\(|\))
    |(?P<quoted>"[^"]*"|'[^']*')
    |(?P<word>[^\s()=<>!~"']+)
    )""",
    re.VERBOSE,
)
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SIGNS = ("=", "!=", "~", *_ORDER)
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}
DEEPEST = 50
# the key whose values are lengths of time
AGE = "age"


@attrs.frozen
class Comparison:
    """`key sign value`; start: where the key stands in the text, value_start: where the value does."""

    key: str
    sign: str
    word: str
    value: Any
    start: int
    value_start: int

    def holds(self, values: Values) -> bool:
        """Tell whether it is so; what a row lacks is neither equal to anything nor more nor less."""
        if self.sign == "!=":
            return not attrs.evolve(self, sign="=").holds(values)
        return any(self._is_so(found) for found in values(self.key))

    def _is_so(self, found: Any) -> bool:
        if isinstance(found, tuple | list):
            return any(self._is_so(item) for item in found)
        if self.sign == "~":
            return self.word.casefold() in _text(found).casefold()
        if isinstance(found, datetime.datetime):
            return self._is_time(found)
        if self.sign == "=":
            return _text(found) == self.word or (_comparable(found, self.value) and found == self.value)
        return _comparable(found, self.value) and _ORDER[self.sign](found, self.value)

    def _is_time(self, found: datetime.datetime) -> bool:
        asked = time_of(self.word)
        if asked is None:
            return False
        if self.sign == "=":
            length = datetime.timedelta(days=1) if len(self.word) == 10 else datetime.timedelta(seconds=1)
            return asked <= found < asked + length
        return _ORDER[self.sign](found, asked)


@attrs.frozen
class Joined:
    """Parts joined by `and`, by `or`, or one part denied by `not`."""

    word: str
    parts: tuple[Expression, ...]

    def holds(self, values: Values) -> bool:
        """Tell whether it is so of a row."""
        if self.word == "not":
            return not self.parts[0].holds(values)
        together = all if self.word == "and" else any
        return together(part.holds(values) for part in self.parts)


Expression = Comparison | Joined


@attrs.frozen
class Query:
    """An expression, and the text it was read from, in which mistakes are pointed at."""

    text: str
    expression: Expression

    def comparisons(self) -> Iterator[Comparison]:
        """Yield every comparison in it, from left to right."""
        yield from _comparisons(self.expression)

    def check(self, keys: Mapping[str, set[type]]) -> None:
        """Raise UserError where a key is none of these, or is compared with what it never is.

        keys: every key that some row has, with the types of its values.
        """
        for each in self.comparisons():
            if each.key not in keys:
                raise mistake(
                    self.text, each.start, f"no run has {each.key!r}.{_suggestion(each.key, list(keys))}"
                )
            types = keys[each.key]
            if types == {datetime.datetime} and each.sign != "~" and time_of(each.word) is None:
                told = f"{each.key} is a time: write 2026-11-01 or 2026-11-01T14:30, not {each.word}"
                raise mistake(self.text, each.value_start, told)
            if each.key == AGE and each.sign != "~" and not _is_length(each.word):
                told = f"{AGE} is a length of time: write 90min, 12h or 3d, not {each.word}"
                raise mistake(self.text, each.value_start, told)
            numbers = types <= {int, float, bool, type(None)}
            if each.sign in _ORDER and numbers and not isinstance(each.value, int | float):
                told = f"{each.key} is a number, and {each.word!r} is none"
                raise mistake(self.text, each.value_start, told)


def parse(text: str) -> Query:
    """Return the query that a text is; raise UserError with a caret under what is wrong in it."""
    reader = _Reader(text)
    expression = reader.either(0)
    reader.end()
    return Query(text, expression)


def mistake(text: str, place: int, message: str) -> UserError:
    """Return the error that shows the text with a caret under one of its characters."""
    shown = re.sub(r"\s", " ", text)
    if not shown.strip():
        return UserError(message)
    return UserError([Problem(message), Problem(f"  {shown}"), Problem(f"  {' ' * place}^")])


def time_of(word: str) -> datetime.datetime | None:
    """Return the time that a word is, in this machine's zone where it names none; None where it is none."""
    try:
        return datetime.datetime.fromisoformat(word).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _is_length(word: str) -> bool:
    try:
        seconds(word)
    except ValueError:
        return False
    return True


def _suggestion(word: str, words: list[str]) -> str:
    """Return the nearest key, also by its last part: `hidden_dim` for `model.hidden_dim`."""
    ending = [key for key in words if key.endswith(f".{word}")]
    if ending:
        return f" Did you mean {' or '.join(map(repr, ending[:4]))}?"
    if nearest(word, words) is not None:
        return did_you_mean(word, words)
    return f" There are {', '.join(words[:12])}, every score, and every dotted key of an experiment"


def _comparisons(expression: Expression) -> Iterator[Comparison]:
    if isinstance(expression, Comparison):
        yield expression
    else:
        for part in expression.parts:
            yield from _comparisons(part)


def _comparable(found: Any, asked: Any) -> bool:
    number = (int, float)
    if isinstance(found, bool) or isinstance(asked, bool):
        return isinstance(found, bool) and isinstance(asked, bool)
    return (isinstance(found, number) and isinstance(asked, number)) or (
        isinstance(found, str) and isinstance(asked, str)
    )


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def _value(word: str) -> Any:
    """Return what an unquoted word means: a constant, a number, a length of time in seconds, or itself."""
    if word.casefold() in _CONSTANTS:
        return _CONSTANTS[word.casefold()]
    try:
        return float(word)
    except ValueError:
        pass
    return seconds(word) if _is_length(word) else word


class _Reader:
    """Reads tokens from left to right; one method a rank of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def either(self, depth: int) -> Expression:
        """Read parts joined by `or`."""
        return self._joined("or", depth, lambda: self._joined("and", depth, lambda: self._denied(depth)))

    def end(self) -> None:
        """Refuse what is left over."""
        kind, word, start = self._peek()
        if kind != "end":
            raise mistake(
                self._text, start, f"`and` or `or` is expected before {word!r}, or quotes around a text"
            )

    def _joined(self, word: str, depth: int, part: Callable[[], Expression]) -> Expression:
        parts = [part()]
        while self._is_word(word):
            self._next()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _denied(self, depth: int) -> Expression:
        kind, word, start = self._peek()
        if depth > DEEPEST:
            raise mistake(self._text, start, f"more than {DEEPEST} parentheses inside each other")
        if self._is_word("not"):
            self._next()
            return Joined("not", (self._denied(depth + 1),))
        if (kind, word) == ("sign", "("):
            self._next()
            inner = self.either(depth + 1)
            kind, word, start = self._next()
            if (kind, word) != ("sign", ")"):
                raise mistake(self._text, start, "a parenthesis is not closed: `)` is expected here")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        kind, key, start = self._next()
        if kind != "word":
            told = "a key is expected here, as in `macro_f1>0.6` or `model=transformer`"
            raise mistake(self._text, start, told)
        kind, sign, place = self._next()
        if kind != "sign" or sign in "()":
            raise mistake(self._text, place, f"one of {' '.join(_SIGNS)} is expected after {key}")
        kind, word, value_start = self._next()
        if kind not in ("word", "quoted"):
            raise mistake(self._text, value_start, f"a value is expected after {key}{sign}")
        plain = word[1:-1] if kind == "quoted" else word
        value = plain if kind == "quoted" else _value(word)
        return Comparison(key, "=" if sign == "==" else sign, plain, value, start, value_start)

    def _is_word(self, word: str) -> bool:
        kind, found, _ = self._peek()
        return kind == "word" and found.casefold() == word

    def _peek(self) -> tuple[str, str, int]:
        place = self._place
        token = self._next()
        self._place = place
        return token

    def _next(self) -> tuple[str, str, int]:
        match = _TOKEN.match(self._text, self._place)
        if match is None:
            rest = self._text[self._place :]
            start = self._place + len(rest) - len(rest.lstrip())
            if rest.strip():
                what = "a quote is not closed" if rest.strip()[0] in "\"'" else "this is not understood"
                raise mistake(self._text, start, what)
            return "end", "the end", len(self._text.rstrip())
        self._place = match.end()
        kind = str(match.lastgroup)
        return kind, match[kind], match.start(kind)
