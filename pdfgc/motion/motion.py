"""`Motion`: the codes of every factor over time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdfgc.errors import InputError
from pdfgc.motion.codes import (
    BLINK,
    EXPRESSION_WIDTH,
    EYE_WIDTH,
    FACTORS,
    GAZE,
    OPENNESS,
    POSE_WIDTH,
)
from pdfgc.motion.rows import averaged, between, mixed, unit


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

    def rows(self, factor: str) -> NDArray[np.float32]:
        """(T, W) codes of pose, gaze, blink (openness and the free values), expression or lip."""
        parts = {"gaze": GAZE, "blink": BLINK}
        codes: NDArray[np.float32] = (
            self.eye[:, parts[factor]] if factor in parts else getattr(self, factor)
        )
        return codes

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
            pose: (6,) or (T, 6), codes of the same model where `own_units` is set.
            expression: (30,) or (T, 30).
            gaze: (2,) or (T, 2), radians relative to the head.
            openness: (2,) or (T, 2), left and right.

        Raises:
            InputError: a shape does not fit, or gaze or openness is given and the codes are in
                units of the model's own.
        """
        if self.own_units and (gaze is not None or openness is not None):
            raise InputError(
                f"Gaze and openness of a motion of model {self.model_id} cannot be set, since the "
                f"units of its codes are not known; give whole eye codes of another of its motions."
            )
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

    def with_rows(self, parts: Mapping[str, NDArray[np.float32]]) -> Motion:
        """The motion with other codes of pose, gaze, blink, expression and lip.

        Args:
            parts: all five, (T, W) as `rows` gives them.
        """
        eye = np.concatenate([parts["gaze"], parts["blink"]], axis=1)
        lip, pose, expression = (parts[name] for name in ("lip", "pose", "expression"))
        return replace(self, lip=lip, eye=eye, pose=pose, expression=expression)

    def _with(self, codes: dict[str, NDArray[np.float32]]) -> Motion:
        rows = {name: codes.get(name, getattr(self, name)) for name in FACTORS}
        return replace(self, **rows)

    def _mixed(self, codes: dict[str, NDArray[np.float32]]) -> Motion:
        """With codes that were mixed, lip codes brought back to unit length."""
        return self._with(codes if self.own_units else codes | {"lip": unit(codes["lip"])})

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
        return replace(self._at(np.arange(frames) * self.fps / fps), fps=fps)

    def stretch(self, times: float) -> Motion:
        """Make a motion last longer or shorter at the same frame rate.

        Args:
            times: 2 lasts twice as long and moves half as fast.

        Raises:
            InputError: `times` is not positive.

        >>> motion = Motion.rest(frames=3, lip=np.ones(4) / 2, expression=np.zeros(30), fps=25,
        ...                      model_id="m").replace(gaze=[(0, 0), (1, 0), (2, 0)])
        >>> motion.stretch(2).gaze[:, 0].tolist()
        [0.0, 0.5, 1.0, 1.5, 2.0, 2.0]
        """
        if not 0 < times < np.inf:
            raise InputError(f"A motion cannot be stretched {times} times; give a number above 0.")
        return self._at(np.arange(max(1, round(len(self) * times))) / times)

    def _at(self, frames: NDArray[np.floating]) -> Motion:
        """The motion at moments between its frames, which are held beyond its ends."""
        return self._mixed({name: between(getattr(self, name), frames) for name in FACTORS})

    def smooth(self, window_s: float) -> Motion:
        """Average every factor over a centred Hann window.

        Args:
            window_s: length of the window (seconds); 0 changes nothing.
        """
        half = round(window_s * self.fps / 2)
        if half < 1:
            return self
        return self._mixed({name: averaged(getattr(self, name), half) for name in FACTORS})

    def mirror(self) -> Motion:
        """The motion seen in a mirror: yaw, roll, x and gaze turn round, the eyes change sides.

        Lip and expression codes are latent and stay as they are; so do the two free values of the
        eyes. A smile on one side therefore stays on its side.

        Raises:
            InputError: pose and eye codes are in units of the model's own.
        """
        if self.own_units:
            raise InputError(
                f"A motion of model {self.model_id} cannot be mirrored, since the units of its "
                f"codes are not known; film the mirrored driver instead."
            )
        pose = self.pose * np.array([-1, 1, -1, -1, 1, 1], np.float32)
        return self.replace(
            pose=pose,
            gaze=self.gaze * np.array([-1, 1], np.float32),
            openness=self.openness[:, ::-1],
        )

    def blend(self, other: Motion, share: ArrayLike) -> Motion:
        """Go over into another motion.

        Args:
            other: of the same length and model; it is brought to this frame rate.
            share: of the other, from 0 to 1: one number, or (T,) one per frame.

        Raises:
            InputError: the motions differ in length or model, or a share is out of range.
        """
        other = other.for_model(self.model_id).resample(self.fps)
        if len(other) != len(self):
            raise InputError(
                f"Motions of {len(self)} and {len(other)} frames cannot be blended; stretch or "
                f"slice one of them."
            )
        shares = self._spread("share", (len(self),), share)
        if not ((shares >= 0) & (shares <= 1)).all():
            raise InputError("A share of a blend is not from 0 to 1; mend it.")
        return self._mixed(
            {name: mixed(getattr(self, name), getattr(other, name), shares) for name in FACTORS}
        )

    def join(self, *others: Motion, fade_s: float = 0.0) -> Motion:
        """Put motions one after the other.

        Args:
            others: of the same model; they are brought to this frame rate.
            fade_s: seconds for which each runs over into the next; the result is that much
                shorter at every seam.

        Raises:
            InputError: the models differ, or a motion is no longer than the fade.
        """
        fade = round(fade_s * self.fps)
        joined = self
        for number, other in enumerate(others, 1):
            following = other.for_model(self.model_id).resample(self.fps)
            if not 0 <= fade < min(len(joined), len(following)):
                raise InputError(
                    f"A fade of {fade_s} s does not fit between motions {number - 1} and {number}; "
                    f"give one shorter than both."
                )
            seam = []
            if fade:
                rise = (np.arange(fade) + 1) / (fade + 1)
                end = joined.slice(len(joined) - fade, len(joined))
                seam = [end.blend(following.slice(0, fade), rise * rise * (3 - 2 * rise))]
            parts = [joined.slice(0, len(joined) - fade), *seam]
            parts += [following.slice(fade, len(following))]
            joined = self._with(
                {name: np.concatenate([getattr(p, name) for p in parts]) for name in FACTORS}
            )
        return joined

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
        from pdfgc.motion.storing import save_motion

        save_motion(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Motion:
        """Read a file that `save` wrote.

        Raises:
            InputError: there is no such file, or it holds no motion.
        """
        from pdfgc.motion.storing import load_motion

        return load_motion(path)

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        thumbnails: Sequence[NDArray[np.uint8]] = (),
    ) -> NDArray[np.uint8]:
        """Draw the codes over time; `Clip.plot` adds the thumbnails by itself.

        Args:
            path: also write the picture here, `.png` or `.jpg`.
            thumbnails: some frames of the clip at equal distances, (H, W, 3) uint8 RGB; each is
                shown above its share of the time.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            InputError: the place cannot be written.
        """
        from pdfgc.motion.picture import draw_motion, write_picture

        picture = draw_motion(self, thumbnails)
        if path is not None:
            write_picture(picture, path)
        return picture
