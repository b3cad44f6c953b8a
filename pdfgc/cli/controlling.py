"""How strongly and against what the drivers act, as options that several commands have."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pdfgc.cli.driving import ANGLES
from pdfgc.cli.options import Numbers
from pdfgc.cli.parsing import numbers_of
from pdfgc.errors import InputError

if TYPE_CHECKING:
    from pdfgc.avatar import Controls

_FACTORS = tuple(ANGLES)
_AGAINST = ("angles", "place", "gaze", "openness", "expression", "brows", "geometry")


@Parameter(name="*")
@dataclass(frozen=True)
class Controlling:
    """The controls.

    Attributes:
        strength: how strongly factors act, e.g. "pose=0.5,lip=1.2"; 1 is the driver.
        smooth: seconds over which factors are averaged, e.g. "pose=0.3".
        offset: what is added to pose and gaze (degrees), blink (openness) and expression (rise of
            the brows, widening of the mouth, in distances of the eyes), e.g. "pose=0,5,0;
            gaze=-3,0; blink=-0.2; expression=0.05,0.1".
        relative: what is taken as movement about the driver's median and put on the source, of
            angles, place, gaze, openness, expression, brows (alone), e.g. "angles,gaze"; and
            geometry, the shape of the face in landmark presets.
        absolute: what is taken as the driver has it; by default angles, gaze and expression but for
            the brows.
        move: "X,Y": how far the head is moved right and down, in fractions of the crop.
        zoom: by how much the head is made larger; 1 leaves it.
        lip_lead: seconds by which the lips run ahead of the sound; 0.08 as in the released PD-FGC.
    """

    strength: str = ""
    smooth: str = ""
    offset: str = ""
    relative: str = ""
    absolute: str = ""
    move: Annotated[str, Numbers] = "0,0"
    zoom: float = 1.0
    lip_lead: Annotated[float, Numbers] = 0.0

    def controls(self) -> Controls:
        """What was typed, as `Controls`.

        Raises:
            InputError: something was not understood or is out of range.
        """
        from pdfgc.avatar import Control, Controls

        strengths = _by_factor(self.strength, "--strength", single=True)
        windows = _by_factor(self.smooth, "--smooth", single=True)
        offsets = _by_factor(self.offset, "--offset")
        given: dict[str, Any] = {
            factor: Control(
                strength=strengths[factor][0] if factor in strengths else None,
                offset=tuple(
                    math.radians(v) if n < ANGLES[factor] else v
                    for n, v in enumerate(offsets.get(factor, ()))
                ),
                smooth_s=windows[factor][0] if factor in windows else None,
            )
            for factor in _FACTORS
        }
        move = numbers_of(self.move, "--move")
        if len(move) != 2:
            raise InputError(f'--move is {self.move!r}; give "X,Y".')
        relative = dict.fromkeys(_names(self.relative, "--relative"), True)
        absolute = dict.fromkeys(_names(self.absolute, "--absolute"), False)
        both = sorted(set(relative) & set(absolute))
        if both:
            raise InputError(f"{both[0]} is named by --relative and --absolute; choose one.")
        given |= {f"relative_{name}": value for name, value in (relative | absolute).items()}
        return Controls(
            **given,
            move=(move[0], move[1]),
            zoom=self.zoom,
            lip_lead_s=self.lip_lead,
        )


def _by_factor(text: str, option: str, *, single: bool = False) -> dict[str, tuple[float, ...]]:
    """`pose=0,5,0; lip=1.2` as a dictionary; a comma before a name parts as a semicolon does."""
    found = {}
    for part in filter(str.strip, re.split(r";|,(?=\s*[a-z]+\s*=)", text)):
        factor, _, numbers = (piece.strip() for piece in part.partition("="))
        if factor not in _FACTORS:
            raise InputError(
                f"{option}: {part.strip()!r} is not understood; write FACTOR=NUMBER with one of "
                f"{', '.join(_FACTORS)}."
            )
        found[factor] = numbers_of(numbers, option)
        if single and len(found[factor]) != 1:
            raise InputError(f"{option}: {part.strip()!r} has several numbers; give one.")
    return found


def _names(text: str, option: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in _AGAINST:
            raise InputError(f"{option}: there is no {name!r}; choose of {', '.join(_AGAINST)}.")
    return names
