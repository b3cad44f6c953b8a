"""How sharp pictures are, as a whole or at the mouth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.tracking.topology import topology_of

Floats = NDArray[np.float64]

# The mouth's box grows by this share of its width, so that the lips' edges are inside.
_MARGIN = 0.15
_LEAST_PX = 6


def sharpness(picture: NDArray[np.uint8]) -> float:
    """Mean absolute Laplacian of the grey values.

    Args:
        picture: (H, W, 3) uint8 RGB, at least 3 px high and wide.

    Returns:
        At least 0, grey values running from 0 to 1; a flat picture has 0.

    >>> sharpness(np.full((5, 5, 3), 7, np.uint8))
    0.0
    """
    grey = picture.mean(-1) / 255
    middle = 4 * grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.abs(middle - around).mean())


def mouth_sharpness(pictures: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> Floats:
    """Sharpness of the mouth.

    Put it over that of the real frames at the same size: 1 = as sharp. Noise is sharp, too.

    Args:
        pictures: (T, S, S, 3) uint8 RGB.
        landmarks: (T, L, 3); x and y in [-1, 1] inside the picture.

    Returns:
        (T,) float64; NaN where a landmark is NaN or the mouth is outside the picture.
    """
    if len(pictures) != len(landmarks):
        raise ValueError(
            f"expected T pictures and landmarks, given {len(pictures)}, {len(landmarks)}"
        )
    lips = topology_of(landmarks.shape[1]).outer_lips
    side = pictures.shape[1]
    values = np.full(len(pictures), np.nan)
    for frame, (picture, points) in enumerate(zip(pictures, landmarks[:, lips, :2], strict=True)):
        if not np.isfinite(points).all():
            continue
        places = (np.asarray(points, np.float64) + 1) / 2 * side
        low, high = places.min(0), places.max(0)
        margin = max(_MARGIN * (high[0] - low[0]), (_LEAST_PX - (high - low).min()) / 2)
        x0, y0 = np.maximum(np.floor(low - margin), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(high + margin), side).astype(int)
        if x1 - x0 >= 3 and y1 - y0 >= 3:
            values[frame] = sharpness(picture[y0:y1, x0:x1])
    return values
