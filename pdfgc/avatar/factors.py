"""What a driver makes of its factor, before strength, smoothing and offset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar.controls import Controls
from pdfgc.avatar.curve import Curve
from pdfgc.avatar.drivers import AUTO, CAMERA
from pdfgc.avatar.look import look_at_camera
from pdfgc.avatar.playing import against, played
from pdfgc.avatar.prior import natural_blinks, natural_ebb, natural_gaze, natural_pose
from pdfgc.avatar.resolving import Given, Played, Resolved
from pdfgc.motion import ANGLES, OPENNESS, PLACE, Motion

Rows = NDArray[np.float32]


class FactorRows:
    """The codes of each factor over the frames of one clip.

    Args:
        source: the source's own codes; the first frame counts.
        free: (2,) free eye values where openness is a number.
        rest_expression: (30,) the learned neutral.
        controls: what is relative.
        n_frames: T.
        fps: frames per second.
        seed: of what is `"auto"`.
        first: number of the first frame.
        median_frames: how many frames of a clip count for the median that it is relative to; all
            of them by default, and a second in streams.
    """

    def __init__(
        self,
        source: Motion,
        free: Rows,
        rest_expression: Rows,
        controls: Controls,
        *,
        n_frames: int,
        fps: float,
        seed: int,
        first: int = 0,
        median_frames: int | None = None,
    ) -> None:
        self.source, self.free, self.rest_expression = source, free, rest_expression
        self.first, self.median_frames = first, median_frames
        self.controls, self.n_frames, self.fps, self.seed = controls, n_frames, fps, seed

    def kept(self, factor: str) -> Rows:
        """(T, W) as the source has it."""
        return np.repeat(self.source.rows(factor)[:1], self.n_frames, axis=0)

    def pose(self, driver: Resolved) -> Rows:
        """(T, 6)."""
        rows = self.kept("pose")
        if isinstance(driver, str):
            auto = driver == AUTO
            return rows + natural_pose(*self._chance) if auto else rows
        if isinstance(driver, Played):
            own, codes = self.source.pose[0], driver.motion.pose
            relative = ((ANGLES, self.controls.relative_angles),
                        (PLACE, self.controls.relative_place))  # fmt: skip
            for part, is_relative in relative:
                rows[:, part] = self._against(own[part], codes[:, part], relative=is_relative)
            return rows
        numbers = self._numbers(driver)
        rows[:, : numbers.shape[1]] = numbers
        return rows

    def gaze(self, driver: Resolved, pose: Rows) -> Rows:
        """(T, 2); the finished pose is what eyes that hold the camera make up for."""
        rows = self.kept("gaze")
        if isinstance(driver, str):
            if driver == CAMERA:
                return look_at_camera(pose)
            auto = driver == AUTO
            return rows + natural_gaze(*self._chance) if auto else rows
        if isinstance(driver, Played):
            relative = self.controls.relative_gaze
            return self._against(rows[0], driver.motion.gaze, relative=relative)
        return self._numbers(driver)

    def blink(self, driver: Resolved) -> Rows:
        """(T, 4) openness and free values."""
        rows = self.kept("blink")
        if isinstance(driver, str):
            if driver == AUTO:
                closed = natural_blinks(*self._chance)[:, None]
                # Closed lids are no longer the source's open ones in any respect.
                rows += closed * (np.array([0, 0, *self.free], np.float32) - rows)
            return rows
        if isinstance(driver, Played):
            relative = self.controls.relative_openness and not driver.still
            openness = driver.motion.openness
            rows[:, :2] = self._against(rows[0, :2], openness, relative=relative)
            rows[:, 2:] = self._played(driver.motion.eye[:, OPENNESS.stop :])
            return rows
        rows[:, :2] = self._numbers(driver)
        rows[:, 2:] = self.free
        return rows

    def expression(self, driver: Resolved) -> Rows:
        """(T, 30)."""
        own = self.kept("expression")
        if isinstance(driver, Played):
            codes, moves = driver.motion.expression, not driver.still
            relative = self.controls.relative_expression and moves
            rows = self._against(own[0], codes, relative=relative).copy()
            if self.controls.relative_brows and moves:
                rows[:, :1] = self._against(own[0, :1], codes[:, :1], relative=True)
            return rows
        if driver == AUTO:
            ebb = natural_ebb(*self._chance)[:, None]
            return np.asarray(self.rest_expression + ebb * (own - self.rest_expression), np.float32)
        return own if isinstance(driver, str) else self._numbers(driver)

    def lip(self, driver: Resolved) -> Rows:
        """(T, D_lip)."""
        if isinstance(driver, Played):
            return self._played(driver.motion.lip)
        return self.kept("lip") if isinstance(driver, str) else self._numbers(driver)

    def _numbers(self, driver: Given | Curve) -> Rows:
        if isinstance(driver, Curve):
            return driver.at(np.arange(self.first, self.first + self.n_frames) / self.fps)
        return self._played(driver.rows)

    def _played(self, rows: Rows) -> Rows:
        return played(rows, self.n_frames, self.first)

    def _against(self, own: Rows, rows: Rows, *, relative: bool) -> Rows:
        return against(own, rows[: self.median_frames], self._played(rows), relative=relative)

    @property
    def _chance(self) -> tuple[int, float, int, int]:
        """What the natural motions take."""
        return self.n_frames, self.fps, self.seed, self.first
