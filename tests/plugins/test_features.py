"""What `normalize` and `interpolate` make of points with gaps."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import Tensor

from mabe_core import Feature, Pose, PoseLayout, UserError
from mabe_plugins.features import mabe_features
from mabe_plugins.features.interpolate import InterpolateConfig
from mabe_plugins.features.normalize import NormalizeConfig
from mabe_plugins.features.torch_ranks import kth_smallest

FPS = 10.0
NAN = float("nan")
LAYOUT = PoseLayout(("resident", "intruder"), ("nose", "neck", "tail"), 2, FPS)
SPECS = {spec.name: spec for spec in mabe_features()}


def normalize(layout: PoseLayout = LAYOUT, **config: object) -> Feature:
    return SPECS["normalize"].build(NormalizeConfig(**config), layout)


def interpolate(**config: object) -> Feature:
    return SPECS["interpolate"].build(InterpolateConfig(**config), LAYOUT)


def walk(frames: int = 60, missing: float = 0.3, seed: int = 0) -> Tensor:
    """Return two wandering animals with gaps, (frames, 2, 3, 2)."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(frames, 2, 3, 2, generator=generator, dtype=torch.float64).cumsum(0) + 300
    points += torch.tensor([[0.0, 0.0], [40.0, 0.0], [100.0, 0.0]])
    gone = torch.rand(frames, 2, 3, generator=generator) < missing
    gone[20:32, 0] = True
    gone[40:43] = True
    return points.masked_fill(gone[..., None], NAN)


def track(*values: float) -> Tensor:
    """Return one point's coordinate over time as points of both animals, (frames, 2, 3, 2)."""
    return torch.tensor(values)[:, None, None, None].expand(-1, 2, 3, 2).clone()


def test_a_short_gap_becomes_a_line() -> None:
    filled = interpolate(max_gap=0.3)(Pose(track(1.0, NAN, NAN, NAN, 5.0))).points
    assert torch.equal(filled, track(1.0, 2.0, 3.0, 4.0, 5.0))


def test_a_long_gap_takes_the_animals_other_points_then_the_partners_then_zero() -> None:
    points = track(1.0, 2.0, 3.0, 4.0)
    points[..., 1] += 10.0
    points[1:3, 0, 0] = NAN
    points[2, 0] = NAN
    points[3] = NAN
    points[1, 0, 2] = torch.tensor([4.0, 20.0])
    filled = interpolate(max_gap=0.1)(Pose(points)).points
    assert filled[1, 0, 0].tolist() == [3.0, 16.0], "mean of neck (2, 12) and tail (4, 20)"
    assert filled[2, 0, 0].tolist() == [3.0, 13.0], "mean of the partner's points"
    assert filled[3].abs().max() == 0.0


def test_gaps_at_the_ends_of_a_recording_are_not_extrapolated_in_time() -> None:
    points = track(1.0, 2.0, 3.0)
    points[0, 1, 0] = NAN
    points[0, 1, 1:] = 8.0
    assert interpolate()(Pose(points)).points[0, 1, 0].tolist() == [8.0, 8.0]


@pytest.mark.parametrize("max_gap", [0.0, 0.2, 0.5])
def test_nothing_is_missing_afterwards(max_gap: float) -> None:
    for points in (walk(), walk(missing=0.9), torch.full((5, 2, 3, 2), NAN)):
        filled = interpolate(max_gap=max_gap)(normalize()(Pose(points))).points
        assert filled.isfinite().all()
        assert filled.flatten(1).shape[1] == 12


def test_visible_points_stay_as_they_are() -> None:
    points = walk()
    visible = ~points.isnan()
    assert torch.equal(interpolate()(Pose(points)).points[visible], points[visible])


def test_a_window_with_its_context_is_filled_as_the_whole_recording_is() -> None:
    feature = interpolate(max_gap=0.4, mask=True)
    assert feature.context == 4
    points = walk()
    margin, length = 4, 16
    padded = torch.nn.functional.pad(points, (0, 0) * 3 + (margin, margin), value=NAN)
    starts = range(len(points) - length + 1)
    windows = torch.stack([padded[start : start + length + 2 * margin] for start in starts])
    whole, cut = feature(Pose(points)), feature(Pose(windows))
    for start in starts:
        assert torch.equal(cut.points[start, margin:-margin], whole.points[start : start + length])
        assert torch.equal(
            cut.columns["missing"][start, margin:-margin], whole.columns["missing"][start : start + length]
        )


def test_the_mask_is_a_column_a_point_and_is_off_by_default() -> None:
    points = walk()
    assert not interpolate()(Pose(points)).columns
    mask = interpolate(mask=True)(Pose(points)).columns["missing"]
    assert torch.equal(mask.unflatten(-1, (2, 3)) == 1, points.isnan().any(-1))


def test_normalizing_makes_the_median_body_one_long_and_the_mean_point_zero() -> None:
    points = walk(missing=0.05)
    scaled = normalize()(Pose(points)).points
    assert normalize().context is None
    assert torch.equal(scaled.isnan(), points.isnan())
    assert scaled.nanmean(dim=(0, 1, 2)).abs().max() < 1e-9
    whole = scaled[~scaled.isnan().any(-1).any(-1)]
    length = (whole.amax(-2) - whole.amin(-2)).square().sum(-1).sqrt()
    assert length.median() == pytest.approx(1.0)


def test_recordings_filmed_at_another_resolution_become_alike() -> None:
    points = walk()
    near = normalize()(Pose(points * 2.5 + 70)).points
    torch.testing.assert_close(near, normalize()(Pose(points)).points, equal_nan=True)


def test_each_recording_of_a_batch_is_normalized_by_itself() -> None:
    one, other = walk(seed=1), walk(seed=2) * 3
    both = normalize()(Pose(torch.stack([one, other]))).points
    torch.testing.assert_close(both[1], normalize()(Pose(other)).points, equal_nan=True)


def test_a_fixed_scale_without_centring_needs_no_recording() -> None:
    feature = normalize(centre="none", scale=50.0)
    assert feature.context == 0
    points = walk()
    torch.testing.assert_close(feature(Pose(points)).points, points / 50, equal_nan=True)


def test_an_animal_that_is_never_seen_whole_still_has_a_length() -> None:
    points = walk(missing=0.0)
    points[:, :, 2] = NAN
    scaled = normalize()(Pose(points)).points
    assert 0.5 < scaled[..., :2, 0].diff(dim=-1).abs().nanmedian() < 1.5


def test_a_single_keypoint_has_no_body_length() -> None:
    layout = attrs.evolve(LAYOUT, keypoints=("centre",))
    with pytest.raises(UserError, match="number of pixels"):
        normalize(layout)
    assert normalize(layout, scale=10.0).context is None


@pytest.mark.parametrize("scale", [0.0, -1.0, "nose"])
def test_a_scale_that_is_no_length_is_refused(scale: object) -> None:
    with pytest.raises(ValueError, match="body_length, arena, centimetres or a number of pixels"):
        NormalizeConfig(scale=scale)  # type: ignore[arg-type]


def test_in_the_arenas_units_the_animals_walk_from_minus_a_half_to_a_half() -> None:
    points = walk(frames=4000, missing=0.1)
    points[7, 0, 0] = torch.tensor([9e3, -9e3])  # the tracker jumps, the arena stays
    scaled = normalize(centre="arena", scale="arena")(Pose(points)).points.flatten(0, 2)
    spread = torch.nanquantile(scaled, torch.tensor([0.002, 0.998], dtype=torch.float64), dim=0)
    sides = spread[1] - spread[0]
    assert sides.max() == pytest.approx(1.0, abs=0.02)
    assert (spread[0] + spread[1]).abs().max() < 0.02


def test_in_centimetres_a_recordings_own_pixels_count_or_the_configs() -> None:
    points = walk()
    known = normalize(attrs.evolve(LAYOUT, pixels_per_cm=16.0), centre="none", scale="centimetres")
    assert known.context is None, "recordings of other sizes must not share it inside the step"
    torch.testing.assert_close(known(Pose(points)).points, points / 16, equal_nan=True)
    told = normalize(centre="none", scale="centimetres", pixels_per_cm=8.0)
    torch.testing.assert_close(told(Pose(points)).points, points / 8, equal_nan=True)
    with pytest.raises(UserError, match="does not say how many pixels a centimetre has"):
        normalize(scale="centimetres")


def test_pixels_per_cm_without_centimetres_are_refused() -> None:
    with pytest.raises(ValueError, match="is used with scale: centimetres"):
        NormalizeConfig(pixels_per_cm=3.0)


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.97, 1.0])
@pytest.mark.parametrize("centre", ["recording", "arena", "none"])
@pytest.mark.parametrize("scale", ["body_length", "arena", 20.0])
def test_a_recording_that_is_had_in_blocks_is_normalized_as_a_whole_one(
    missing: float, centre: str, scale: str | float
) -> None:
    points = walk(500, missing).float()
    feature = normalize(centre=centre, scale=scale)
    moved = feature.over(lambda: (Pose(block) for block in points.split(97)))
    assert moved.context == 0
    found = torch.cat([moved(Pose(block)).points for block in points.split(41)])
    torch.testing.assert_close(found, feature(Pose(points)).points, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_rank_is_found_among_numbers_of_either_sign(dtype: torch.dtype) -> None:
    numbers = torch.randn(5001, generator=torch.Generator().manual_seed(0), dtype=dtype) * 100
    numbers[7:12] = 0.0
    ordered = numbers.sort().values
    for rank in (0, 1, 2500, 4999, 5000):
        assert kth_smallest(lambda: numbers.split(999), rank, dtype) == ordered[rank]
