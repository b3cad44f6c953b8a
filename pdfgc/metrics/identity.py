"""Whether two faces are of one person, by the vectors of a face recogniser."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cosine_similarity(first: NDArray[np.floating], second: NDArray[np.floating]) -> Floats:
    """Cosine of the angle between vectors.

    Args:
        first: (..., D) vectors of a recogniser.
        second: (..., D), broadcast against the first.

    Returns:
        (...,) float64 in [-1, 1]; NaN where a vector is zero or NaN.

    >>> float(cosine_similarity(np.array([3.0, 4.0]), np.array([4.0, 3.0])))
    0.96
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(two, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.clip((one * two).sum(-1) / lengths, -1, 1))


def normalised_similarity(cosine: float, impostor: float, genuine: float) -> float:
    """A cosine between another person's level and the person's own.

    Cosines of different recognisers cannot be compared, and some lie near 1 for any two faces;
    where a cosine stands between these two levels can be compared.

    Args:
        cosine: of a made face and the source.
        impostor: of faces of other persons and the source.
        genuine: of other real frames of the person and the source.

    Returns:
        0 = like another person, 1 = like the person; NaN where the levels do not differ.

    >>> round(normalised_similarity(0.95, impostor=0.85, genuine=0.99), 3)
    0.714
    """
    if not genuine > impostor:
        return float("nan")
    return (cosine - impostor) / (genuine - impostor)
