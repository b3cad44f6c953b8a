"""What was typed, as values: avatars, faces, numbers and presets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pdfgc.errors import InputError

if TYPE_CHECKING:
    from pdfgc.avatar import Avatar
    from pdfgc.config import ModelConfig
    from pdfgc.tracking import Choice


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


def numbers_of(text: str, what: str) -> tuple[float, ...]:
    """The numbers between commas; `what` names them where they are none."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{what}: {text.strip()!r} is no list of numbers.") from None


def preset_of(name: str) -> ModelConfig:
    """The preset of this name."""
    from pdfgc.config import PRESETS

    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]
