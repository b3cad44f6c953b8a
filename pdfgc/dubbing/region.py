"""What part of a face is replaced."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from pdfgc.tracking import Topology

# The lips' outline grows by these factors across and along the face, so that a mouth that opens
# further than the one in the video has room.
_LIPS_WIDE, _LIPS_HIGH = 1.5, 1.9
# Width of the soft edge over the longer side of the face.
_FEATHER = {"lips": 0.05, "jaw": 0.06, "face": 0.07}


class Region(Enum):
    """How much of the face follows the new speech."""

    LIPS = "lips"
    """The lips and the skin right around them."""
    JAW = "jaw"
    """The face below the nose, with the chin."""
    FACE = "face"
    """The whole face within its outline."""


def outline_of(
    landmarks: NDArray[np.floating], topology: Topology, region: Region
) -> NDArray[np.float64]:
    """The polygon that a region covers.

    Args:
        landmarks: (L, 2 or more) px.
        topology: their scheme.
        region: which part.

    Returns:
        (N, 2) float64 px, convex, in order.
    """
    points = np.asarray(landmarks, np.float64)[:, :2]
    down = points[topology.jaw].mean(0) - points[topology.brows].mean(0)
    down /= np.linalg.norm(down)
    if region is Region.LIPS:
        lips = points[topology.outer_lips]
        middle = (lips.min(0) + lips.max(0)) / 2
        axes = np.stack([[down[1], -down[0]], down])
        chosen = middle + ((lips - middle) @ axes.T * (_LIPS_WIDE, _LIPS_HIGH)) @ axes
    elif region is Region.JAW:
        below = points @ down >= points[topology.nose].max(0) @ down
        chosen = points[below]
    else:
        chosen = points
    return np.asarray(chosen[ConvexHull(chosen).vertices])


def feather_px(box: NDArray[np.floating], region: Region) -> float:
    """Width of the soft edge for a face with this XYXY box (px)."""
    return max(2.0, _FEATHER[region.value] * float(max(box[2] - box[0], box[3] - box[1])))
