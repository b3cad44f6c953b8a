"""How far two faces' expressions are apart, whoever they belong to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.metrics.landmarks import interocular
from pdfgc.tracking.measure import fit_head
from pdfgc.tracking.topology import topology_of

Floats = NDArray[np.float64]


def expression_shape(landmarks: NDArray[np.floating]) -> Floats:
    """Brows and outer lips in head axes, against the clip's own median face.

    Taking out the median leaves the change of expression and drops who it is.

    Args:
        landmarks: (T, L, 3) in any coordinates.

    Returns:
        (T, P, 2) float64 in interocular distances; NaN where a landmark is NaN.
    """
    topology = topology_of(landmarks.shape[1])
    head = fit_head(landmarks).head
    points = head[:, np.concatenate([topology.brows, topology.outer_lips])]
    size = np.nanmedian(interocular(head))
    return np.asarray((points - np.nanmedian(points, axis=0))[..., :2] / size)


def expression_distance(landmarks: NDArray[np.floating], reference: NDArray[np.floating]) -> Floats:
    """Mean distance of brows and lips between two moving faces, each against its own median.

    Head pose, place and the shape of the person's face do not count. With a reference of the same
    person it is an error, with another's clip it says whether the expression was followed.

    Args:
        landmarks: (T, L, 3) in any coordinates.
        reference: (T, L, 3) in any coordinates, of the driving clip.

    Returns:
        (T,) float64 in interocular distances.
    """
    if landmarks.shape != reference.shape or landmarks.ndim != 3:
        raise ValueError(f"expected two (T, L, 3), given {landmarks.shape} and {reference.shape}")
    apart = expression_shape(landmarks) - expression_shape(reference)
    return np.asarray(np.linalg.norm(apart, axis=-1).mean(-1))
