"""How lips and jaw move on the head's surface, given how far the lips part."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pdfgc.generator.lines import as_lines, axis, read_lines
from pdfgc.tracking import Topology, canonical_face

# What a gap that opens by 1 moves, in heads that speak (mean slope of every landmark on the opening
# within 528 clips of the training persons): the upper lip by -0.27, the lower one by 0.73, the
# corners by 0.13, the chin by 0.37; all fade towards the ears.
_CORNER, _CHIN, _FADE = 0.13, 0.37, 0.75
_UPPER, _LOWER = -0.4, 0.6
# Heights (interocular distances below the eyes): the nose's base stands still, the lower lip's red
# moves as one, the chin is of bone, and the throat stands still again.
_NOSE, _RED, _BONE, _THROAT = 1.0, 0.16, 1.88, 2.9
# Softness of the lips' rim, and the gap that is not worth telling from a closed mouth.
_RIM, _SLIT = 0.015, 0.02
# Of what a source shows of the inside, the share from the top that stays with the upper lip.
_HANG = 0.75
# Of the dark of a mouth hardly open and of one wide open, the tongue and the teeth, as shares of
# the light on a face (the mean inside of 92 persons' mouths is 0.95, 0.6, 0.55); what of that light
# skin throws back; how far down teeth reach (fifths of the interocular distance); how far the
# tint of a face beyond that of skin is believed.
_COLOURS = ((0.66, 0.35, 0.32), (0.30, 0.12, 0.11), (0.86, 0.44, 0.41), (1.20, 0.90, 0.80))
_SKIN = (1.22, 0.94, 0.84)
_TEETH = 0.4
_TINT = 0.75
MAX_OPENING = 0.6
"""Opening beyond which nothing more moves."""


@dataclass(frozen=True)
class Mouth:
    """What a driving mouth shows.

    Attributes:
        step: (n, 2, h, w) what is to be added to x and y.
        inside: (n, 3, h, w) the mouth's inside in [0, 1]; the same times the place in it, from 0 at
            the upper lip to 1 at the lower; the same times the depth below the upper lip.
        hidden: (n, 1, h, w) in [0, 1]: inside that the source does not show.
    """

    step: Tensor
    inside: Tensor
    hidden: Tensor


def mean_opening() -> float:
    """How far the mean face's lips are parted."""
    face = canonical_face()
    upper, lower = (face.points[int(i), 1] for i in face.topology.lip_gap)
    return float(abs(lower - upper))


def opened(points: NDArray[np.floating], opening: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far down an opening mouth takes points at its middle and on the jaw.

    Args:
        points: (P, 2) places on the mean face, none of them between the lips.
        opening: (...,) opening more than that of the mean face.

    Returns:
        (..., P) what is to be added to y.
    """
    upper, lower = _lips(canonical_face().topology)
    x, y = points[:, 0], points[:, 1]
    top, bottom = (np.interp(x, axis(), curve) for curve in (upper, lower))
    heights, slopes = _knots(torch.from_numpy(top), torch.from_numpy(bottom), torch.from_numpy(x))
    slope = [
        np.interp(at, [float(h[i]) for h in heights], [float(s[i]) for s in slopes])
        for i, at in enumerate(y)
    ]
    down: NDArray[np.float64] = np.multiply.outer(np.asarray(opening, np.float64), np.array(slope))
    return down


class MouthMotion(nn.Module):
    """Where points of the face came from, when the mouth opened or closed.

    Along every upright line of the face the lips' rims, the lower lip's red, the jaw's bone and the
    skin between them move by their share of the opening. Lips are the mean face's, which
    `pdfgc.generator.shape` lays upon a person's own.
    """

    lips: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("lips", as_lines(_lips(canonical_face().topology)), False)
        self.mean = mean_opening()

    def forward(self, point: Tensor, source: Tensor, driving: Tensor) -> Mouth:
        """Move points of the driving face to where the source shows them.

        Args:
            point: (n, 3, h, w) points of the mean face in head axes and interocular distances.
            source: (n, 1) opening of the source, inner-lip gap over the interocular distance.
            driving: (n, 1) likewise, driving.
        """
        x, y = point[:, :1], point[:, 1:2]
        upper, lower = read_lines(self.lips, point[:, 0]).chunk(2, dim=1)
        before, after = (o.clamp(0.0, MAX_OPENING)[..., None, None] for o in (source, driving))
        heights, slopes = _knots(upper, lower, x)
        at = [
            height + (after - self.mean) * slope
            for height, slope in zip(heights, slopes, strict=True)
        ]
        gap = (lower - upper) / self.mean
        top, bottom = at[1], at[2]
        # Teeth hang from the skull or stand on the jaw: they are not drawn out when lips part, and
        # what lies between them comes into sight.
        kept = gap * before * (after >= before)
        edges = [(at[0], top), (top + _HANG * kept, bottom - (1 - _HANG) * kept)]
        edges += itertools.pairwise(at[2:])
        step = torch.zeros_like(y)
        for (begin, end), (near, far) in zip(edges, itertools.pairwise(slopes), strict=True):
            share = ((y - begin) / (end - begin).clamp(min=1e-3)).clamp(0, 1)
            step = step + share * (far - near)
        step = (before - after) * step
        inside = torch.sigmoid((y - top) / _RIM * 2) * torch.sigmoid((bottom - y) / _RIM * 2)
        inside = inside * (gap * after / _SLIT).clamp(0, 1)
        place = ((y - top) / (bottom - top).clamp(min=_SLIT)).clamp(0, 1)
        begin, end = edges[1]
        hidden = torch.sigmoid((y - begin) / _RIM * 2) * torch.sigmoid((end - y) / _RIM * 2)
        shown = (gap * before + _SLIT / 2) / (gap * after + _SLIT / 2)
        hidden = inside * hidden * (1.4 - 1.6 * shown).clamp(0, 1)
        depth = (y - top).clamp(0.0, MAX_OPENING) * 5
        return Mouth(
            torch.cat([torch.zeros_like(step), step], dim=1),
            torch.cat([inside, inside * place, inside * depth], dim=1),
            hidden,
        )


def plausible_inside(mouth: Tensor, picture: Tensor) -> Tensor:
    """What the inside of a mouth that nobody has seen may look like, in the light of the face.

    Args:
        mouth: (n, >= 3, S, S) the inside, see `pdfgc.generator.mouth`.
        picture: (n, 3, S, S) RGB in [-1, 1], the face about the middle of the crop.

    Returns:
        (n, 3, S, S) RGB in [-1, 1]: dark, upper teeth in the shade of the lip, the tongue below;
        teeth and tongue end before the corners.
    """
    side = picture.shape[-1]
    face = slice(side // 3, 3 * side // 4), slice(side // 3, 2 * side // 3)
    skin = (picture[(..., *face)].mean(dim=(2, 3), keepdim=True) + 1) / 2
    # What of the skin's tint is not its own is the light's, mostly.
    lit = skin / picture.new_tensor(_SKIN)[:, None, None]
    light = _TINT * lit + (1 - _TINT) * skin.mean(1, keepdim=True)
    within = mouth[:, :1].clamp(min=1e-3)
    place, depth = mouth[:, 1:2] / within, mouth[:, 2:3] / within
    # How high the mouth is open here, of how high it is at its middle.
    height = (mouth[:, :1] > 0.5) * depth / place.clamp(min=0.1)
    middle = height / height.amax(dim=(2, 3), keepdim=True).clamp(min=1e-3)
    slit, deep, red, white = (light * picture.new_tensor(each)[:, None, None] for each in _COLOURS)
    dark = slit + (deep - slit) * ((height - 0.5) / 0.75).clamp(0, 1)
    tongue = torch.sigmoid((place - 1.0 + 0.35 * middle) * 9)
    teeth = torch.sigmoid((_TEETH - depth) * 10) * torch.sigmoid((middle - 0.5) * 9)
    # Lips that hardly part show a dark line: what is behind them lies in their shade.
    teeth = teeth * ((height - 0.35) / 0.5).clamp(0, 1)
    white = white * (0.6 + 0.4 * (2 * depth / _TEETH).clamp(0, 1))
    inside = (dark * (1 - tongue) + red * tongue) * (1 - teeth) + white * teeth
    return (2 * inside - 1).clamp(-1, 1)


def _knots(upper: Tensor, lower: Tensor, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Heights on an upright line of the mean face that a mouth moves, and by which share of it."""
    fade = torch.exp(-((x / _FADE) ** 2))
    gap = (lower - upper) / mean_opening()
    zero = torch.zeros_like(fade)
    corner = _CORNER * fade
    heights = [
        zero + _NOSE,
        upper,
        lower,
        lower + _RED * gap,
        torch.maximum(lower + _RED * gap, zero + _BONE),
        zero + _THROAT,
    ]
    red = corner + _LOWER * gap
    return heights, [zero, corner + _UPPER * gap, red, red, _CHIN * fade, zero]


def _lips(topology: Topology) -> list[NDArray[np.float64]]:
    """Lower rim of the upper lip and upper rim of the lower one; one beyond the corners."""
    points = canonical_face().points
    ring = topology.inner_lips
    half = len(ring) // 2
    across = axis()
    curves = []
    for part in (np.append(ring[half:], ring[0]), ring[: half + 1]):
        lip = points[part, :2]
        lip = lip[np.argsort(lip[:, 0])]
        curves.append(np.interp(across, lip[:, 0], lip[:, 1]))
    upper, lower = curves
    return [np.minimum(upper, lower), np.maximum(upper, lower)]
