"""`Motion`: the codes of every factor over time. Only this file knows their order and width."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdfgc.errors import InputError
from pdfgc.files import writing

if TYPE_CHECKING:
    from torch import Tensor

EYE_WIDTH = 6
"""gaze yaw, gaze pitch (rad, relative to the head), left and right openness, two free values."""
POSE_WIDTH = 6
"""yaw, pitch, roll (rad), x, y (fraction of the crop), log-scale: offsets from the template."""
EXPRESSION_WIDTH = 30

GAZE = slice(0, 2)
OPENNESS = slice(2, 4)
BLINK = slice(2, 6)
ANGLES = slice(0, 3)
PLACE = slice(3, 6)

FACTORS = ("lip", "eye", "pose", "expression")
"""Order of the factors in a joined code."""
_FORMAT = "pdfgc.motion/1"


def code_width(lip_width: int) -> int:
    """Width of one frame's joined code."""
    return lip_width + EYE_WIDTH + POSE_WIDTH + EXPRESSION_WIDTH


def code_scale(lip_width: int) -> tuple[float, ...]:
    """By what each value of a joined code is multiplied so that its spread is about one.

    Angles are small numbers: unscaled, a network learns them last.
    """
    eye = (6.0, 6.0, 3.0, 3.0, 1.0, 1.0)
    pose = (6.0, 6.0, 6.0, 12.0, 12.0, 6.0)
    return (4.0,) * lip_width + eye + pose + (1.0,) * EXPRESSION_WIDTH


@dataclass(frozen=True)
class Codes:
    """One moment's codes of a batch, as tensors of equal leading shape.

    Attributes:
        lip: (..., D_lip) float, L2-normalised.
        eye: (..., 6) float; see `EYE_WIDTH`.
        pose: (..., 6) float; see `POSE_WIDTH`.
        expression: (..., 30) float.
    """

    lip: Tensor
    eye: Tensor
    pose: Tensor
    expression: Tensor

    def join(self) -> Tensor:
        """Join the factors in the order of `FACTORS`: (..., D)."""
        import torch

        return torch.cat([self.lip, self.eye, self.pose, self.expression], dim=-1)


@dataclass(frozen=True)
class Motion:
    """The codes of every factor over `T` frames.

    Attributes:
        lip: (T, D_lip) float32, L2-normalised lip codes.
        eye: (T, 6) float32: gaze yaw and pitch (rad), left and right openness (1 = the person's
            own open eye), two free values.
        pose: (T, 6) float32: yaw, pitch, roll (rad), x, y (fraction of the crop), log-scale.
        expression: (T, 30) float32.
        fps: frames per second.
        model_id: the model that gives lip and expression their meaning.
        own_units: whether that model alone gives gaze, openness and pose their meaning too, as the
            released PD-FGC networks do; lip codes are then of any length.

    Raises:
        InputError: shapes do not fit, a value is not finite, or fps is not positive.

    >>> motion = Motion.rest(frames=3, lip=np.ones(4) / 2, expression=np.zeros(30), fps=25,
    ...                      model_id="m")
    >>> motion.replace(gaze=(0.2, 0.0)).eye[0, :2].tolist()
    [0.20000000298023224, 0.0]
    """

    lip: NDArray[np.float32]
    eye: NDArray[np.float32]
    pose: NDArray[np.float32]
    expression: NDArray[np.float32]
    fps: float
    model_id: str
    own_units: bool = False

    def __post_init__(self) -> None:
        """Check shapes and values."""
        widths = {"eye": EYE_WIDTH, "pose": POSE_WIDTH, "expression": EXPRESSION_WIDTH}
        frames = len(self.lip)
        for name in FACTORS:
            codes = np.asarray(getattr(self, name), dtype=np.float32)
            object.__setattr__(self, name, codes)
            width = widths.get(name, codes.shape[-1])
            if codes.shape != (frames, width):
                raise InputError(
                    f"The {name} codes have shape {codes.shape}, expected {(frames, width)}; "
                    f"give one row per frame."
                )
            if not np.isfinite(codes).all():
                bad = int(np.argwhere(~np.isfinite(codes).all(axis=1))[0, 0])
                raise InputError(f"The {name} code of frame {bad} is not finite; mend that frame.")
        if frames == 0:
            raise InputError("A motion needs at least one frame; give a longer driver.")
        if not self.fps > 0:
            raise InputError(f"fps is {self.fps}; give a positive number.")

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.lip)

    @property
    def gaze(self) -> NDArray[np.float32]:
        """(T, 2) gaze yaw and pitch relative to the head (rad)."""
        return self.eye[:, GAZE]

    @property
    def openness(self) -> NDArray[np.float32]:
        """(T, 2) left and right eye openness, 1 = the person's own open eye."""
        return self.eye[:, OPENNESS]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps

    @classmethod
    def rest(
        cls,
        *,
        frames: int,
        lip: ArrayLike,
        expression: ArrayLike,
        fps: float,
        model_id: str,
    ) -> Motion:
        """A motion that looks ahead with open eyes and does not move.

        Args:
            frames: number of frames.
            lip: (D_lip,) code of the lips at rest.
            expression: (30,) neutral expression.
            fps: frames per second.
            model_id: the model that the lip and expression codes belong to.
        """
        eye = np.array([0, 0, 1, 1, 0, 0], np.float32)
        rows = (np.asarray(lip), eye, np.zeros(POSE_WIDTH), np.asarray(expression))
        lip_t, eye_t, pose_t, expression_t = (
            np.tile(np.asarray(row, np.float32), (frames, 1)) for row in rows
        )
        return cls(lip_t, eye_t, pose_t, expression_t, fps, model_id)

    def replace(
        self,
        *,
        lip: ArrayLike | None = None,
        eye: ArrayLike | None = None,
        pose: ArrayLike | None = None,
        expression: ArrayLike | None = None,
        gaze: ArrayLike | None = None,
        openness: ArrayLike | None = None,
    ) -> Motion:
        """Give a motion with some factors changed; the others stay as they are.

        Args:
            lip: (D_lip,) or (T, D_lip).
            eye: (6,) or (T, 6).
            pose: (6,) or (T, 6).
            expression: (30,) or (T, 30).
            gaze: (2,) or (T, 2), radians relative to the head.
            openness: (2,) or (T, 2), left and right.

        Raises:
            InputError: a shape does not fit.
        """
        given = {"lip": lip, "eye": eye, "pose": pose, "expression": expression}
        changed = {
            name: self._spread(name, getattr(self, name).shape, codes)
            for name, codes in given.items()
            if codes is not None
        }
        for part, codes in ((GAZE, gaze), (OPENNESS, openness)):
            if codes is not None:
                rows = changed.get("eye", self.eye).copy()
                rows[:, part] = self._spread("gaze or openness", rows[:, part].shape, codes)
                changed["eye"] = rows
        return self._with(changed)

    def _with(self, codes: dict[str, NDArray[np.float32]]) -> Motion:
        rows = {name: codes.get(name, getattr(self, name)) for name in FACTORS}
        return replace(self, **rows)

    @staticmethod
    def _spread(name: str, shape: tuple[int, ...], codes: ArrayLike) -> NDArray[np.float32]:
        given = np.asarray(codes, np.float32)
        try:
            return np.broadcast_to(given, shape).copy()
        except ValueError as error:
            raise InputError(
                f"The {name} codes have shape {given.shape}, expected {shape} or {shape[1:]}."
            ) from error

    def slice(self, start: int, stop: int) -> Motion:
        """The frames from `start` up to, without, `stop`."""
        return replace(self, **{name: getattr(self, name)[start:stop] for name in FACTORS})

    def take(self, frames: Sequence[int] | NDArray[np.int64]) -> Motion:
        """The given frames, in the given order."""
        rows = np.asarray(frames, np.int64)
        return replace(self, **{name: getattr(self, name)[rows] for name in FACTORS})

    def resample(self, fps: float) -> Motion:
        """Change the frame rate, interpolating linearly in time.

        Args:
            fps: new frames per second.

        Raises:
            InputError: fps is not positive.
        """
        if not fps > 0:
            raise InputError(f"fps is {fps}; give a positive number.")
        if fps == self.fps:
            return self
        frames = max(1, round(len(self) * fps / self.fps))
        at = np.clip(np.arange(frames) * self.fps / fps, 0, len(self) - 1)
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, len(self) - 1)
        share = (at - low)[:, None].astype(np.float32)
        mixed = {
            name: getattr(self, name)[low] * (1 - share) + getattr(self, name)[high] * share
            for name in FACTORS
        }
        if not self.own_units:
            mixed["lip"] = _normalise(mixed["lip"])
        return replace(self, fps=fps, **mixed)

    def smooth(self, window_s: float) -> Motion:
        """Average every factor over a centred Hann window.

        Args:
            window_s: length of the window (seconds); 0 changes nothing.
        """
        half = round(window_s * self.fps / 2)
        if half < 1:
            return self
        weights = np.hanning(2 * half + 3)[1:-1]
        weights /= weights.sum()
        smoothed = {}
        for name in FACTORS:
            padded = np.pad(getattr(self, name), ((half, half), (0, 0)), mode="edge")
            columns = [np.convolve(column, weights, mode="valid") for column in padded.T]
            smoothed[name] = np.stack(columns, axis=1).astype(np.float32)
        if not self.own_units:
            smoothed["lip"] = _normalise(smoothed["lip"])
        return self._with(smoothed)

    def for_model(self, model_id: str) -> Motion:
        """Check that the lip and expression codes belong to a model.

        Raises:
            InputError: they belong to another one.
        """
        if model_id != self.model_id:
            which = "codes" if self.own_units else "lip and expression codes"
            raise InputError(
                f"This motion was made with model {self.model_id}, not {model_id}: its {which} "
                f"mean nothing here; make it again from its drivers."
            )
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `.motion.safetensors` file.

        Raises:
            InputError: the place cannot be written.
        """
        from safetensors.numpy import save

        head = {"format": _FORMAT, "fps": repr(float(self.fps)), "model_id": self.model_id}
        head |= {"own_units": "true"} if self.own_units else {}
        rows = {name: np.ascontiguousarray(getattr(self, name)) for name in FACTORS}
        with writing(path) as partial:
            # Written by Python, so that a full disk is an OSError like everywhere.
            partial.write_bytes(save(rows, metadata={"pdfgc": json.dumps(head)}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Motion:
        """Read a file that `save` wrote.

        Raises:
            InputError: there is no such file, or it holds no motion.
        """
        from safetensors import SafetensorError, safe_open

        if not Path(path).is_file():
            raise InputError(f"{path}: there is no such motion file; check the name.")
        try:
            with safe_open(str(path), framework="numpy") as file:
                head = json.loads((file.metadata() or {}).get("pdfgc", "{}"))
                if head.get("format") != _FORMAT:
                    raise InputError(f"{path}: holds no pdfgc motion; give a .motion.safetensors.")
                rows = {name: file.get_tensor(name) for name in FACTORS}
        except (SafetensorError, json.JSONDecodeError) as error:
            raise InputError(
                f"{path}: is no readable motion file ({error}); make it again."
            ) from error
        own_units = head.get("own_units") == "true"
        return cls(**rows, fps=float(head["fps"]), model_id=head["model_id"], own_units=own_units)


def _normalise(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(codes, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (codes / np.maximum(length, 1e-6)).astype(np.float32)
    return unit
