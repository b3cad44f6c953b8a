"""`"auto"`: blinks and small head motion as people have them, the same again for the same seed.

A longer clip begins as a shorter one does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.motion import POSE_WIDTH

# Standard deviation of yaw, pitch, roll (rad), x, y (fraction of the crop) and log-scale: what
# remains of a person who talks to the camera and stays in place.
_SWAY = (0.045, 0.028, 0.020, 0.006, 0.004, 0.006)
_WAVES, _PERIODS_S = 6, (1.6, 11.0)
_EASE_IN_S = 1.0

# Spontaneous blinks while talking: about 17 a minute, never closer than a second, the lids down in
# 80 ms and up in 160 ms.
_MEAN_GAP_S, _GAP_SPREAD, _LEAST_GAP_S = 3.4, 0.5, 1.0
_DOWN_S, _CLOSED_S, _UP_S = 0.08, 0.04, 0.16
_DEPTH = (0.85, 1.0)

# The two priors draw from streams of their own, so that changing one leaves the other.
_POSE_STREAM, _BLINK_STREAM = 1, 2


def natural_pose(n_frames: int, fps: float, seed: int) -> NDArray[np.float32]:
    """Small, slow movement of a head around its rest, which it starts from.

    Args:
        n_frames: T.
        fps: frames per second.
        seed: of chance.

    Returns:
        (T, 6) float32 to be added to a pose.
    """
    rng = np.random.default_rng([seed, _POSE_STREAM])
    times = np.arange(n_frames) / fps
    low, high = np.log(_PERIODS_S)
    periods = np.exp(rng.uniform(low, high, (POSE_WIDTH, _WAVES)))
    phases = rng.uniform(0, 2 * np.pi, (POSE_WIDTH, _WAVES))
    # Slow waves are the large ones, as in walks that are drawn back to their middle.
    sizes = np.sqrt(periods)
    sizes /= np.linalg.norm(sizes, axis=1, keepdims=True) / np.sqrt(2)
    waves = np.sin(2 * np.pi * times[:, None, None] / periods + phases)
    ease = np.clip(times / _EASE_IN_S, 0, 1)
    ease = ease * ease * (3 - 2 * ease)
    sway: NDArray[np.float32] = ((waves * sizes).sum(-1) * _SWAY * ease[:, None]).astype(np.float32)
    return sway


def natural_blinks(n_frames: int, fps: float, seed: int) -> NDArray[np.float32]:
    """How far blinking lids are closed.

    Args:
        n_frames: T.
        fps: frames per second.
        seed: of chance.

    Returns:
        (T,) float32 from 0 (as open as they were) to 1 (closed).
    """
    rng = np.random.default_rng([seed, _BLINK_STREAM])
    closed = np.zeros(n_frames)
    at_s = 0.0
    while True:
        gap = _MEAN_GAP_S * np.exp(_GAP_SPREAD * rng.standard_normal() - _GAP_SPREAD**2 / 2)
        at_s += max(_LEAST_GAP_S, float(gap))
        depth = rng.uniform(*_DEPTH)
        if (at_s - _DOWN_S) * fps >= n_frames:
            return closed.astype(np.float32)
        around = slice(
            max(0, int((at_s - _DOWN_S) * fps)), int((at_s + _CLOSED_S + _UP_S) * fps) + 2
        )
        after = np.arange(around.start, min(around.stop, n_frames)) / fps - at_s
        down = np.clip(1 + after / _DOWN_S, 0, 1)
        up = np.clip(1 - (after - _CLOSED_S) / _UP_S, 0, 1)
        shape = np.minimum(down, up)
        closed[around] = np.maximum(closed[around], depth * shape * shape * (3 - 2 * shape))
