"""The edge that a pasted face leaves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def seam_error(
    pictures: NDArray[np.uint8], under: NDArray[np.uint8], mask: NDArray[np.floating]
) -> Floats:
    """Steps across the border of what was pasted that the picture underneath does not have.

    At each place grey values are compared along the direction in which the mask falls; a step
    counts by how much it exceeds the step of the picture underneath, weighted by how steep the
    mask is there.

    Args:
        pictures: (T, H, W, 3) uint8 RGB, with the face pasted in.
        under: (H, W, 3) uint8 RGB, the picture before.
        mask: (H, W) in [0, 1], how much of the pasted face is seen.

    Returns:
        (T,) float64: grey values (0 to 1) per pixel; 0 = no edge, NaN where the mask has none.
    """
    if pictures.shape[1:] != under.shape or mask.shape != under.shape[:2]:
        raise ValueError(
            f"expected pictures, the picture underneath and its mask of one size, given "
            f"{pictures.shape}, {under.shape} and {mask.shape}"
        )
    down, right = np.gradient(np.asarray(mask, np.float64))
    steep = np.hypot(down, right)
    total = steep.sum()
    if total == 0:
        return np.full(len(pictures), np.nan)
    with np.errstate(invalid="ignore"):
        ways = np.nan_to_num(down / steep), np.nan_to_num(right / steep)
    before = _steps(under, ways)
    excess = [np.maximum(_steps(each, ways) - before, 0) for each in pictures]
    return np.array([(each * steep).sum() / total for each in excess])


def _steps(picture: NDArray[np.uint8], ways: tuple[Floats, Floats]) -> Floats:
    down, right = np.gradient(picture.mean(-1) / 255)
    return np.asarray(np.abs(down * ways[0] + right * ways[1]))
