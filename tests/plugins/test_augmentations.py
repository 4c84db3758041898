"""What augmentations change and what they leave, window by window."""

from __future__ import annotations

import itertools
import math

import attrs
import pytest
import torch
from torch import Tensor

from mabe_core import Augmentation, Pose, PoseLayout, UserError
from mabe_plugins.augmentations import mabe_augmentations
from mabe_plugins.augmentations.sides import other_sides
from tests.plugins.waiting import runs_without_waiting

KEYPOINTS = ("nose", "left_ear", "right_ear", "tail")
LAYOUT = PoseLayout(("resident", "intruder"), KEYPOINTS, 2, 30.0)
SPECS = {spec.name: spec for spec in mabe_augmentations()}
NEEDED = {"identity_swap": {"labels_are_symmetric": True}}
MANY = 2000


def build(name: str, layout: PoseLayout = LAYOUT, **config: object) -> Augmentation:
    spec = SPECS[name]
    return spec.build(spec.config(**NEEDED.get(name, {}), **config), layout)


def mice(windows: int = 5, frames: int = 24, individuals: int = 2) -> Tensor:
    """Return mice that look along x, with a left ear to their left, (windows, frames, individuals, 4, 2)."""
    shape = torch.tensor([[2.0, 0.0], [1.5, 0.5], [1.5, -0.5], [0.0, 0.0]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(windows, frames, individuals, 1, 2, generator=generator, dtype=torch.float64)
    return places.cumsum(1) + shape + 7.0 * torch.arange(individuals)[:, None, None]


def changed(function: Augmentation, points: Tensor, seed: int = 1) -> Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return function(Pose(points)).points


def distances(points: Tensor) -> Tensor:
    flat = points.flatten(1, 3)
    return torch.cdist(flat, flat)


@pytest.mark.parametrize("name", SPECS)
def test_none_waits_for_the_device(name):
    runs_without_waiting(build(name), Pose(mice().float()))


@pytest.mark.parametrize(
    ("name", "config"),
    [("rotation", {}), ("scale", {}), ("jitter", {}), ("keypoint_dropout", {"probability": 1.0})],
)
def test_each_window_is_changed_in_its_own_way(name, config):
    same = mice(1).expand(20, -1, -1, -1, -1)
    found = changed(build(name, **config), same)
    found = found.nan_to_num(-1.0)
    assert not any(torch.equal(one, other) for one, other in itertools.pairwise(found))


def test_a_rotation_keeps_all_distances_and_the_windows_middle():
    points = mice()
    found = changed(build("rotation"), points)
    torch.testing.assert_close(distances(found), distances(points), rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(found.mean((1, 2, 3)), points.mean((1, 2, 3)))
    turned = (found - points)[..., 0, :].norm(dim=-1)
    assert turned.min() > 0.01


def test_rotations_are_no_larger_than_asked_for_and_go_both_ways():
    found = changed(
        build("rotation", max_degrees=30.0, about="origin"), torch.tensor([1.0, 0.0]).expand(MANY, 1, 1, 1, 2)
    )
    angle = torch.atan2(found[..., 1], found[..., 0]) * 180 / math.pi
    assert angle.abs().max() <= 30.001
    assert -30 < angle.min() < -28
    assert angle.max() > 28
    assert abs(angle.mean()) < 1.5


def test_a_mirrored_mouse_still_has_its_left_ear_on_its_left():
    points = mice(40)
    found = changed(build("mirror"), points)
    mirrored = (found[:, 0, 0, 0, 0] - found[:, 0, 0, 3, 0]) < 0  # looks the other way
    assert 8 < mirrored.sum() < 32, "about half of the windows"
    ahead = found[..., 0, :] - found[..., 3, :]
    left = found[..., 1, :] - found[..., 3, :]
    assert (ahead[..., 0] * left[..., 1] - ahead[..., 1] * left[..., 0] > 0).all()
    assert torch.equal(found[~mirrored], points[~mirrored])
    torch.testing.assert_close(distances(found).sum(), distances(points).sum())


def test_a_scale_lies_between_the_two_ends_and_keeps_the_middle():
    points = mice(MANY, 3)
    found = changed(build("scale", largest=1.5), points)
    factor = (found[:, 0, 0, 0, 0] - found[:, 0, 0, 3, 0]) / 2
    assert 1 / 1.5 <= factor.min() < 0.67
    assert 1.49 < factor.max() <= 1.5
    assert factor.log().mean().abs() < 0.03, "as often smaller as larger"
    torch.testing.assert_close(found.mean((1, 2, 3)), points.mean((1, 2, 3)))


def test_dropped_keypoints_are_missing_for_one_stretch_no_longer_than_asked_for():
    points = mice(MANY, 30)
    gone = changed(build("keypoint_dropout", probability=0.25, max_seconds=0.3), points).isnan()
    assert torch.equal(gone[..., 0], gone[..., 1]), "both coordinates"
    runs = gone[..., 0].movedim(1, -1).flatten(0, -2)  # (tracks, frames)
    assert runs.sum(1).max() <= 9
    starts = (runs[:, 1:] & ~runs[:, :-1]).sum(1) + runs[:, 0]
    assert starts.max() == 1
    assert runs.any(1).double().mean() == pytest.approx(0.25, abs=0.05)
    assert runs.double().mean(0).std() < 0.01, "any frame alike, the window's ends too"


def test_jitter_has_the_spread_that_it_says():
    points = mice(50)
    noise = changed(build("jitter", spread=0.5), points) - points
    assert noise.std().item() == pytest.approx(0.5, rel=0.05)
    assert noise.mean().abs() < 0.02


def test_swapped_animals_change_places_whole_and_every_order_is_drawn():
    layout = attrs.evolve(LAYOUT, individuals=("a", "b", "c"))
    points = mice(MANY, 4, 3)
    found = changed(build("identity_swap", layout), points)
    orders = torch.tensor(list(itertools.permutations(range(3))))
    same = torch.stack([(found == points[:, :, order]).flatten(1).all(1) for order in orders])
    assert torch.equal(same.sum(0), torch.ones(MANY, dtype=torch.int64))
    assert (same.double().mean(1) - 1 / 6).abs().max() < 0.03


def test_a_swap_is_refused_where_labels_tell_who_is_who_or_there_is_one_animal():
    with pytest.raises(ValueError, match="wrong labels where they are not symmetric"):
        SPECS["identity_swap"].config(labels_are_symmetric=False)
    with pytest.raises(UserError, match="nobody to swap it with"):
        build("identity_swap", attrs.evolve(LAYOUT, individuals=("a",)))


@pytest.mark.parametrize(
    ("keypoints", "sides"),
    [
        (("nose", "leftear", "rightear", "neck", "lefthip", "righthip", "tail"), (0, 2, 1, 3, 5, 4, 6)),
        (("Ear_L", "Ear_R", "bell", "lateral"), (1, 0, 2, 3)),
        (("earL", "earR", "hipRight", "hipLeft"), (1, 0, 3, 2)),
        (("l-hip", "tail", "r-hip"), (2, 1, 0)),
        (("top", "body", "tail", "tail-m", "tail-e"), (0, 1, 2, 3, 4)),
    ],
)
def test_sides_are_found_by_names(keypoints, sides):
    assert other_sides(keypoints, ()) == sides


def test_a_side_without_its_other_is_refused_unless_it_is_paired():
    with pytest.raises(
        UserError, match=r"left_ear seems to lie on one side.*`pairs: \[\[left_ear, KEYPOINT\]\]`"
    ):
        other_sides(("nose", "left_ear", "ear2"), ())
    assert other_sides(("nose", "left_ear", "ear2"), (("left_ear", "ear2"),)) == (0, 2, 1)
    assert other_sides(("left_ear",), (("left_ear", "left_ear"),)) == (0,)
    with pytest.raises(UserError, match=r"no keypoint is named 'rear2'\. Did you mean 'ear2'"):
        other_sides(("ear1", "ear2"), (("ear1", "rear2"),))
