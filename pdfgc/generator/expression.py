"""How brows and the corners of the mouth move on the head's surface, given how far they should."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from torch import Tensor, nn
from torch.nn import functional as F

# Where places x, y on one half of the mean face go when a mouth is drawn apart by 1: mean
# slopes of landmarks on its width, apart from those on its opening, within 531 clips of the
# training persons. Corners rise nearly as far as they go outward, lower lip and chin follow.
_WIDENED = (
    *((0.40, 1.31, 0.50, -0.41), (0.31, 1.24, 0.33, -0.29), (0.12, 1.16, 0.12, -0.14)),
    *((0.25, 1.28, 0.37, -0.31), (0.10, 1.30, 0.10, -0.23), (0.18, 1.37, 0.26, -0.25)),
    *((0.32, 1.43, 0.30, -0.34), (0.13, 1.54, 0.09, -0.39), (0.00, 1.65, 0.00, -0.32)),
    *((0.28, 0.90, 0.11, -0.11), (0.51, 0.98, 0.15, -0.14), (0.64, 0.86, 0.16, -0.12)),
    *((0.85, 1.22, 0.19, -0.11), (0.21, 2.04, 0.00, -0.18), (0.62, 1.79, 0.00, -0.12)),
)
# Likewise when brows rise by 1 on average; the profile along them is measured, and the skin above
# goes along.
_RAISED = (
    *((0.21, -0.06, 0.0, -1.05), (0.24, -0.20, 0.0, -1.30), (0.47, -0.18, 0.0, -1.30)),
    *((0.67, -0.18, 0.0, -1.20), (0.82, -0.15, 0.0, -0.95), (0.92, -0.05, 0.0, -0.65)),
    *((0.25, -0.45, 0.0, -0.65), (0.60, -0.45, 0.0, -0.60), (0.30, -0.70, 0.0, -0.25)),
)
# What stands still: eyes, nose, ears, the rim of the face and what lies around it.
_HELD = (
    *((0.14, 0.12), (0.45, 0.08), (0.45, 0.22), (0.80, 0.10), (0.62, 0.12), (0.70, 0.50)),
    *((0.00, 0.10), (0.00, 0.50), (0.00, 0.90), (0.30, 0.40), (1.12, 0.26), (1.05, 1.00)),
    *((0.98, 1.35), (0.00, -1.00), (0.60, -1.00), (1.10, -0.50), (1.50, 0.00), (1.50, 1.00)),
    *((1.20, 1.90), (0.50, 2.60), (0.00, 2.80), (1.50, 2.60), (1.80, -1.50), (0.00, -1.80)),
)
# Half of the square of the mean face on which the ways are kept (interocular distances), its cells.
_REACH, _CELLS = 2.9, 128
# Beyond this nothing moves further: rise of the brows, widening of the mouth.
_MOST = (0.15, 0.25)
_INVERSIONS = 4


class ExpressionMotion(nn.Module):
    """Where points of the face came from, when brows and corners of the mouth moved.

    Brows and corners are the mean face's, which `pdfgc.generator.shape` lays upon a person's own.
    """

    ways: Tensor
    most: Tensor

    def __init__(self) -> None:
        super().__init__()
        axis = ((np.arange(_CELLS) * 2 + 1) / _CELLS - 1) * _REACH
        places = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        ways = np.moveaxis(_ways(places), -1, 1).reshape(1, 4, _CELLS, _CELLS)
        self.register_buffer("ways", torch.from_numpy(ways.astype(np.float32)), False)
        self.register_buffer("most", torch.tensor(_MOST), False)

    def forward(self, point: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        """Move points of the driving face to where the source shows them.

        Args:
            point: (n, 2, h, w) points of the mean face in head axes and interocular distances.
            source: (n, 2) rise of the brows and widening of the mouth of the source; only the
                difference to the driving ones counts.
            driving: (n, 2) likewise, driving.

        Returns:
            (n, 2, h, w) what is to be added to x and y.
        """
        change = (driving - source).clamp(-self.most, self.most)[..., None, None]
        ways = self.ways.expand(len(point), -1, -1, -1)
        step = torch.zeros_like(point)
        # A point came from where the way that begins there ends at it.
        for _ in range(_INVERSIONS):
            at = (point + step).permute(0, 2, 3, 1) / _REACH
            rise, widening = F.grid_sample(ways, at, align_corners=False).chunk(2, dim=1)
            step = -(change[:, :1] * rise + change[:, 1:] * widening)
        return step


def expressed(points: NDArray[np.floating], change: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far raised brows and a widened mouth take points.

    Args:
        points: (P, 2) places on the mean face.
        change: (n, 2) rise of the brows and widening of the mouth (interocular distances).

    Returns:
        (n, P, 2) what is to be added to x and y.
    """
    most = np.array(_MOST)
    moved: NDArray[np.float64] = np.einsum(
        "nc,cpi->npi", np.clip(change, -most, most), _ways(points)
    )
    return moved


def _ways(places: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where places (P, 2) go when brows rise by 1, and when the mouth widens by 1: (2, P, 2)."""
    ways: NDArray[np.float64] = np.moveaxis(_interpolated()(places).reshape(-1, 2, 2), 1, 0)
    return ways


@cache
def _interpolated() -> RBFInterpolator:
    """Both ways, of both halves of the face, between the places where they are known."""
    held = np.array(_HELD)
    raised, widened = np.array(_RAISED), np.array(_WIDENED)
    places = np.concatenate([held, raised[:, :2], widened[:, :2]])
    ways = np.zeros((len(places), 4))
    ways[len(held) : len(held) + len(raised), :2] = raised[:, 2:]
    ways[len(held) + len(raised) :, 2:] = widened[:, 2:]
    paired = places[:, 0] > 0
    mirrored = places[paired] * [-1, 1], ways[paired] * [-1, 1, -1, 1]
    return RBFInterpolator(
        np.concatenate([places, mirrored[0]]),
        np.concatenate([ways, mirrored[1]]),
        kernel="thin_plate_spline",
    )
