"""How a factor is given, and how all of them become one `Motion`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, fields, replace
from math import ceil
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar.controls import Control, Controls, Progress
from pdfgc.avatar.curve import Curve, Keyframes, Value
from pdfgc.avatar.encoding import CodeReader
from pdfgc.avatar.prior import natural_blinks, natural_pose
from pdfgc.errors import InputError
from pdfgc.media import VideoFrame
from pdfgc.motion import (
    ANGLES,
    BLINK,
    EXPRESSION_WIDTH,
    EYE_WIDTH,
    GAZE,
    OPENNESS,
    PLACE,
    POSE_WIDTH,
    Motion,
)
from pdfgc.tracking import track_image

AUTO, KEEP = "auto", "keep"

File = str | os.PathLike[str]
Driver = File | NDArray[np.generic] | Motion | Curve | Value | Keyframes
"""What can drive a factor.

- the name of a video, an image or a saved motion (`.motion.safetensors`);
- a `Motion`;
- an array: (H, W, 3) uint8 RGB is an image, (T, H, W, 3) uint8 are frames at 25 a second, floats
  are codes at the wanted fps: (T, 6) or (T, 3) for pose, (T, 2) for gaze, (T,), (T, 1) or (T, 2)
  for blink, (T, 30) for expression, (T, D_lip) for lip;
- `"keep"`: as the source has it; for pose and blink also `"auto"`: small natural motion;
- for pose, gaze and blink numbers: one value, a list of (seconds, value), or a `Curve`. Pose is
  (yaw, pitch, roll) in radians, or these and x, y, log-scale; gaze is (yaw, pitch) in radians
  relative to the head; blink is the openness of both eyes, or of (left, right): 1 = open as this
  person has them open, 0 = closed.
"""

DEFAULT_DURATION_S = 4.0
"""Length of a clip in which nothing has a length of its own."""

# Codes whose meaning only their own model knows, and the widths that arrays of numbers may have.
_LATENT = ("expression", "lip")
_WIDTHS = {
    "pose": (POSE_WIDTH, 3),
    "gaze": (2,),
    "blink": (1, 2),
    "expression": (EXPRESSION_WIDTH,),
}
NUMERIC = ("pose", "gaze", "blink")
_MOST_OPEN = 2.0
_ON_SPHERE = 0.5  # length of a rest code beyond which it is taken as one of length 1


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
        given = {f.name: getattr(videos, f.name) for f in fields(self)}
        return replace(self, **{name: each for name, each in given.items() if each is not None})


@dataclass(frozen=True)
class _Played:
    """Codes of a clip or an image.

    Attributes:
        motion: the codes.
        fresh: whether they were just read off pictures, and no strength has acted on them.
    """

    motion: Motion
    fresh: bool = False

    @property
    def still(self) -> bool:
        return len(self.motion) == 1


@dataclass(frozen=True)
class Given:
    """Numbers per frame, (n, W)."""

    rows: NDArray[np.float32]


Resolved = _Played | Given | Curve | str


class Composer:
    """Makes the motion of one clip from its drivers.

    Args:
        reader: reads codes off files.
        source: the source's own codes; the first frame counts.
        fps: of the result.
        seed: of what is `"auto"`.
        controls: strength, offset and the like.
        progress: called while files are read.
    """

    defaults: ClassVar[dict[str, str]] = {
        "pose": AUTO,
        "blink": AUTO,
        "gaze": KEEP,
        "expression": KEEP,
    }
    """What drives a factor that has no driver."""

    def __init__(
        self,
        reader: CodeReader,
        source: Motion,
        *,
        fps: float,
        seed: int,
        controls: Controls,
        progress: Progress | None,
    ) -> None:
        if not 0 < fps <= 1000:
            raise InputError(f"fps is {fps}; give a number above 0 and at most 1000.")
        self.reader, self.source, self.fps, self.seed = reader, source, fps, seed
        self.controls, self.progress = controls, progress
        model = reader.loaded.model
        self._free = model.free_eye.cpu().numpy()
        self._rest = {
            "expression": model.rest_expression.cpu().numpy(),
            "lip": model.rest_lip.cpu().numpy(),
        }

    def compose(
        self,
        drivers: Drivers,
        base: Motion | None,
        waveform: NDArray[np.floating] | None,
        duration_s: float | None,
    ) -> Motion:
        """Put the factors together.

        Args:
            drivers: what was given.
            base: a whole motion, for the factors that have no driver.
            waveform: (N,) speech at the model's sample rate; sets the length, and the lips where
                they have no driver.
            duration_s: length where there is no speech.

        Returns:
            The motion at `fps`, with the model's id.

        Raises:
            InputError: a driver cannot be used.
        """
        given = {f.name: getattr(drivers, f.name) for f in fields(drivers)}
        found: dict[str, Resolved] = {
            name: self._resolved(name, driver)
            for name, driver in given.items()
            if driver is not None
        }
        # A clip that moves the eyes moves the lids too.
        gaze = found.get("gaze")
        if isinstance(gaze, _Played) and "blink" not in found:
            found["blink"] = gaze
        if base is not None:
            base = self._usable(base, _LATENT).resample(self.fps)
        n_frames = self._length([*found.values(), *([_Played(base)] if base else [])],
                                waveform, duration_s)  # fmt: skip
        speech = None
        if waveform is not None and "lip" not in found:
            speech = self._speech(waveform, n_frames)
        whole = base.take(to_and_fro(len(base), n_frames)) if base else None
        return self._joined(found, whole, speech, n_frames)

    def _joined(
        self,
        found: dict[str, Resolved],
        base: Motion | None,
        speech: NDArray[np.float32] | None,
        n_frames: int,
    ) -> Motion:
        eye = np.empty((n_frames, EYE_WIDTH), np.float32)
        rows: dict[str, NDArray[np.float32]] = {}
        fresh = {name for name, each in found.items() if isinstance(each, _Played) and each.fresh}
        fresh |= {"lip"} if speech is not None else set()
        makers: dict[str, Callable[[Resolved, int], NDArray[np.float32]]] = {
            "pose": self._pose,
            "gaze": self._gaze,
            "blink": self._blink,
            "expression": self._latent("expression"),
            "lip": self._latent("lip"),
        }
        for factor, make in makers.items():
            if factor in found:
                rows[factor] = make(found[factor], n_frames)
            elif factor == "lip" and speech is not None:
                rows[factor] = speech
            elif base is not None:
                rows[factor] = _factor(base, factor)
            elif factor == "lip":
                rows[factor] = np.repeat(self._rest["lip"][None], n_frames, axis=0)
            else:
                rows[factor] = make(self.defaults[factor], n_frames)
            strength = self._control(factor).strength
            if strength is None:
                strength = self._default_strength(factor) if factor in fresh else 1.0
            rows[factor] = self._strengthened(factor, rows[factor], strength)
        eye[:, GAZE], eye[:, BLINK] = rows["gaze"], rows["blink"]
        motion = Motion(
            lip=rows["lip"],
            eye=eye,
            pose=rows["pose"],
            expression=rows["expression"],
            fps=self.fps,
            model_id=self.reader.loaded.model_id,
            own_units=self.source.own_units,
        )
        return self._finished(motion, fresh)

    def _default_strength(self, factor: str) -> float:
        """Of codes that were just read."""
        del factor
        return 1.0

    def _rest_of(self, factor: str) -> NDArray[np.float32]:
        """(W,) code of a factor at strength 0."""
        rest = self._rest.get(factor)
        return _factor(self.source, factor)[0] if rest is None else rest

    def _strengthened(
        self, factor: str, rows: NDArray[np.float32], strength: float
    ) -> NDArray[np.float32]:
        if strength == 1:
            return rows
        rest = self._rest_of(factor)
        moved = np.asarray(rest + strength * (rows - rest), np.float32)
        # Lip codes lie on a sphere, where the model's rest does.
        on_sphere = factor == "lip" and np.linalg.norm(rest) > _ON_SPHERE
        return _unit(moved) if on_sphere else moved

    def _smoothed(self, factor: str, motion: Motion, *, fresh: bool) -> NDArray[np.float32]:
        """(T, W) codes of one factor, averaged as its control says."""
        del fresh
        smooth_s = self._control(factor).smooth_s
        return _factor(motion.smooth(smooth_s) if smooth_s else motion, factor)

    def _finished(self, motion: Motion, fresh: Set[str]) -> Motion:
        """Smooth, shift, and keep the eyes' openness within what eyes can do."""
        parts: dict[str, NDArray[np.float32]] = {}
        for factor in ("pose", "gaze", "blink", "expression", "lip"):
            control = self._control(factor)
            rows = self._smoothed(factor, motion, fresh=factor in fresh).copy()
            if control.offset:
                shift = np.asarray(control.offset, np.float32)
                width = 2 if factor == "blink" else len(shift)
                rows[:, :width] += shift
            parts[factor] = rows
        eye = np.concatenate([parts["gaze"], parts["blink"]], axis=1)
        if not motion.own_units:
            own = self.source.openness[0]
            low, high = np.minimum(own, 0), np.maximum(own, _MOST_OPEN)
            eye[:, OPENNESS] = np.clip(eye[:, OPENNESS], low, high)
        return motion.replace(
            lip=parts["lip"], eye=eye, pose=parts["pose"], expression=parts["expression"]
        )

    def _control(self, factor: str) -> Control:
        control: Control = getattr(self.controls, factor)
        return control

    # What was given -------------------------------------------------------------------------

    def _resolved(self, factor: str, driver: Driver) -> Resolved:
        if isinstance(driver, str) and driver in (AUTO, KEEP):
            if driver == AUTO and factor not in ("pose", "blink"):
                raise InputError(f"There is no auto {factor}; only pose and blink have it.")
            return driver
        if isinstance(driver, Motion):
            return self._played(factor, driver)
        if isinstance(driver, str | os.PathLike):
            fresh = Path(driver).suffix.lower() != ".safetensors"
            return self._played(factor, self._file(driver), fresh=fresh)
        if isinstance(driver, np.ndarray):
            return self._array(factor, driver)
        if factor not in NUMERIC:
            raise InputError(
                f"{factor} cannot be given as numbers; give a video, an image, a saved motion or "
                f"keep."
            )
        curve = driver if isinstance(driver, Curve) else Curve.of(driver)
        if curve.width not in _WIDTHS[factor]:
            wanted = " or ".join(str(width) for width in sorted(_WIDTHS[factor]))
            raise InputError(f"{factor} takes {wanted} numbers, {curve.width} were given.")
        return curve

    def _played(self, factor: str, motion: Motion, *, fresh: bool = False) -> _Played:
        latent = (factor,) if factor in _LATENT else ()
        return _Played(self._usable(motion, latent).resample(self.fps), fresh)

    def _usable(self, motion: Motion, latent: Iterable[str]) -> Motion:
        """Refuse another model's latent codes; its free eye values are replaced by the mean."""
        model_id = self.reader.loaded.model_id
        if motion.model_id == model_id:
            return motion
        if latent or motion.own_units or self.source.own_units:
            motion.for_model(model_id)
        eye = motion.eye.copy()
        eye[:, OPENNESS.stop :] = self._free
        return motion.replace(eye=eye)

    def _file(self, path: File) -> Motion:
        if Path(path).suffix.lower() == ".safetensors":
            return Motion.load(path)
        return self.reader.file(path, self.progress)

    def _array(self, factor: str, array: NDArray[np.generic]) -> Resolved:
        if array.dtype == np.uint8 and array.ndim in (3, 4) and array.shape[-1] == 3:
            pictures = array.astype(np.uint8, copy=False)
            if array.ndim == 3:
                track = track_image(
                    pictures, backend=self.reader.backend, name=f"the {factor} image"
                )
                codes = self.reader.images([pictures], self.reader.crops(track))
                return self._played(factor, codes, fresh=True)
            fps = self.reader.fps
            motion = self.reader.clip(
                lambda: (VideoFrame(each, n / fps, n) for n, each in enumerate(pictures)),
                f"the {factor} frames",
                len(pictures),
                self.progress,
            )
            return self._played(factor, motion, fresh=True)
        if array.dtype.kind in "fiu" and array.size:
            rows = array.astype(np.float32)
            if rows.ndim == 1 and factor == "blink":
                rows = rows[:, None]
            widths = _WIDTHS.get(factor, (len(self._rest["lip"]),))
            if rows.ndim == 2 and rows.shape[1] in widths:
                if not np.isfinite(rows).all():
                    bad = int(np.argwhere(~np.isfinite(rows).all(1))[0, 0])
                    raise InputError(f"The {factor} array is not finite in frame {bad}; mend it.")
                return Given(rows)
        raise InputError(
            f"The {factor} array is {array.dtype} {array.shape}; give (H, W, 3) or (T, H, W, 3) "
            f"uint8 RGB, or codes of one row per frame."
        )

    def _length(
        self,
        found: list[Resolved],
        waveform: NDArray[np.floating] | None,
        duration_s: float | None,
    ) -> int:
        """Frames of the result."""
        if waveform is not None:
            if duration_s is not None:
                raise InputError("The audio sets the length; give duration_s or audio, not both.")
            rate = self.reader.loaded.model.config.audio.sample_rate
            return max(1, ceil(len(waveform) * self.fps / rate - 1e-6))
        if duration_s is not None:
            if not 0 < duration_s < 86_400:
                raise InputError(f"duration_s is {duration_s}; give seconds above 0.")
            return max(1, round(duration_s * self.fps))
        lengths = [len(each.motion) for each in found if isinstance(each, _Played)]
        lengths += [len(each.rows) for each in found if isinstance(each, Given)]
        curves = [each.duration_s for each in found if isinstance(each, Curve)]
        lengths += [ceil(each * self.fps - 1e-6) + 1 for each in curves if each > 0]
        longest = max(lengths, default=1)
        return longest if longest > 1 else max(1, round(DEFAULT_DURATION_S * self.fps))

    def _speech(self, waveform: NDArray[np.floating], n_frames: int) -> NDArray[np.float32]:
        lip = self.reader.speech(waveform, self.progress)
        if self.fps != self.reader.fps:
            whole = self.source.take(np.zeros(len(lip), np.int64)).replace(lip=lip)
            lip = whole.resample(self.fps).lip
        lead = round(self.controls.lip_lead_s * self.fps)
        return lip[np.clip(np.arange(n_frames) + lead, 0, len(lip) - 1)]

    # The factors' rows ------------------------------------------------------------------------

    def _pose(self, driver: Resolved, n_frames: int) -> NDArray[np.float32]:
        own = self.source.pose[0]
        rows = np.repeat(own[None], n_frames, axis=0)
        if isinstance(driver, str):
            return rows + natural_pose(n_frames, self.fps, self.seed) if driver == AUTO else rows
        if isinstance(driver, _Played):
            relative = ((ANGLES, self.controls.relative_angles),
                        (PLACE, self.controls.relative_place))  # fmt: skip
            codes = driver.motion.pose
            for part, is_relative in relative:
                rows[:, part] = _against(own[part], codes[:, part], n_frames, relative=is_relative)
            return rows
        numbers = self._numbers(driver, n_frames)
        rows[:, : numbers.shape[1]] = numbers
        return rows

    def _gaze(self, driver: Resolved, n_frames: int) -> NDArray[np.float32]:
        own = self.source.gaze[0]
        if isinstance(driver, str):
            return np.repeat(own[None], n_frames, axis=0)
        if isinstance(driver, _Played):
            relative = self.controls.relative_gaze
            return _against(own, driver.motion.gaze, n_frames, relative=relative)
        return self._numbers(driver, n_frames)

    def _blink(self, driver: Resolved, n_frames: int) -> NDArray[np.float32]:
        own = self.source.eye[0, BLINK]
        rows = np.repeat(own[None], n_frames, axis=0)
        if isinstance(driver, str):
            if driver == AUTO:
                closed = natural_blinks(n_frames, self.fps, self.seed)[:, None]
                # Closed lids are no longer the source's open ones in any respect.
                rows += closed * (np.array([0, 0, *self._free], np.float32) - rows)
            return rows
        if isinstance(driver, _Played):
            relative = self.controls.relative_openness and not driver.still
            openness = driver.motion.openness
            rows[:, :2] = _against(own[:2], openness, n_frames, relative=relative)
            rows[:, 2:] = _at(driver.motion.eye[:, OPENNESS.stop :], n_frames)
            return rows
        rows[:, :2] = self._numbers(driver, n_frames)
        rows[:, 2:] = self._free
        return rows

    def _latent(self, factor: str) -> Callable[[Resolved, int], NDArray[np.float32]]:
        def rows(driver: Resolved, n_frames: int) -> NDArray[np.float32]:
            if isinstance(driver, _Played):
                return _at(_factor(driver.motion, factor), n_frames)
            if isinstance(driver, Given):
                return _at(driver.rows, n_frames)
            return _at(_factor(self.source, factor)[:1], n_frames)

        return rows

    def _numbers(self, driver: Given | Curve, n_frames: int) -> NDArray[np.float32]:
        if isinstance(driver, Curve):
            return driver.at(np.arange(n_frames) / self.fps)
        return _at(driver.rows, n_frames)


def to_and_fro(n: int, n_frames: int) -> NDArray[np.int64]:
    """Frames of a clip of `n` frames that is played to and fro for `n_frames`: (n_frames,) int64.

    >>> to_and_fro(3, 7).tolist()
    [0, 1, 2, 1, 0, 1, 2]
    """
    if n == 1:
        return np.zeros(n_frames, np.int64)
    at = np.arange(n_frames) % (2 * n - 2)
    return np.minimum(at, 2 * n - 2 - at)


def _factor(motion: Motion, factor: str) -> NDArray[np.float32]:
    """(T, W) codes of a factor, gaze and blink being parts of the eye code."""
    parts = {"gaze": GAZE, "blink": BLINK}
    rows: NDArray[np.float32] = (
        motion.eye[:, parts[factor]] if factor in parts else getattr(motion, factor)
    )
    return rows


def _at(rows: NDArray[np.float32], n_frames: int) -> NDArray[np.float32]:
    return rows[to_and_fro(len(rows), n_frames)]


def _against(
    own: NDArray[np.float32], rows: NDArray[np.float32], n_frames: int, *, relative: bool
) -> NDArray[np.float32]:
    """The driver's rows as they are, or what they differ from their median, put on the source."""
    played = _at(rows, n_frames)
    return np.asarray(own + played - np.median(rows, axis=0) if relative else played, np.float32)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-6), np.float32)
