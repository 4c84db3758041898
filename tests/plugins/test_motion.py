"""What `motion` and `egocentric` tell of animals whose movement is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mabe_core import Pose, PoseLayout, UserError
from mabe_plugins.features.egocentric import EgocentricConfig, build_egocentric
from mabe_plugins.features.motion import PARTS, MotionConfig, build_motion

FPS = 20.0
PAIR = PoseLayout(("resident", "intruder"), ("nose", "centre", "tail_base"), 2, FPS)
RATES = ("speed", "acceleration", "turn", "approach")


def body(centre: Tensor, heading: Tensor | float) -> Tensor:
    """Return straight bodies 2 long, (frames, 3, 2), at centres (frames, 2) with headings in radians."""
    heading = torch.as_tensor(heading, dtype=torch.float64).expand(len(centre))
    ahead = torch.stack([heading.cos(), heading.sin()], dim=-1)
    return torch.stack([centre + ahead, centre, centre - ahead], dim=1)


def still(frames: int, x: float, y: float) -> Tensor:
    return torch.tensor([x, y], dtype=torch.float64).expand(frames, 2)


def columns(points: Tensor, layout: PoseLayout = PAIR, **config: object) -> dict[str, Tensor]:
    config = {"compress": False, **config}
    return dict(build_motion(MotionConfig(**config), layout)(Pose(points)).columns)


def test_an_animal_that_walks_straight_to_another():
    time = torch.arange(60, dtype=torch.float64) / FPS
    walker = body(torch.stack([0 * time, 3 * time], dim=-1), math.pi / 2)  # 3 a second, up
    points = torch.stack([walker, body(still(60, 0, 40), 0.0)], dim=1)
    found = columns(points, scales=(0.2, 1.0))
    for scale in ("1", "2"):
        speed = found[f"speed{scale}"][30]
        assert speed.tolist() == pytest.approx([3, 0, 3, 0, 0, 0]), "lengths, then ahead and aside of each"
        assert found[f"acceleration{scale}"][30].abs().max() < 1e-9
        assert found[f"turn{scale}"][30].abs().max() < 1e-9
        assert found[f"approach{scale}"][30].tolist() == pytest.approx([3, 0]), "only the walker approaches"
    gap = 40 - 3 * 30 / FPS
    assert found["partner"][30].tolist() == pytest.approx([gap, 0, 0, -1, 0, -gap, 0, 1])
    assert found["between"][30].unflatten(-1, (3, 3))[1, 1].item() == pytest.approx(gap)
    assert found["heading"][30].tolist() == pytest.approx([0, 1, 1, 0])


def test_an_animal_that_runs_in_a_circle():
    time = torch.arange(80, dtype=torch.float64) / FPS
    angle = 1.5 * time  # radians a second, on a circle of radius 4
    centre = 4 * torch.stack([angle.cos(), angle.sin()], dim=-1)
    points = body(centre, angle + math.pi / 2)[:, None]
    alone = PoseLayout(("mouse",), PAIR.keypoints, 2, FPS)
    found = columns(points, alone, scales=(0.1,))
    assert found["turn1"][40].item() == pytest.approx(1.5), "radians a second, counted from x to y"
    assert found["speed1"][40].tolist() == pytest.approx([6, 6, 0], rel=1e-2)
    assert found["acceleration1"][40].item() == pytest.approx(4 * 1.5**2, rel=1e-2)
    assert set(found) == {"heading", "length", "bend", "within", "speed1", "acceleration1", "turn1"}


def test_a_body_has_a_length_a_bend_and_distances_within():
    points = body(still(9, 5, 5), 0.7)
    points[:, 0] = points[:, 1] + torch.tensor([-math.sin(0.7), math.cos(0.7)])  # looks 90 degrees aside
    found = columns(points[:, None], PoseLayout(("mouse",), PAIR.keypoints, 2, FPS))
    assert found["length"][4].item() == pytest.approx(math.sqrt(2))
    assert found["bend"][4].item() == pytest.approx(math.pi / 2)
    assert found["within"][4].tolist() == pytest.approx([1, math.sqrt(2), 1])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_columns_between_animals_fit_any_number_of_them(count):
    layout = PoseLayout(tuple("abcd"[:count]), PAIR.keypoints, 2, FPS)
    points = torch.stack([body(still(40, 3.0 * n, 0), 0.0) for n in range(count)], dim=1)
    found = columns(points, layout, scales=(0.2,))
    pairs = count * (count - 1)
    widths = {name: column.shape[-1] for name, column in found.items()}
    assert widths.get("between", 0) == pairs // 2 * 9
    assert widths.get("partner", 0) == pairs * 4
    assert widths.get("approach1", 0) == pairs
    if count == 3:
        assert found["partner"][5].unflatten(-1, (6, 4))[:, 0].tolist() == [3, 6, -3, 3, -6, -3]


def test_rates_do_not_depend_on_the_frame_rate_nor_on_how_the_arena_is_turned():
    def told(fps: float, turn: float) -> dict[str, Tensor]:
        time = torch.arange(int(4 * fps), dtype=torch.float64) / fps
        walker = body(torch.stack([time.cos(), (1.3 * time).sin()], dim=-1) * 9, time)
        points = torch.stack([walker, body(torch.stack([2 * time, time], dim=-1), -time)], dim=1)
        cos, sin = math.cos(turn), math.sin(turn)
        points = points @ torch.tensor([[cos, sin], [-sin, cos]], dtype=torch.float64)
        layout = PoseLayout(PAIR.individuals, PAIR.keypoints, 2, fps)
        return {name: column[int(2 * fps)] for name, column in columns(points, layout, scales=(0.2,)).items()}

    slow, fast, turned = told(20, 0), told(60, 0), told(20, 2.1)
    for name in slow:
        torch.testing.assert_close(slow[name], fast[name], rtol=1e-9, atol=1e-9)
        if name != "heading":
            torch.testing.assert_close(slow[name], turned[name], rtol=1e-9, atol=1e-9)


def test_what_cannot_be_known_is_0_and_nothing_is_ever_nan():
    points = torch.stack([body(still(40, 0, 0), 0.0), body(still(40, 9, 0), 0.0)], dim=1)
    points[10:20, 1] = torch.nan
    found = columns(points, scales=(0.2,))
    assert all(column.isfinite().all() for column in found.values())
    assert not found["between"][15].any()
    assert not found["speed1"][0].any(), "the first frame has none before it"


def test_compressed_rates_are_asinh_of_the_others_and_places_stay():
    points = torch.stack([body(torch.randn(40, 2, dtype=torch.float64) * 9, 0.0)] * 2, dim=1)
    plain, pressed = columns(points), columns(points, compress=True)
    for name, column in plain.items():
        expected = column.asinh() if name.rstrip("0123456789") in RATES else column
        assert torch.equal(pressed[name], expected), name


def test_scales_that_last_the_same_frames_are_given_once_and_parts_can_be_chosen():
    points = torch.stack([body(still(40, 0, 0), 0.0)] * 2, dim=1)
    assert set(columns(points, scales=(0.01, 0.02, 0.1), parts=("turn",))) == {"turn1"}
    assert build_motion(MotionConfig(scales=(0.1, 2.0)), PAIR).context == 20
    assert {*RATES, "heading", "posture", "distances", "partner"} == set(PARTS)


def test_in_the_agents_frame_it_lies_along_x_and_the_partner_ahead_is_at_positive_x():
    points = torch.stack(
        [body(still(5, 7, 7), 0.5), body(still(5, 7 + 3 * math.cos(0.5), 7 + 3 * math.sin(0.5)), 0.0)], dim=1
    )
    seen = build_egocentric(EgocentricConfig(), PAIR)(Pose(points)).points
    torch.testing.assert_close(seen[2, 0], torch.tensor([[1.0, 0], [0, 0], [-1, 0]], dtype=torch.float64))
    torch.testing.assert_close(seen[2, 1, 1], torch.tensor([3.0, 0], dtype=torch.float64))
    own = build_egocentric(EgocentricConfig(frame="own"), PAIR)(Pose(points)).points
    torch.testing.assert_close(own[2, 0], own[2, 1])


def test_the_third_dimension_is_not_turned():
    layout = PoseLayout(("rat",), PAIR.keypoints, 3, FPS)
    flat = body(still(5, 7, 7), 1.1)
    points = torch.cat([flat, torch.tensor([6.0, 4, 2]).expand(5, 3)[..., None]], dim=-1)[:, None]
    seen = build_egocentric(EgocentricConfig(), layout)(Pose(points)).points
    assert seen[0, 0, :, 2].tolist() == [2, 0, -2]


@pytest.mark.parametrize(
    ("keypoints", "front", "back"),
    [
        (("top", "body", "tail", "tail-m", "tail-e"), "top", "tail"),
        (("left_ear", "Nose", "Tail_Base", "tail_tip"), "Nose", "Tail_Base"),
        (("ear", "neck", "hip"), "neck", "hip"),
    ],
)
def test_front_and_back_are_found_by_common_names(keypoints, front, back):
    layout = PoseLayout(("a",), keypoints, 2, FPS)
    points = torch.zeros(1, 1, len(keypoints), 2)
    points[0, 0, keypoints.index(front)] = torch.tensor([0.0, 2.0])
    found = build_motion(MotionConfig(parts=("heading", "posture")), layout)(Pose(points)).columns
    assert found["heading"][0].tolist() == [0, 1]
    assert found["length"][0].item() == 2


def test_keypoints_of_unknown_names_must_be_told():
    layout = PoseLayout(("a",), ("kp1", "kp2", "kp3"), 2, FPS)
    with pytest.raises(UserError, match="which keypoint is the animal's front: name it, `front: KEYPOINT`"):
        build_motion(MotionConfig(), layout)
    with pytest.raises(UserError, match="front is no keypoint: 'kp4'"):
        build_egocentric(EgocentricConfig(front="kp4", back="kp1"), layout)
    with pytest.raises(UserError, match="takes kp1 for the animal's front and back"):
        build_egocentric(EgocentricConfig(front="kp1", back="kp1"), layout)
    assert build_motion(MotionConfig(front="kp1", back="kp3"), layout)
