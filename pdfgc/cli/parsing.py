"""What was typed, as values: avatars, faces, drivers, controls and presets."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pdfgc.errors import InputError

if TYPE_CHECKING:
    from pdfgc.avatar import Avatar, Controls, Driver
    from pdfgc.config import ModelConfig
    from pdfgc.tracking import Choice

_CONTROLLED = ("pose", "gaze", "blink", "expression", "lip")


def avatar_of(source: list[Path], weights: str, device: str, face: str | None) -> Avatar:
    """The avatar of images, or of one saved file."""
    from pdfgc.avatar import Avatar

    if len(source) == 1 and source[0].name.endswith(".safetensors"):
        return Avatar.load(source[0], weights=weights, device=device)
    choice = None if face is None else face_of(face)
    return Avatar.from_images(source, weights=weights, device=device, face=choice)


def face_of(text: str) -> Choice:
    """Which face, from its number, its box or `largest`."""
    from pdfgc.tracking import FaceChoice

    if text == "largest":
        return FaceChoice.LARGEST
    if re.fullmatch(r"\d+", text):
        return int(text)
    numbers = numbers_of(text, "--face")
    if len(numbers) != 4:
        raise InputError(
            f'--face is {text!r}; give a number from the left, "LEFT,TOP,RIGHT,BOTTOM" or largest.'
        )
    left, top, right, bottom = numbers
    return left, top, right, bottom


def driver_of(text: str | None, *, degrees: int = 0) -> Driver | None:
    """A driver from its text; the first `degrees` numbers of a value are angles."""
    if text is None or text in ("auto", "keep"):
        return text
    if not re.fullmatch(r"[-+\d.eE,:;\s]+", text) or not re.search(r"\d", text):
        return text

    def value(part: str) -> tuple[float, ...]:
        numbers = numbers_of(part, repr(text))
        return tuple(math.radians(v) if n < degrees else v for n, v in enumerate(numbers))

    if ":" not in text:
        return value(text)
    keyframes = []
    for part in filter(str.strip, text.split(";")):
        moment, _, rest = part.partition(":")
        keyframes.append((numbers_of(moment, repr(text))[0], value(rest)))
    return keyframes


def numbers_of(text: str, what: str) -> tuple[float, ...]:
    """The numbers between commas; `what` names them where they are none."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{what}: {text.strip()!r} is no list of numbers.") from None


def controls_of(strength: str, smooth: str, lip_lead_s: float = 0.0) -> Controls:
    """Controls from what was typed after the options of the same names."""
    from pdfgc.avatar import Control, Controls

    strengths, windows = by_factor(strength, "--strength"), by_factor(smooth, "--smooth")

    def control(factor: str) -> Control:
        return Control(strength=strengths.get(factor), smooth_s=windows.get(factor))

    return Controls(
        pose=control("pose"),
        gaze=control("gaze"),
        blink=control("blink"),
        expression=control("expression"),
        lip=control("lip"),
        lip_lead_s=lip_lead_s,
    )


def by_factor(text: str, option: str) -> dict[str, float]:
    """`pose=0.5,lip=1.2` as a dictionary."""
    found = {}
    for part in filter(str.strip, text.split(",")):
        factor, _, number = (piece.strip() for piece in part.partition("="))
        if factor not in _CONTROLLED:
            raise InputError(
                f"{option}: {part.strip()!r} is not understood; write FACTOR=NUMBER with one of "
                f"{', '.join(_CONTROLLED)}."
            )
        (found[factor],) = numbers_of(number, option)
    return found


def preset_of(name: str) -> ModelConfig:
    """The preset of this name."""
    from pdfgc.config import PRESETS

    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]
