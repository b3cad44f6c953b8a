"""How a factor is given."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar.curve import Curve, Keyframes, Value
from pdfgc.errors import InputError
from pdfgc.motion import Motion

AUTO, KEEP, CAMERA = "auto", "keep", "camera"

File = str | os.PathLike[str]
Driver = File | NDArray[np.generic] | Motion | Curve | Value | Keyframes
"""What can drive a factor.

- the name of a video, an image or a saved motion (`.motion.safetensors`);
- a `Motion`;
- an array: (H, W, 3) uint8 RGB is an image, (T, H, W, 3) uint8 are frames at 25 a second, floats
  are codes at the wanted fps: (T, 6) or (T, 3) for pose, (T, 2) for gaze, (T,), (T, 1) or (T, 2)
  for blink, (T, 30) for expression, (T, D_lip) for lip; also by the name of a `.npy` file;
- `"keep"`: as the source has it;
- `"auto"`: what faces do by themselves: small motion of the head, blinks, jumps of the eyes, the
  source's own expression that ebbs and swells; the lips follow the audio, or rest;
- `"camera"` for gaze: the eyes hold the camera however the head turns;
- for pose, gaze and blink numbers: one value, a list of (seconds, value), a `Curve`, or the name of
  a file of keyframes (`.csv`, `.json`; see `pdfgc.avatar.curve_file`). Pose is (yaw, pitch, roll)
  in radians, or these and x, y, log-scale; gaze is (yaw, pitch) in radians relative to the head;
  blink is the openness of both eyes, or of (left, right): 1 = open as this person has them open,
  0 = closed.
"""

NUMERIC = ("pose", "gaze", "blink")
"""Factors whose codes are numbers with a meaning of their own."""


@dataclass(frozen=True)
class Drivers:
    """The driver of every factor; None where none was given."""

    pose: Driver | None = None
    gaze: Driver | None = None
    blink: Driver | None = None
    expression: Driver | None = None
    lip: Driver | None = None

    def joined(self, videos: Drivers) -> Drivers:
        """These drivers and those that were given as `*_video`.

        Raises:
            InputError: a factor has both.
        """
        for factor in (each.name for each in fields(self)):
            if getattr(self, factor) is not None and getattr(videos, factor) is not None:
                raise InputError(f"Both {factor} and {factor}_video are given; give one of them.")
        return replace(self, **videos.given())

    def given(self) -> dict[str, Driver]:
        """The drivers that were given, by factor."""
        each = {field.name: getattr(self, field.name) for field in fields(self)}
        return {factor: driver for factor, driver in each.items() if driver is not None}
