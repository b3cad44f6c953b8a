"""How strongly, how smoothly and against what the drivers act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

from pdfgc.errors import InputError

Progress = Callable[[str, int, int | None], None]
"""Called while work goes on, with what is being done, how many frames are done, and of how many."""

_MOST_LEAD_S = 1.0
# Beyond these the head leaves its crop.
_MOST_MOVE, _MOST_ZOOM = 0.5, 2.0
# Numbers that an offset may have, by factor; lips have none.
_OFFSETS = {"pose": (3, 6), "gaze": (2,), "blink": (1, 2), "expression": (2,), "lip": ()}


@dataclass(frozen=True)
class Control:
    """What is done to one factor's codes after its driver was read.

    Attributes:
        strength: 0 gives the rest (silence for lip, the learned neutral for expression, the
            source's own for the others), 1 the driver, more exaggerates. By default 1. Models of
            preset `pdfgc-official` have their authors' defaults (lip 1.5, expression, gaze and
            blink 1.2, from the zero code) for what is read from sound, clips and images; saved
            motions have had them.
        offset: added at the end: for pose 3 angles (rad) or these and
            x, y (fraction of the crop) and log-scale, for gaze 2 angles (rad), for blink openness
            of both eyes, or left and right, for expression rise of the brows and widening of the
            mouth (interocular distances; 0.1 is much; not in landmark presets). Lip takes none.
        smooth_s: length of the window over which codes are averaged (seconds). By default 0, and
            for `pdfgc-official` its authors' smoothing over 3 frames, of pose and lip.
    """

    strength: float | None = None
    offset: tuple[float, ...] = ()
    smooth_s: float | None = None


@dataclass(frozen=True)
class Controls:
    """The controls of all factors, and whether drivers are taken as they are or relative.

    Relative means source + driver - the driver's median over time: a head that stands elsewhere
    in its crop, or smaller eyes, are then not carried over, only their movement is. It is asked
    of clips (videos, frames, saved motions); numbers, and openness, expression and brows in a still
    image, are always taken as they are.

    Attributes:
        pose: of the head's angles, place and size.
        gaze: of the direction of the eyes.
        blink: of the openness of the eyes.
        expression: of the expression.
        lip: of the lips.
        relative_angles: of the head's yaw, pitch and roll.
        relative_place: of the head's x, y and log-scale.
        relative_gaze: of gaze.
        relative_openness: of the eyes' openness.
        relative_expression: of the expression's code: another face's neutral is not carried over.
        relative_brows: of the height of the brows alone, the first value of an expression code: how
            high a face has them says more of who it is than of what it feels.
        relative_geometry: of the shape of the face in landmark presets: the driver's expression on
            the source's own geometry (MarioNETte's landmark transformer); else the driver's whole
            face is drawn. Without effect in presets that codes drive.
        move: how far the head is moved right and down, in fractions of the crop, on top of
            whatever drives it.
        zoom: by how much the head is made larger, on top of whatever drives it; 1 leaves it.
        lip_lead_s: seconds by which the lips run ahead of the sound. 0 is in step; the released
            PD-FGC code runs 0.08 ahead.

    Models of preset `pdfgc-official` take every driver as it is: the order and units of their
    numbers are not known.

    Raises:
        InputError: a value is out of range, or an offset does not fit its factor.
    """

    pose: Control = field(default_factory=Control)
    gaze: Control = field(default_factory=Control)
    blink: Control = field(default_factory=Control)
    expression: Control = field(default_factory=Control)
    lip: Control = field(default_factory=Control)
    relative_angles: bool = False
    relative_place: bool = True
    relative_gaze: bool = False
    relative_openness: bool = True
    relative_expression: bool = False
    relative_brows: bool = True
    relative_geometry: bool = True
    move: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    lip_lead_s: float = 0.0

    def change(self, factor: str) -> bool:
        """Whether codes of this factor that are already there are to be changed."""
        moved = self.move != (0.0, 0.0) or self.zoom != 1
        return getattr(self, factor) != Control() or (factor == "pose" and moved)

    def __post_init__(self) -> None:
        """Check every factor's control."""
        if not -_MOST_LEAD_S <= self.lip_lead_s <= _MOST_LEAD_S:
            raise InputError(
                f"lip_lead_s is {self.lip_lead_s}; give seconds from -{_MOST_LEAD_S} to "
                f"{_MOST_LEAD_S}."
            )
        if len(self.move) != 2 or not all(abs(each) <= _MOST_MOVE for each in self.move):
            raise InputError(
                f"move is {self.move}; give two numbers from -{_MOST_MOVE} to {_MOST_MOVE}."
            )
        if not 1 / _MOST_ZOOM <= self.zoom <= _MOST_ZOOM:
            raise InputError(
                f"zoom is {self.zoom}; give a number from {1 / _MOST_ZOOM} to {_MOST_ZOOM}."
            )
        for factor, allowed in _OFFSETS.items():
            control: Control = getattr(self, factor)
            if control.strength is not None and not isfinite(control.strength):
                raise InputError(f"The strength of {factor} is {control.strength}; give a number.")
            if control.smooth_s is not None and not 0 <= control.smooth_s < float("inf"):
                raise InputError(
                    f"smooth_s of {factor} is {control.smooth_s}; give seconds from 0 on."
                )
            if control.offset and len(control.offset) not in allowed:
                wanted = " or ".join(map(str, allowed)) or "no"
                raise InputError(
                    f"The offset of {factor} has {len(control.offset)} numbers; it takes {wanted}."
                )
            if not all(map(isfinite, control.offset)):
                raise InputError(f"The offset of {factor} is {control.offset}; give numbers.")
