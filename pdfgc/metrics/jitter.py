"""How much a face trembles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.metrics.landmarks import interocular
from pdfgc.tracking.topology import topology_of


def jitter(landmarks: NDArray[np.floating]) -> float:
    """Mean size of the second difference over time of the points that only the head moves.

    A head that moves evenly has none; one that shakes from frame to frame has much. The real clip
    beside it says what the tracker and the camera add.

    Args:
        landmarks: (T, L, 3) in the coordinates of one crop, consecutive frames.

    Returns:
        Interocular distances per frame squared; NaN for fewer than three frames.
    """
    if len(landmarks) < 3:
        return float("nan")
    rigid = topology_of(landmarks.shape[1]).rigid
    points = np.asarray(landmarks, np.float64)[:, rigid, :2]
    shaking = np.linalg.norm(np.diff(points, n=2, axis=0), axis=-1).mean()
    return float(shaking / np.median(interocular(landmarks)))
