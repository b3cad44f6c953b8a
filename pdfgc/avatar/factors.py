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
    ) -> None:
        self.source, self.free, self.rest_expression = source, free, rest_expression
        self.controls, self.n_frames, self.fps, self.seed = controls, n_frames, fps, seed

    def kept(self, factor: str) -> Rows:
        """(T, W) as the source has it."""
        return np.repeat(self.source.rows(factor)[:1], self.n_frames, axis=0)

    def pose(self, driver: Resolved) -> Rows:
        """(T, 6)."""
        rows = self.kept("pose")
        if isinstance(driver, str):
            auto = driver == AUTO
            return rows + natural_pose(self.n_frames, self.fps, self.seed) if auto else rows
        if isinstance(driver, Played):
            own, codes = self.source.pose[0], driver.motion.pose
            relative = ((ANGLES, self.controls.relative_angles),
                        (PLACE, self.controls.relative_place))  # fmt: skip
            for part, is_relative in relative:
                rows[:, part] = against(
                    own[part], codes[:, part], self.n_frames, relative=is_relative
                )
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
            return rows + natural_gaze(self.n_frames, self.fps, self.seed) if auto else rows
        if isinstance(driver, Played):
            relative = self.controls.relative_gaze
            return against(rows[0], driver.motion.gaze, self.n_frames, relative=relative)
        return self._numbers(driver)

    def blink(self, driver: Resolved) -> Rows:
        """(T, 4) openness and free values."""
        rows = self.kept("blink")
        if isinstance(driver, str):
            if driver == AUTO:
                closed = natural_blinks(self.n_frames, self.fps, self.seed)[:, None]
                # Closed lids are no longer the source's open ones in any respect.
                rows += closed * (np.array([0, 0, *self.free], np.float32) - rows)
            return rows
        if isinstance(driver, Played):
            relative = self.controls.relative_openness and not driver.still
            openness = driver.motion.openness
            rows[:, :2] = against(rows[0, :2], openness, self.n_frames, relative=relative)
            rows[:, 2:] = played(driver.motion.eye[:, OPENNESS.stop :], self.n_frames)
            return rows
        rows[:, :2] = self._numbers(driver)
        rows[:, 2:] = self.free
        return rows

    def expression(self, driver: Resolved) -> Rows:
        """(T, 30)."""
        own = self.kept("expression")
        if isinstance(driver, Played):
            relative = self.controls.relative_expression and not driver.still
            rows = driver.motion.expression
            return against(own[0], rows, self.n_frames, relative=relative)
        if driver == AUTO:
            ebb = natural_ebb(self.n_frames, self.fps, self.seed)[:, None]
            return np.asarray(self.rest_expression + ebb * (own - self.rest_expression), np.float32)
        return own if isinstance(driver, str) else self._numbers(driver)

    def lip(self, driver: Resolved) -> Rows:
        """(T, D_lip)."""
        if isinstance(driver, Played):
            return played(driver.motion.lip, self.n_frames)
        return self.kept("lip") if isinstance(driver, str) else self._numbers(driver)

    def _numbers(self, driver: Given | Curve) -> Rows:
        if isinstance(driver, Curve):
            return driver.at(np.arange(self.n_frames) / self.fps)
        return played(driver.rows, self.n_frames)
