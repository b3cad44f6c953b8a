"""How a picture is textured, by fixed filters: what stands in for a perceptual network.

LPIPS and FID need networks that were trained on ImageNet and that nobody may ship here. Where
they are not supplied, the moduli of fixed wavelets take their place: they were trained on nothing,
so that no model is judged by its teacher, and they are the same on every machine. They see blur,
noise, seams and wrong texture; they do not know what a face is.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pdfgc.metrics.picture import Floats

_ORIENTATIONS, _SCALES = 6, 3
_RADIUS, _SIGMA, _WAVE = 6, 2.0, 5.0
# Luminance, and two differences of colours, each with as many filters.
_COLOURS = ((0.299, 0.587, 0.114), (0.5, -0.5, 0.0), (0.25, 0.25, -0.5))
_CHUNK = 16
_EPSILON = 1e-3
_CELLS = 2


def texture_distance(pictures: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Floats:
    """How differently two pictures are textured, place by place.

    Built like LPIPS (Zhang et al., "The Unreasonable Effectiveness of Deep Features as a
    Perceptual Metric", CVPR 2018, equation 1), with moduli of Gabor wavelets (3 scales, 6
    orientations, 3 colours; a first-order scattering transform, Bruna and Mallat 2013, section
    2.1) as features: at each place they are scaled to unit length over the orientations and
    colours, subtracted, squared and averaged. Its values are not those of LPIPS.

    Args:
        pictures: (T, H, W, 3) uint8 RGB, at least 32 px high and wide.
        reference: the same shape.

    Returns:
        (T,) float64 from 0 (the same) to about 2.
    """
    if pictures.shape != reference.shape:
        raise ValueError(f"expected two (T, H, W, 3), given {pictures.shape} and {reference.shape}")
    values = []
    for at in range(0, len(pictures), _CHUNK):
        both = zip(
            _moduli(pictures[at : at + _CHUNK]), _moduli(reference[at : at + _CHUNK]), strict=True
        )
        apart = [(_unit(one) - _unit(two)).square().sum(1).mean((1, 2)) for one, two in both]
        values.append(torch.stack(apart).mean(0).double().numpy())
    return np.concatenate(values) if values else np.zeros(0)


def texture_features(pictures: NDArray[np.uint8]) -> Floats:
    """What kinds of texture a picture has where: for a Fréchet distance of sets of pictures.

    Args:
        pictures: (T, H, W, 3) uint8 RGB, at least 32 px high and wide.

    Returns:
        (T, 228) float64: for each quarter of the picture, the logarithms of the mean modulus of
        each wavelet, and the mean colour.
    """
    rows = []
    for at in range(0, len(pictures), _CHUNK):
        part = pictures[at : at + _CHUNK]
        pooled = [F.adaptive_avg_pool2d(each, _CELLS).flatten(1) for each in _moduli(part)]
        colour = F.adaptive_avg_pool2d(_maps(part), _CELLS).flatten(1)
        rows.append(torch.cat([*(torch.log(each + _EPSILON) for each in pooled), colour], 1))
    width = _CELLS**2 * len(_COLOURS) * (_ORIENTATIONS * _SCALES + 1)
    return torch.cat(rows).double().numpy() if rows else np.zeros((0, width))


def _maps(pictures: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


def _moduli(pictures: NDArray[np.uint8]) -> list[Tensor]:
    """For each scale (T, colours x orientations, H, W), at least 0."""
    maps = torch.einsum("bchw,kc->bkhw", _maps(pictures), torch.tensor(_COLOURS))
    scales = []
    for scale in range(_SCALES):
        if scale:
            maps = F.avg_pool2d(maps, 2)
        given = maps.flatten(0, 1)[:, None]
        real, imaginary = F.conv2d(given, _wavelets(), padding=_RADIUS).chunk(2, dim=1)
        modulus = torch.sqrt(real.square() + imaginary.square())
        count, _, *sides = maps.shape
        scales.append(modulus.reshape(count, -1, *sides))
    return scales


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + _EPSILON * 10)


@cache
def _wavelets() -> Tensor:
    """Real, then imaginary parts: (2 x orientations, 1, size, size), blind to even light."""
    axis = torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    window = torch.exp(-(x**2 + y**2) / (2 * _SIGMA**2))
    window = window / window.sum()
    parts: list[list[Tensor]] = [[], []]
    for turn in range(_ORIENTATIONS):
        angle = torch.tensor(np.pi * turn / _ORIENTATIONS)
        phase = 2 * np.pi / _WAVE * (x * torch.cos(angle) + y * torch.sin(angle))
        for part, wave in zip(parts, (torch.cos(phase), torch.sin(phase)), strict=True):
            part.append(window * (wave - (window * wave).sum()))
    return torch.stack(parts[0] + parts[1])[:, None]
