"""From annotation to label track: which frame gets which class, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mabe_core import Annotation, Bout, DataError, LabelRules, label_track

CLASSES = ("attack", "mount", "other")
RULES = LabelRules(classes=CLASSES, background="other")


def seconds(*bouts: tuple[str, float, float], observed=None) -> Annotation:
    return Annotation(tuple(Bout(*bout, line=n) for n, bout in enumerate(bouts, 1)), "seconds", observed)


def frames(*bouts: tuple[str, float, float], observed=None) -> Annotation:
    return Annotation(tuple(Bout(*bout, line=n) for n, bout in enumerate(bouts, 1)), "frames", observed)


def words(annotation: Annotation, rules: LabelRules = RULES, length: int = 10, fps: float = 10.0) -> str:
    """Return one letter a frame: the class's first, - for unlabelled, + for several classes."""
    labels = label_track(annotation, length, fps, rules, "x.csv").labels
    assert labels.dtype == np.int8
    assert set(np.unique(labels)) <= {-1, 0, 1}
    assert ((labels < 0).all(axis=1) == (labels < 0).any(axis=1)).all()
    letters = {(): "0", **{(n,): name[0] for n, name in enumerate(rules.classes)}}
    return "".join("-" if row[0] < 0 else letters.get(tuple(np.flatnonzero(row)), "+") for row in labels)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0.2, 0.5, "ooaaaooooo"),  # on the frames' borders
        (0.25, 0.55, "ooaaaooooo"),  # on their midpoints: the first is inside, the last is not
        (0.251, 0.551, "oooaaaoooo"),
        (0.249, 0.549, "ooaaaooooo"),
        (0.0, 1.0, "aaaaaaaaaa"),
    ],
)
def test_a_frame_is_inside_a_bout_when_its_midpoint_is(start: float, stop: float, expected: str) -> None:
    assert words(seconds(("attack", start, stop))) == expected


def test_frames_are_taken_as_they_are() -> None:
    assert words(frames(("attack", 2, 5), ("mount", 5, 6))) == "ooaaamoooo"


def test_a_bout_shorter_than_a_frame_is_counted() -> None:
    annotation = seconds(("attack", 0.26, 0.34), ("mount", 0.5, 0.7))
    assert words(annotation) == "ooooommooo"
    assert label_track(annotation, 10, 10.0, RULES, "x.csv").too_short == 1


@given(
    st.lists(st.integers(0, 10_000), min_size=2, max_size=20, unique=True),
    st.sampled_from([25.0, 29.97, 30.0, 60.0]),
)
def test_bouts_that_touch_in_time_touch_in_frames(milliseconds: list[int], fps: float) -> None:
    times = [time / 1000 for time in sorted(milliseconds)]
    bouts = [(CLASSES[n % 2], *pair) for n, pair in enumerate(itertools.pairwise(times))]
    length = int(times[-1] * fps) + 2
    labels = label_track(seconds(*bouts), length, fps, LabelRules(classes=CLASSES), "x.csv").labels
    labelled = np.flatnonzero((labels == 1).any(axis=1))
    midpoints = (np.arange(length) + 0.5) / fps
    inside = np.flatnonzero((midpoints >= times[0] - 1e-7) & (midpoints < times[-1] - 1e-7))
    np.testing.assert_array_equal(labelled, inside)
    assert ((labels == 1).sum(axis=1) <= 1).all()


def test_outside_the_observed_time_is_unlabelled_and_inside_background() -> None:
    annotation = seconds(("attack", 0.3, 0.5), observed=((0.1, 0.8),))
    assert words(annotation) == "-ooaaooo--"
    assert (
        words(annotation, LabelRules(classes=CLASSES, background="other", unobserved="background"))
        == "oooaaooooo"
    )


def test_without_background_a_frame_without_a_bout_is_unlabelled_if_classes_exclude_each_other() -> None:
    assert words(frames(("attack", 2, 5)), LabelRules(classes=CLASSES)) == "--aaa-----"


def test_classes_that_do_not_exclude_each_other_may_overlap_and_be_absent() -> None:
    rules = LabelRules(classes=CLASSES[:2], exclusive=False)
    annotation = frames(("attack", 2, 5), ("mount", 4, 7), observed=((0, 8),))
    assert words(annotation, rules) == "00aa+mm0--"


def test_overlapping_bouts_of_exclusive_classes_name_both_lines() -> None:
    with pytest.raises(
        DataError, match=r"x.csv:2: bout 'mount' overlaps bout 'attack' of line 1 by 2 frames"
    ):
        words(frames(("attack", 2, 6), ("mount", 4, 8)))


def test_an_overlap_is_found_past_a_short_bout_inside_a_long_one() -> None:
    with pytest.raises(DataError, match=r"x.csv:3: bout 'mount' overlaps bout 'attack' of line 1"):
        words(frames(("attack", 0, 9), ("attack", 1, 2), ("mount", 5, 6)))


def test_bouts_of_one_class_may_overlap_since_two_animals_may_do_it() -> None:
    assert words(frames(("attack", 2, 6), ("attack", 4, 8))) == "ooaaaaaaoo"


def test_words_are_mapped_to_classes() -> None:
    rules = LabelRules(classes=CLASSES, background="other", behaviours={"bite": "attack"})
    assert words(frames(("bite", 0, 2), ("attack", 2, 3)), rules) == "aaaooooooo"


def test_another_behaviour_is_an_error_told_once_with_the_nearest_class() -> None:
    with pytest.raises(DataError) as error:
        words(frames(("atack", 0, 2), ("atack", 3, 4), ("groom", 5, 6)))
    first, second = error.value.problems
    assert str(first).startswith("x.csv:1: behaviour 'atack' is none of the classes. Did you mean 'attack'?")
    assert str(second).startswith("x.csv:3: behaviour 'groom'")


@pytest.mark.parametrize(("others", "expected"), [("background", "aaoooooooo"), ("unlabelled", "aao--ooooo")])
def test_another_behaviour_becomes_what_is_asked_for(others, expected: str) -> None:
    rules = LabelRules(classes=CLASSES, background="other", other_behaviours=others)
    annotation = frames(("attack", 0, 2), ("groom", 3, 5))
    assert words(annotation, rules) == expected
    assert label_track(annotation, 10, 10.0, rules, "x.csv").others == {"groom": 1}


def test_a_bout_past_the_end_is_an_error_that_names_line_and_remedy() -> None:
    with pytest.raises(
        DataError, match=r"x.csv:2: bout 'mount' ends 3 frames past .*\(10 frames\).*past_end: trim"
    ):
        words(frames(("attack", 2, 6), ("mount", 8, 13)))


def test_a_bout_past_the_end_is_trimmed_and_counted_where_asked() -> None:
    rules = LabelRules(classes=CLASSES, background="other", past_end="trim")
    annotation = frames(("attack", 2, 6), ("mount", 8, 13), ("other", 13, 14))
    assert words(annotation, rules) == "ooaaaaoomm"
    assert label_track(annotation, 10, 10.0, rules, "x.csv").past_end == 4


def test_observed_time_much_longer_than_the_pose_is_an_error() -> None:
    with pytest.raises(DataError, match=r"x.csv: the observed time ends 9 frames past the pose's end"):
        words(seconds(("attack", 0.1, 0.3), observed=((0.0, 2.0),)))
    assert words(seconds(("attack", 0.1, 0.3), observed=((0.0, 1.1),))) == "oaaooooooo"


@pytest.mark.parametrize("span", [(5, 3), (-1, 3), (float("nan"), 3), (2, float("inf"))])
def test_a_bout_that_makes_no_sense_is_an_error(span: tuple[float, float]) -> None:
    with pytest.raises(DataError, match=r"x.csv:1: 'attack' lasts from"):
        words(seconds(("attack", *span)))


def test_a_bout_outside_the_observed_time_is_an_error() -> None:
    with pytest.raises(
        DataError, match=r"x.csv:1: bout 'attack' \(0.6 to 0.9\) lies outside the observed time"
    ):
        words(seconds(("attack", 0.6, 0.9), observed=((0.0, 0.5),)))


@pytest.mark.parametrize("observed", [((0.5, 0.1),), ((float("nan"), 1.0),), ((-1.0, 1.0),)])
def test_observed_time_that_makes_no_sense_is_an_error(observed) -> None:
    with pytest.raises(DataError, match="observed time that it tells makes no sense"):
        words(seconds(observed=observed))


def test_no_bouts_and_nothing_observed_labels_nothing() -> None:
    assert words(seconds(observed=((0.0, 0.0),))) == "-" * 10
