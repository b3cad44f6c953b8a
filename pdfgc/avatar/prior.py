"""`"auto"`: what faces do by themselves, the same again for the same seed.

A longer clip begins as a shorter one does, and a part of a clip (from frame `first` on) is the
same as when the whole is made.
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
DOWN_S, CLOSED_S, UP_S = 0.08, 0.04, 0.16
"""Seconds in which the lids of a blink go down, stay down, and come up."""
_DEPTH = (0.85, 1.0)

# Each prior draws from a stream of its own, so that changing one leaves the others.
_POSE_STREAM, _BLINK_STREAM, _GAZE_STREAM, _EXPRESSION_STREAM = 1, 2, 3, 4

# Eyes that attend to one place jump a few degrees about it, more to the side than up and down, in
# 40 ms, rest there for a second or so, and come back every other time.
_MEAN_REST_S, _REST_SPREAD, _LEAST_REST_S, _JUMP_S = 1.1, 0.6, 0.2, 0.04
_GLANCE = (0.06, 0.03)
_BACK_SHARE = 0.5

# An expression ebbs and swells between these shares of itself.
_EXPRESSION_REACH = (0.7, 1.0)
_EXPRESSION_PERIODS_S = (4.0, 15.0)


def natural_pose(n_frames: int, fps: float, seed: int, first: int = 0) -> NDArray[np.float32]:
    """Small, slow movement of a head around its rest, which it starts from.

    Args:
        n_frames: T.
        fps: frames per second.
        seed: of chance.
        first: number of the first frame.

    Returns:
        (T, 6) float32 to be added to a pose.
    """
    times = _times(n_frames, fps, first)
    waves = _waves(times, [seed, _POSE_STREAM], POSE_WIDTH, _PERIODS_S)
    return np.asarray(waves * _SWAY * _eased_in(times)[:, None], np.float32)


def _times(n_frames: int, fps: float, first: int) -> NDArray[np.float64]:
    return np.arange(first, first + n_frames) / fps


def _waves(
    times: NDArray[np.float64], seeds: list[int], width: int, periods_s: tuple[float, float]
) -> NDArray[np.float64]:
    """(T, width) slow movement of unit variance, of waves whose periods lie in a range."""
    rng = np.random.default_rng(seeds)
    low, high = np.log(periods_s)
    periods = np.exp(rng.uniform(low, high, (width, _WAVES)))
    phases = rng.uniform(0, 2 * np.pi, (width, _WAVES))
    # Slow waves are the large ones, as in walks that are drawn back to their middle.
    sizes = np.sqrt(periods)
    sizes /= np.linalg.norm(sizes, axis=1, keepdims=True) / np.sqrt(2)
    waves = np.sin(2 * np.pi * times[:, None, None] / periods + phases)
    return np.asarray((waves * sizes).sum(-1))


def _eased_in(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T,) from 0 to 1 over the first second, so that a clip begins as the source is."""
    ease = np.clip(times / _EASE_IN_S, 0, 1)
    return np.asarray(ease * ease * (3 - 2 * ease))


def natural_blinks(n_frames: int, fps: float, seed: int, first: int = 0) -> NDArray[np.float32]:
    """How far blinking lids are closed.

    Args:
        n_frames: T.
        fps: frames per second.
        seed: of chance.
        first: number of the first frame.

    Returns:
        (T,) float32 from 0 (as open as they were) to 1 (closed).
    """
    rng = np.random.default_rng([seed, _BLINK_STREAM])
    last = first + n_frames
    closed = np.zeros(n_frames)
    at_s = 0.0
    while True:
        gap = _MEAN_GAP_S * np.exp(_GAP_SPREAD * rng.standard_normal() - _GAP_SPREAD**2 / 2)
        at_s += max(_LEAST_GAP_S, float(gap))
        depth = rng.uniform(*_DEPTH)
        if (at_s - DOWN_S) * fps >= last:
            return closed.astype(np.float32)
        begin = max(first, int((at_s - DOWN_S) * fps))
        end = min(last, int((at_s + CLOSED_S + UP_S) * fps) + 2)
        if begin >= end:
            continue
        around = slice(begin - first, end - first)
        after = np.arange(begin, end) / fps - at_s
        down = np.clip(1 + after / DOWN_S, 0, 1)
        up = np.clip(1 - (after - CLOSED_S) / UP_S, 0, 1)
        shape = np.minimum(down, up)
        closed[around] = np.maximum(closed[around], depth * shape * shape * (3 - 2 * shape))


def natural_gaze(n_frames: int, fps: float, seed: int, first: int = 0) -> NDArray[np.float32]:
    """Jumps of eyes that attend to one place, which they start from.

    Args:
        n_frames: T.
        fps: frames per second.
        seed: of chance.
        first: number of the first frame.

    Returns:
        (T, 2) float32 yaw and pitch in radians, to be added to a gaze.
    """
    rng = np.random.default_rng([seed, _GAZE_STREAM])
    here, at_s = np.zeros(2), 0.0
    keys, places = [0.0], [here]
    while at_s * fps < first + n_frames:
        rest = _MEAN_REST_S * np.exp(_REST_SPREAD * rng.standard_normal() - _REST_SPREAD**2 / 2)
        at_s += max(_LEAST_REST_S, float(rest))
        back, glance = rng.uniform() < _BACK_SHARE, rng.standard_normal(2)
        there = np.zeros(2) if back else np.clip(glance, -2, 2) * _GLANCE
        keys += [at_s, at_s + _JUMP_S]
        places += [here, there]
        here = there
    times = _times(n_frames, fps, first)
    lines = [np.interp(times, keys, axis) for axis in np.transpose(places)]
    return np.stack(lines, axis=1).astype(np.float32)


def natural_ebb(n_frames: int, fps: float, seed: int, first: int = 0) -> NDArray[np.float32]:
    """How much of an expression is there while it ebbs and swells.

    Args:
        n_frames: T.
        fps: frames per second.
        seed: of chance.
        first: number of the first frame.

    Returns:
        (T,) float32 strength; it begins at 1.
    """
    times = _times(n_frames, fps, first)
    waves = _waves(times, [seed, _EXPRESSION_STREAM], 1, _EXPRESSION_PERIODS_S)[:, 0]
    low, high = _EXPRESSION_REACH
    # The logistic function keeps what may go beyond a range inside it.
    ebb = low + (high - low) / (1 + np.exp(-2 * waves))
    return np.asarray(1 + (ebb - 1) * _eased_in(times), np.float32)
