"""What control is measured on: everything that a face can do, as numbers over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pdfgc.evaluation.clips import TestClip
from pdfgc.evaluation.measuring import Measured
from pdfgc.metrics import correlation
from pdfgc.tracking import face_shape_of

CHANNELS = (
    *("yaw", "pitch", "roll", "x", "y", "size", "gaze yaw", "gaze pitch"),
    *("openness", "left lid", "right lid", "mouth", "brow", "corners"),
)
"""What is measured: angles in degrees; place and size of the head in percent of the crop and of
itself; openness of both eyes and of the person's left and right one, 1 = open; gap of the lips over
the interocular distance, height of the brows over the eyes and width of the mouth in head axes
(interocular distances)."""

Signals = dict[str, NDArray[np.float64]]


def channels(seen: Measured, open_eye: NDArray[np.floating]) -> Signals:
    """Everything that control is measured on.

    Args:
        seen: measured frames.
        open_eye: (2,) apertures of the person's open eyes.

    Returns:
        (T,) float64 for each of `CHANNELS`.
    """
    face = face_shape_of(seen.landmarks).astype(np.float64)
    pose = np.asarray(seen.pose, np.float64)
    angles = np.rad2deg(pose[:, :3])
    lids = np.asarray(seen.aperture / np.maximum(open_eye, 0.05), np.float64)
    gaze = np.rad2deg(np.asarray(seen.gaze, np.float64))
    return {
        "yaw": angles[:, 0],
        "pitch": angles[:, 1],
        "roll": angles[:, 2],
        "x": 100 * pose[:, 3],
        "y": 100 * pose[:, 4],
        "size": 100 * pose[:, 5],
        "gaze yaw": gaze[:, 0],
        "gaze pitch": gaze[:, 1],
        "openness": lids.mean(1),
        "left lid": lids[:, 0],
        "right lid": lids[:, 1],
        "mouth": seen.mouth.astype(np.float64),
        "brow": face[:, 0],
        "corners": face[:, 1],
    }


def nature(clips: Sequence[TestClip]) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """How the channels behave on real clips.

    Args:
        clips: real ones.

    Returns:
        The standard deviation of each channel within clips (root mean square over clips), and how
        channels go together: correlations, median over clips.
    """
    signals = [channels(clip.real, clip.real.open_eye()) for clip in clips]
    spread = {
        name: max(float(np.sqrt(np.mean([np.var(each[name]) for each in signals]))), 1e-6)
        for name in CHANNELS
    }
    coupling = {
        name: {
            other: float(np.nanmedian([correlation(each[other], each[name]) for each in signals]))
            for other in CHANNELS
        }
        for name in CHANNELS
    }
    return spread, coupling
