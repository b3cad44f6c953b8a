"""The knobs that a user has, as values to be turned through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import exp, radians

from pdfgc.avatar import Control, Controls
from pdfgc.avatar.drivers import Drivers
from pdfgc.evaluation.control import Sweep
from pdfgc.motion import Motion

_LIDS = ("openness", "left lid", "right lid")


@dataclass(frozen=True)
class Turn:
    """What a user gives to set a knob to one value; whatever is not named is kept."""

    drivers: Drivers = field(default_factory=Drivers)
    controls: Controls = field(default_factory=Controls)


@dataclass(frozen=True)
class Knob:
    """One knob.

    Attributes:
        sweep: its name, and the values it is turned through.
        turn: what is given for one value, from the source's own codes and the value.
        channel: what must follow.
        unit: of the channel.
        per_value: how much of the channel one unit of the value asks for.
        own: further channels that go with it by what they are, and count as no leak.
        relative: whether the channel is asked to differ from the source's own by the value.
    """

    sweep: Sweep
    turn: Callable[[Motion, float], Turn]
    channel: str
    unit: str
    per_value: float = 1.0
    own: tuple[str, ...] = ()
    relative: bool = False

    @property
    def name(self) -> str:
        """How tables call it."""
        return self.sweep.factor


def _pose(axis: int) -> Callable[[Motion, float], Turn]:
    def turn(source: Motion, degrees: float) -> Turn:
        angles = [float(each) for each in source.pose[0, :3]]
        angles[axis] = radians(degrees)
        return Turn(Drivers(pose=tuple(angles)))

    return turn


def _gaze(axis: int) -> Callable[[Motion, float], Turn]:
    def turn(source: Motion, degrees: float) -> Turn:
        angles = [float(each) for each in source.gaze[0]]
        angles[axis] = radians(degrees)
        return Turn(Drivers(gaze=tuple(angles)))

    return turn


def _eye(column: int) -> Callable[[Motion, float], Turn]:
    def turn(source: Motion, openness: float) -> Turn:
        lids = [float(each) for each in source.openness[0]]
        lids[column] = openness
        return Turn(Drivers(blink=tuple(lids)))

    return turn


def _face(column: int) -> Callable[[Motion, float], Turn]:
    def turn(_: Motion, change: float) -> Turn:
        offset = [0.0, 0.0]
        offset[column] = change
        return Turn(controls=Controls(expression=Control(offset=tuple(offset))))

    return turn


# Angles and openness are turned as far as in the second protocol.
KNOBS = (
    Knob(Sweep("yaw", 0, 20), _pose(0), "yaw", "°"),
    Knob(Sweep("pitch", 0, 12), _pose(1), "pitch", "°"),
    Knob(Sweep("roll", 0, 12), _pose(2), "roll", "°"),
    Knob(
        Sweep("move x", 0, 5),
        lambda _, percent: Turn(controls=Controls(move=(percent / 100, 0.0))),
        "x",
        "%",
        relative=True,
    ),
    Knob(
        Sweep("move y", 0, 5),
        lambda _, percent: Turn(controls=Controls(move=(0.0, percent / 100))),
        "y",
        "%",
        relative=True,
    ),
    Knob(
        Sweep("zoom", 0, 10),
        lambda _, percent: Turn(controls=Controls(zoom=exp(percent / 100))),
        "size",
        "%",
        relative=True,
    ),
    Knob(Sweep("gaze yaw", 0, 20), _gaze(0), "gaze yaw", "°"),
    Knob(Sweep("gaze pitch", 0, 12), _gaze(1), "gaze pitch", "°"),
    Knob(
        Sweep("both eyes", 0.5, 0.5),
        lambda _, openness: Turn(Drivers(blink=openness)),
        "openness",
        "",
        own=_LIDS,
    ),
    Knob(Sweep("left eye", 0.5, 0.5), _eye(0), "left lid", "", own=("openness",)),
    Knob(Sweep("right eye", 0.5, 0.5), _eye(1), "right lid", "", own=("openness",)),
    Knob(Sweep("brows", 0.02, 0.06), _face(0), "brow", "iod", relative=True),
    Knob(Sweep("smile", 0.03, 0.09), _face(1), "corners", "iod", own=("mouth",), relative=True),
)
"""The knobs that are numbers; `strength_knob` makes those of lip and expression."""


def strength_knob(factor: str, still: Motion, moved: Mapping[str, float]) -> Knob:
    """The strength of a still lip or expression code, from 0 to 1.5.

    Args:
        factor: lip or expression.
        still: one frame of a motion.
        moved: by how much each channel of the face that gave the code differs from its rest: what
            strength 1 asks for. The channel that differs most is the one that must follow.
    """

    def turn(_: Motion, share: float) -> Turn:
        control = Control(strength=share)
        if factor == "lip":
            return Turn(Drivers(lip=still), Controls(lip=control))
        return Turn(Drivers(expression=still), Controls(expression=control))

    channel = max(moved, key=lambda name: abs(moved[name]))
    return Knob(
        Sweep(f"{factor} strength", 0.75, 0.75),
        turn,
        channel,
        "iod",
        per_value=moved[channel],
        # What a mouth or an expression is made of goes with it.
        own=("mouth", "brow", "corners") if factor == "expression" else ("corners",),
        relative=True,
    )
