"""What the two mice can be doing: the table that the synthetic data is drawn from."""

from __future__ import annotations

from typing import Literal

import attrs

CLASSES = ("attack", "investigation", "mount", "other")

Range = tuple[float, float]


@attrs.frozen
class Rhythm:
    """A periodic movement: hertz drawn once a bout, and its amplitude."""

    hertz: Range
    size: float


SLOW = (0.8, 1.2)
SWEEPING = (2.0, 3.5)
SNIFFING = (3.0, 5.0)
THRUSTING = (3.0, 4.0)

HEAD_SCAN = Rhythm(SLOW, 0.4)
HEAD_STILL = Rhythm(SLOW, 0.08)
HEAD_SNIFF = Rhythm(SNIFFING, 0.4)
STILL = Rhythm(SLOW, 0.0)
SIDLE = Rhythm(SLOW, 0.25)
SWEEP = Rhythm(SWEEPING, 0.25)
SWAY = Rhythm(SLOW, 0.2)
THRUST = Rhythm(THRUSTING, 0.2)


@attrs.frozen
class Drive:
    """What one mouse strives for during a bout.

    goal: `place`, a point of the arena; or relative to the partner's body: `nose`, where its own nose touches
        the partner; `beside`, close up at any side; `rear`, upon the partner's hindquarters; `behind`.
    face: where it turns to.
    speed: body lengths a second, at most; drawn anew for each goal.
    hold: seconds that a goal lasts.
    agility: fraction of the wanted change of velocity taken each frame.
    head: yaw of the head in radians. along, across: shift of the body, by its own axis, in body lengths.
    """

    goal: Literal["place", "nose", "beside", "rear", "behind"] = "place"
    face: Literal["motion", "partner", "aligned"] = "motion"
    speed: Range = (0.0, 0.3)
    hold: Range = (1.0, 2.5)
    agility: float = 0.2
    head: Rhythm = HEAD_SCAN
    along: Rhythm = STILL
    across: Rhythm = STILL


@attrs.frozen
class Activity:
    """One state of the semi-Markov process.

    share: of the bouts that are drawn, times mean duration: roughly the fraction of time.
    seconds: median length of a bout; lengths are log-normal.
    contact: whether the resident first has to approach.
    """

    name: str
    behaviour: str
    share: float
    seconds: float
    resident: Drive
    intruder: Drive
    contact: bool = False


STAY = Drive()
AMBLE = Drive(speed=(0.0, 0.8))
STROLL = Drive(speed=(0.2, 2.0))
WALK = Drive(speed=(1.0, 2.0))
RUN = Drive(speed=(2.5, 5.0), hold=(0.5, 1.2), agility=0.3)
TOUCH = Drive(goal="nose", face="partner", speed=(2.5, 3.5), hold=(0.8, 1.6))
CLOSE_UP = Drive(goal="beside", face="partner")
ON_TOP = Drive(goal="rear", face="aligned", speed=(3.5, 4.5), agility=0.3)
TRAIL = Drive(goal="behind", face="partner", speed=(2.5, 3.5), hold=(0.8, 1.6), agility=0.3)

APPROACH = Activity(
    "approach", "other", 0.0, 0.9, attrs.evolve(TOUCH, speed=(2.0, 3.5), head=HEAD_STILL), AMBLE
)

ACTIVITIES = (
    APPROACH,
    Activity("roam", "other", 0.05, 2.5, STROLL, STROLL),
    Activity("run", "other", 0.02, 1.2, RUN, RUN),
    Activity("rest", "other", 0.03, 2.5, STAY, STROLL),
    Activity("groom", "other", 0.02, 2.5, attrs.evolve(STAY, head=HEAD_SNIFF), AMBLE),
    Activity("investigated", "other", 0.03, 1.8, AMBLE, attrs.evolve(TOUCH, head=HEAD_SNIFF, across=SWEEP)),
    Activity("linger", "other", 0.20, 1.8, attrs.evolve(TOUCH, across=SIDLE), AMBLE, contact=True),
    Activity("follow", "other", 0.06, 1.5, attrs.evolve(TRAIL, across=SIDLE), WALK, contact=True),
    Activity("climb", "other", 0.08, 2.5, attrs.evolve(ON_TOP, along=SWAY), AMBLE, contact=True),
    Activity(
        "jostle",
        "other",
        0.06,
        1.3,
        attrs.evolve(CLOSE_UP, speed=(2.0, 3.5), hold=(0.3, 0.5), agility=0.3),
        Drive(speed=(0.3, 2.0), hold=(0.4, 0.8)),
        contact=True,
    ),
    Activity(
        "sniff",
        "investigation",
        0.24,
        1.8,
        attrs.evolve(TOUCH, head=HEAD_SNIFF, across=SWEEP),
        AMBLE,
        contact=True,
    ),
    Activity(
        "pursue",
        "investigation",
        0.07,
        1.5,
        attrs.evolve(TRAIL, head=HEAD_SNIFF, across=SWEEP),
        WALK,
        contact=True,
    ),
    Activity("mount", "mount", 0.08, 2.5, attrs.evolve(ON_TOP, along=THRUST), AMBLE, contact=True),
    Activity(
        "attack",
        "attack",
        0.03,
        1.2,
        attrs.evolve(CLOSE_UP, speed=(4.0, 7.0), hold=(0.1, 0.25), agility=0.5),
        Drive(speed=(0.5, 4.0), hold=(0.2, 0.5), agility=0.4),
        contact=True,
    ),
)
