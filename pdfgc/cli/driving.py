"""What drives each factor, as options that several commands have."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pdfgc.cli.options import Numbers
from pdfgc.cli.parsing import numbers_of
from pdfgc.errors import InputError

if TYPE_CHECKING:
    from pdfgc.avatar import Driver

# Of a value that is typed, the first numbers are angles.
ANGLES = {"pose": 3, "gaze": 2, "blink": 0, "expression": 0, "lip": 0}
_NUMBERS = r"[-+\d.eE,\s]+"
_WORD = re.compile(r"([a-z]+)\s*$")


@Parameter(name="*")
@dataclass(frozen=True)
class Driving:
    """The drivers.

    Attributes:
        pose_video: video that drives the head.
        gaze_video: video that drives the eyes, and the lids unless blink has its own driver.
        blink_video: video that drives the lids.
        expression_video: video that drives the expression.
        lip_video: video that drives the lips, instead of the audio.
        pose: "YAW,PITCH,ROLL" in degrees (right, up and clockwise in the image are positive),
            keyframes "0:0,0,0; 1.5:20,0,0 smooth" (seconds:value and the way there: linear, step,
            smooth, smoother, in, out or overshoot), auto, keep, or a file: video, image, saved
            motion, .npy array, or keyframes in .csv or .json.
        gaze: "YAW,PITCH" in degrees relative to the head, keyframes, camera (the eyes hold the
            camera while the head turns), auto, keep, or a file.
        blink: openness of the eyes from 0 (closed) to 1 (open), or "LEFT,RIGHT" (the person's
            own), keyframes, auto, keep, or a file.
        expression: auto, keep, or a video, image or saved motion.
        lip: auto (the audio, or rest), keep, or a video, image or saved motion.
    """

    pose_video: Path | None = None
    gaze_video: Path | None = None
    blink_video: Path | None = None
    expression_video: Path | None = None
    lip_video: Path | None = None
    pose: Annotated[str | None, Numbers] = None
    gaze: Annotated[str | None, Numbers] = None
    blink: Annotated[str | None, Numbers] = None
    expression: str | None = None
    lip: str | None = None

    def given(self) -> dict[str, Any]:
        """The drivers as `Avatar.animate` and its like take them; none that was not given."""
        typed = {name: driver_of(getattr(self, name), degrees=n) for name, n in ANGLES.items()}
        videos = {f"{name}_video": getattr(self, f"{name}_video") for name in ANGLES}
        return {name: each for name, each in (typed | videos).items() if each is not None}


def driver_of(text: str | None, *, degrees: int = 0) -> Driver | None:
    """A driver from its text; the first `degrees` numbers of a value are angles.

    Raises:
        InputError: the text looks like numbers and is none.
    """
    # Of numbers, of keyframes, or anything else: a word or the name of a file.
    if text is None or not re.fullmatch(_NUMBERS, text):
        return _curve_of(text, degrees) if text and _is_curve(text) else text
    return _value_of(text, text, degrees) if re.search(r"\d", text) else text


def _is_curve(text: str) -> bool:
    keyframe = rf"\s*[-+\d.eE]+\s*:{_NUMBERS}([a-z]+)?\s*"
    return re.fullmatch(rf"{keyframe}(;{keyframe})*;?\s*", text) is not None


def _curve_of(text: str, degrees: int) -> Driver:
    from pdfgc.avatar import Curve, Easing

    times, values, easings = [], [], []
    for part in filter(str.strip, text.split(";")):
        moment, _, rest = part.partition(":")
        word = _WORD.search(rest)
        names = {easing.value: easing for easing in Easing}
        if word and word[1] not in names:
            raise InputError(
                f"{text!r}: {word[1]!r} is no way to a keyframe; choose one of {', '.join(names)}."
            )
        easings.append(names[word[1]] if word else Easing.LINEAR)
        times.append(numbers_of(moment, repr(text))[0])
        values.append(_value_of(rest[: word.start()] if word else rest, text, degrees))
    return Curve(tuple(times), tuple(values), tuple(easings))


def _value_of(part: str, text: str, degrees: int) -> tuple[float, ...]:
    numbers = numbers_of(part, repr(text))
    return tuple(math.radians(v) if n < degrees else v for n, v in enumerate(numbers))
