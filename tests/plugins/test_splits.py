"""Splits: whole recordings in one part each, or blocks of time with gaps between parts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mabe_core import Partition, Recording, Role, SplitContext, UserError, View
from mabe_plugins.splits import (
    GivenConfig,
    RecordingsConfig,
    TimeBlocksConfig,
    build_given,
    build_recordings,
    build_time_blocks,
)

SPAN = 8


def recording(name: str, frames: int = 400, role: Role | None = None, **groups: str) -> Recording:
    """Return a recording with a rare class in every tenth frame and a very rare one in frames 5 to 10."""
    labels = np.zeros((frames, 3), np.int8)
    labels[::10, 1] = 1
    labels[5:10, 2] = 1
    labels[:, 0] = 1 - labels[:, 1:].max(axis=1)
    points = np.zeros((frames, 1, 1, 2), np.float32)
    return Recording(name, points, 30.0, ("a",), ("nose",), (View((0,), labels),), groups=groups, role=role)


def two_classes(frames: int = 400) -> Recording:
    """Return a recording without the very rare class."""
    made = recording("one", frames)
    made.views[0].labels[:, 0] |= made.views[0].labels[:, 2]
    made.views[0].labels[:, 2] = 0
    return made


TEN = [recording(f"r{number}", subject=f"m{number // 2}") for number in range(10)]


def split(recordings: Sequence[Recording], seed: int = 1, **settings) -> Partition:
    return build_recordings(RecordingsConfig(**settings))(recordings, SplitContext(SPAN, seed))


def blocks(recordings: Sequence[Recording], seed: int = 1, **settings) -> Partition:
    return build_time_blocks(TimeBlocksConfig(**settings))(
        recordings, SplitContext(SPAN, seed, ("rest", "attack", "bite"))
    )


def names(partition: Partition, role: Role) -> set[str]:
    return {TEN[segment.recording].name for segment in partition.of(role)}


class TestGiven:
    def test_follows_the_dataset(self) -> None:
        roles: list[Role] = ["train", "test", "validation"]
        made = build_given(GivenConfig())(
            [recording(role, role=role) for role in roles], SplitContext(SPAN, 1)
        )
        assert [(s.recording, s.start, s.stop, s.role) for s in made.segments] == [
            (number, 0, 400, role) for number, role in enumerate(roles)
        ]
        assert made.notice == ""

    def test_says_what_else_there_is_where_the_dataset_does_not_say(self) -> None:
        with pytest.raises(UserError, match=r"does not say .*\(r0, .*name: recordings, .*time_blocks"):
            build_given(GivenConfig())(TEN, SplitContext(SPAN, 1))

    def test_needs_validation(self) -> None:
        with pytest.raises(UserError, match="gives no recording the role 'validation'"):
            build_given(GivenConfig())([recording("a", role="train")], SplitContext(SPAN, 1))


class TestRecordings:
    def test_keeps_recordings_whole_and_uses_all(self) -> None:
        made = split(TEN, validation=0.3, test=0.2)
        assert sorted(s.recording for s in made.segments) == list(range(10))
        assert all((s.start, s.stop) == (0, 400) for s in made.segments)
        assert [len(names(made, role)) for role in ("train", "validation", "test")] == [5, 3, 2]

    def test_the_seed_decides_and_the_order_of_recordings_does_not(self) -> None:
        assert split(TEN, seed=3) == split(TEN, seed=3)
        assert len({frozenset(names(split(TEN, seed=seed), "validation")) for seed in range(10)}) > 5
        turned = split(TEN[::-1], seed=3)
        assert {TEN[::-1][s.recording].name for s in turned.of("validation")} == names(
            split(TEN, seed=3), "validation"
        )

    def test_keeps_a_group_together(self) -> None:
        for seed in range(10):
            made = split(TEN, seed=seed, validation=0.4, group_by="subject")
            subjects = {
                role: {TEN[s.recording].groups["subject"] for s in made.of(role)}
                for role in ("train", "validation")
            }
            assert not subjects["train"] & subjects["validation"]
            assert len(subjects["validation"]) == 2

    def test_takes_names(self) -> None:
        made = split(TEN, validation=("r1", "r7"), test=("r2",))
        assert names(made, "validation") == {"r1", "r7"}
        assert names(made, "test") == {"r2"}
        assert names(split(TEN, validation=("m1",), group_by="subject"), "validation") == {"r2", "r3"}

    def test_a_small_share_is_one_recording(self) -> None:
        assert len(names(split(TEN, validation=0.01), "validation")) == 1

    @pytest.mark.parametrize(
        ("recordings", "settings", "message"),
        [
            (
                TEN,
                {"validation": ("r11",)},
                "validation names 'r11', but no recording is called so. Did you mean 'r1",
            ),
            (TEN, {"validation": ("r1",), "test": ("r1",)}, "'r1' is named for validation and for test"),
            (TEN, {"group_by": "lab"}, "recording 'r0' has no 'lab' to group by"),
            (TEN[:1], {}, "no recording is left for train: .*time_blocks"),
            (TEN, {"validation": 0.0}, "no recording is left for validation"),
            (TEN[:2], {"validation": 0.5, "test": 0.5}, "no recording is left for train"),
        ],
    )
    def test_says_what_does_not_work(self, recordings, settings, message: str) -> None:
        with pytest.raises(UserError, match=message):
            split(recordings, **settings)

    def test_a_share_of_all_is_refused_in_the_config(self) -> None:
        with pytest.raises(ValueError, match="validation must be a share"):
            RecordingsConfig(validation=1.0)


NAMES = st.lists(st.from_regex(r"[a-c]{1,2}[0-9]{1,3}", fullmatch=True), min_size=4, max_size=12, unique=True)


class TestFolds:
    @settings(max_examples=60, deadline=None)
    @given(names=NAMES, folds=st.integers(2, 4), seed=st.integers(0, 5))
    def test_each_recording_is_tested_once_and_in_no_other_part(
        self, names: list[str], folds: int, seed: int
    ) -> None:
        many = [recording(name, frames=20) for name in names]
        made = [split(many, seed, folds=folds, fold=fold) for fold in range(folds)]
        tested = [segment.recording for partition in made for segment in partition.of("test")]
        assert sorted(tested) == list(range(len(many)))
        for partition in made:
            assert sorted(segment.recording for segment in partition.segments) == list(range(len(many)))
            assert partition.of("train")
            assert partition.of("validation")
        sizes = [len(partition.of("test")) for partition in made]
        assert max(sizes) - min(sizes) <= 1

    def test_the_fold_does_not_depend_on_the_seed_and_validation_does(self) -> None:
        made = [split(TEN, seed, folds=3, fold=1) for seed in range(10)]
        assert len({frozenset(names(each, "test")) for each in made}) == 1
        assert len({frozenset(names(each, "validation")) for each in made}) > 2

    def test_groups_are_dealt_out_in_natural_order_and_kept_together(self) -> None:
        many = [recording(f"s{number}", subject=f"rat{number}") for number in (10, 9, 2, 1)]
        found = [split(many, folds=2, fold=fold, group_by="subject") for fold in (0, 1)]
        assert [{many[s.recording].name for s in each.of("test")} for each in found] == [
            {"s1", "s9"},
            {"s2", "s10"},
        ]

    def test_the_number_in_a_name_may_decide(self) -> None:
        made = split(TEN, folds=5, fold=2, fold_by="number")
        assert names(made, "test") == {"r2", "r7"}
        with pytest.raises(UserError, match="fold 1 of 2 has none of the 2 recordings, whose numbers decide"):
            split([recording("r2"), recording("r4")], folds=2, fold=0, fold_by="number")
        with pytest.raises(UserError, match="recording 'late' has no number"):
            split([*TEN, recording("late")], folds=2, fold=0, fold_by="number")

    def test_too_few_are_told(self) -> None:
        with pytest.raises(UserError, match="there are 2 recordings: too few for 3 folds"):
            split(TEN[:2], folds=3, fold=0)
        with pytest.raises(
            UserError, match="left for train: there are 1 by 'recording' outside the test part"
        ):
            split(TEN[:2], folds=2, fold=0)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"folds": 3}, "`folds` needs `fold` beside it"),
            ({"fold": 0}, "`fold` needs `folds` beside it"),
            ({"folds": 3, "fold": 3}, "of 3 the last is 2"),
            ({"folds": 3, "fold": 0, "test": 0.2}, "leave `test` out"),
            ({"folds": 3, "fold": 0, "validation": ("r1",)}, "validation is a share"),
            ({"fold_by": "number"}, "there are none: add `folds`"),
        ],
    )
    def test_what_does_not_go_together_is_refused_in_the_config(self, settings, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            RecordingsConfig(**settings)


class TestTimeBlocks:
    @pytest.mark.parametrize("seed", range(20))
    @pytest.mark.parametrize("span", [1, 7, 8])
    def test_segments_of_different_parts_lie_a_window_apart(self, seed: int, span: int) -> None:
        made = build_time_blocks(TimeBlocksConfig(test=0.2))([two_classes()], SplitContext(span, seed))
        for one, other in itertools.pairwise(made.segments):
            assert one.role != other.role
            assert other.start - one.stop == span
        assert made.segments[0].start == 0
        assert made.segments[-1].stop == 400
        assert all(segment.stop - segment.start >= span for segment in made.segments)

    def test_blocks_that_touch_and_share_a_part_are_one_segment(self) -> None:
        made = blocks([two_classes()], blocks=2, validation=0.5)
        assert [(s.start, s.stop) for s in made.segments] == [(0, 196), (204, 400)]

    def test_the_same_seed_draws_the_same(self) -> None:
        assert blocks([two_classes()]) == blocks([two_classes()])
        assert len({blocks([two_classes()], seed=seed).segments for seed in range(10)}) > 1

    def test_a_class_in_few_places_gets_into_both_parts(self) -> None:
        made = two_classes(4000)
        labels = made.views[0].labels
        labels[:] = (1, 0, 0)
        labels[100:110] = labels[2100:2110] = (0, 1, 0)  # in 2 of 10 blocks
        for seed in range(20):
            partition = blocks([made], seed=seed)
            for role in ("train", "validation"):
                assert sum(labels[s.start : s.stop, 1].sum() for s in partition.of(role)) == 10

    def test_classes_are_shared_out_evenly(self) -> None:
        chance = np.random.default_rng(0)
        many = []
        for _ in range(5):
            made = two_classes(2000)
            made.views[0].labels[:] = (1, 0, 0)
            for start in chance.integers(0, 1990, 6):
                made.views[0].labels[start : start + 10] = (0, 1, 0)
            many.append(made)
        partition = blocks(many)
        frames = {
            role: sum(
                many[s.recording].views[0].labels[s.start : s.stop].sum(axis=0) for s in partition.of(role)
            )
            for role in ("train", "validation")
        }
        share = frames["validation"][:2] / (frames["train"] + frames["validation"])[:2]
        np.testing.assert_allclose(share, 0.2, atol=0.05)

    def test_a_class_that_cannot_be_in_both_parts_is_an_error_or_told(self) -> None:
        with pytest.raises(UserError, match=r"no frame of 'bite'\. Raise `blocks`.*missing_classes: allow"):
            blocks([recording("one")])
        assert blocks([recording("one")], missing_classes="allow").notice.endswith("has no frame of 'bite'")

    def test_the_notice_says_what_the_scores_are_worth(self) -> None:
        assert blocks([two_classes()]).notice == (
            "one recording split by time blocks with a gap of 8 frames: scores tell about this recording only"
        )
        assert "2 recordings split by time blocks" in blocks([two_classes()] * 2).notice

    def test_blocks_too_short_for_a_window_are_an_error(self) -> None:
        with pytest.raises(UserError, match=r"has 100 frames: too few for 10 blocks .* At most 6 fit"):
            blocks([two_classes(100)])

    def test_something_is_left_to_train_on(self) -> None:
        with pytest.raises(UserError, match="no block of 2 is left to train on"):
            blocks([two_classes()], blocks=2, validation=0.5, test=0.5)
