"""How far pictures are apart, pixel by pixel: L1, PSNR, SSIM, MS-SSIM."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

Floats = NDArray[np.float64]

# Wang et al. 2004, section III.
_SIGMA, _RADIUS = 1.5, 5
_C1, _C2 = 0.01**2, 0.03**2
# Wang, Simoncelli and Bovik 2003, section 3.2: how much each scale counts, the finest first.
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Frames that are in memory as float maps at a time.
_CHUNK = 16


def l1(pictures: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Floats:
    """Mean absolute difference of each frame.

    Args:
        pictures: (T, H, W, 3) uint8 RGB.
        reference: the same shape.

    Returns:
        (T,) float64 in [0, 1], 1 = black against white.

    >>> l1(np.full((1, 4, 4, 3), 51, np.uint8), np.zeros((1, 4, 4, 3), np.uint8)).tolist()
    [0.2]
    """
    _check(pictures, reference)
    return _per_frame(pictures, reference, np.abs) / 255


def psnr(pictures: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Floats:
    """Peak signal-to-noise ratio of each frame.

    Args:
        pictures: (T, H, W, 3) uint8 RGB.
        reference: the same shape.

    Returns:
        (T,) float64 in dB, infinite where the frames are the same.

    >>> grey, black = np.full((1, 4, 4, 3), 51, np.uint8), np.zeros((1, 4, 4, 3), np.uint8)
    >>> psnr(grey, black).round(2).tolist()
    [13.98]
    """
    _check(pictures, reference)
    error = _per_frame(pictures, reference, np.square) / 255**2
    with np.errstate(divide="ignore"):
        return np.asarray(-10 * np.log10(error))


def ssim(pictures: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Floats:
    """Structural similarity of each frame, mean over pixels and channels.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE
    TIP 2004, equation 13: Gaussian window of 11 px with sigma 1.5, windows inside the picture only.

    Args:
        pictures: (T, H, W, 3) uint8 RGB, at least 11 px high and wide.
        reference: the same shape.

    Returns:
        (T,) float64 at most 1, 1 = the same.
    """
    return _in_chunks(pictures, reference, lambda first, second: _terms(first, second)[0])


def ms_ssim(pictures: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Floats:
    """Multi-scale structural similarity of each frame.

    Wang, Simoncelli and Bovik, "Multi-Scale Structural Similarity for Image Quality Assessment",
    Asilomar 2003, equation 7. Of its five scales those count whose side holds the window of 11 px:
    all from 176 px on, four at 128 px; the exponents are scaled to keep their sum. What
    correlates negatively counts as 0.

    Args:
        pictures: (T, H, W, 3) uint8 RGB, at least 11 px high and wide.
        reference: the same shape.

    Returns:
        (T,) float64 in [0, 1], 1 = the same.
    """
    side = min(pictures.shape[1:3])
    count = max(1, sum(side // 2**scale > 2 * _RADIUS for scale in range(len(_SCALES))))
    weights = np.array(_SCALES[:count]) * sum(_SCALES) / sum(_SCALES[:count])

    def value(first: torch.Tensor, second: torch.Tensor) -> Floats:
        product = np.ones(len(first))
        for scale, weight in enumerate(weights):
            whole, contrast = _terms(first, second)
            last = scale == count - 1
            product *= np.maximum(whole if last else contrast, 0) ** weight
            first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
        return product

    return _in_chunks(pictures, reference, value)


def _check(pictures: NDArray[np.uint8], reference: NDArray[np.uint8]) -> None:
    if pictures.shape != reference.shape or pictures.ndim != 4:
        raise ValueError(f"expected two (T, H, W, 3), given {pictures.shape} and {reference.shape}")
    if pictures.dtype != np.uint8 or reference.dtype != np.uint8:
        raise ValueError(f"expected uint8, given {pictures.dtype} and {reference.dtype}")


def _per_frame(pictures: NDArray[np.uint8], reference: NDArray[np.uint8], of: np.ufunc) -> Floats:
    return np.array(
        [
            of(first.astype(np.float32) - second).mean(dtype=np.float64)
            for first, second in zip(pictures, reference, strict=True)
        ]
    )


def _maps(pictures: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


def _in_chunks(
    pictures: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    of: Callable[[torch.Tensor, torch.Tensor], Floats],
) -> Floats:
    _check(pictures, reference)
    values = [
        of(_maps(pictures[at : at + _CHUNK]), _maps(reference[at : at + _CHUNK]))
        for at in range(0, len(pictures), _CHUNK)
    ]
    return np.concatenate(values) if values else np.zeros(0)


def _terms(first: torch.Tensor, second: torch.Tensor) -> tuple[Floats, Floats]:
    """Means over pixels and channels of the similarity, and of its term without luminance."""
    offsets = torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float32)
    weights = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    weights = weights / weights.sum()
    stacked = torch.cat([first, second, first * first, second * second, first * second], dim=1)
    rows = weights.view(1, 1, 1, -1).expand(stacked.shape[1], 1, 1, -1)
    columns = rows.transpose(2, 3)
    groups = stacked.shape[1]
    blurred = F.conv2d(F.conv2d(stacked, rows, groups=groups), columns, groups=groups)
    mean_a, mean_b, square_a, square_b, product = blurred.chunk(5, dim=1)
    variance_a, variance_b = square_a - mean_a**2, square_b - mean_b**2
    covariance = product - mean_a * mean_b
    contrast = (2 * covariance + _C2) / (variance_a + variance_b + _C2)
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    whole, part = (each.mean(dim=(1, 2, 3)) for each in (luminance * contrast, contrast))
    return whole.double().numpy(), part.double().numpy()
