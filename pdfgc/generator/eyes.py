"""How lids and eyeballs move on the head's surface, given gaze and openness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pdfgc.generator.lines import as_lines, axis, read_lines
from pdfgc.generator.shape import MEAN_OPENNESS
from pdfgc.tracking import Eye, canonical_face

_Gap = TypeVar("_Gap", Tensor, NDArray[np.floating])

# By how much a closed upper lid covers the rim of the lower one (interocular distances).
_LAP = 0.035
# How much further than an eyeball of its size would an iris is moved. Of an eye that looks past the
# camera the tracker reads less than half (0.43 for the true radius, 0.78 for this one; 11 faces
# warped at 512 px), while it is right about eyes that hold the camera as the head turns; and codes
# are what the tracker reads.
EYEBALL_GAIN = 1.5
# Openness that the tracker reads of lids that touch: at the bottom of 1,150 blinks of the training
# persons it read 0.27 (median; quartiles 0.17 and 0.39, half-hearted ones among them).
SHUT = 0.25
# From the upper lid to where the skin above it stands still, likewise below the lower one; softness
# of the eye's rim; height of the lashes, which are neither drawn out nor folded.
_FOLD, _CHEEK, _RIM, _LASHES = 0.12, 0.16, 0.02, 0.045
# An open eye hides most of its lid. When it comes down by this much, what unfolds is drawn: the
# skin above fades into that below the eye, a little darker, sampled from this far below the lower
# lid on and by this share of each step further down.
_UNFOLDS, _SKIN, _SAMPLED, _SHADE = 0.04, 0.12, 0.25, 0.94
# The lid's skin begins this far above the open upper lid; by so much less of that is drawn out.
_CREASE, _SPARED = 0.09, 0.045
_DRAWN = 0.9
# Lids go along with an eye that looks up or down: at one openness both move by this much of the
# eyeball's radius times the sine of its pitch (0.47 the upper, 0.56 the lower; 22,927 frames of
# the training persons, within clips).
LIDS_FOLLOW = 0.52


@dataclass(frozen=True)
class Eyes:
    """What driving eyes show.

    Attributes:
        step: (n, 2, h, w) what is to be added to x and y.
        lid: (n, 1, h, w) in [0, 1]: skin of lids that the source hides in their folds.
        skin: (n, 2, h, w) what is to be added to x and y to find skin like that.
    """

    step: Tensor
    lid: Tensor
    skin: Tensor


class EyeMotion(nn.Module):
    """Where points of the face came from, when lids and eyeballs moved.

    The upper lid slides over the eyeball and draws the skin below the brow along; the eyeball
    turns in its socket. Lids and sockets are the mean face's (`pdfgc.tracking.canonical_face`),
    which `pdfgc.generator.shape` lays upon a person's own.
    """

    lower: Tensor
    gap: Tensor
    centre: Tensor
    width: Tensor

    def __init__(self) -> None:
        super().__init__()
        face = canonical_face()
        eyes = (face.topology.left_eye, face.topology.right_eye)
        lower, gap = zip(*(_lids(face.points, eye) for eye in eyes), strict=True)
        corners = np.stack([face.points[eye.corners, 0] for eye in eyes])
        # The order is that of the openness: the person's left eye first.
        self.register_buffer("lower", as_lines(lower), False)
        self.register_buffer("gap", as_lines(gap) / MEAN_OPENNESS, False)
        centre = torch.from_numpy(corners.mean(1).astype(np.float32))
        width = torch.from_numpy((np.ptp(corners, axis=1) / 2).astype(np.float32))
        self.register_buffer("centre", centre.view(1, 2, 1, 1), False)
        self.register_buffer("width", width.view(1, 2, 1, 1), False)
        self.radius = EYEBALL_GAIN * face.eyeball_radius
        self.follow = LIDS_FOLLOW * face.eyeball_radius

    def forward(self, point: Tensor, source: Tensor, driving: Tensor) -> Eyes:
        """Move points of the driving face to where the source shows them.

        Args:
            point: (n, 3, h, w) points of the mean face in head axes and interocular distances.
            source: (n, 4) gaze yaw and pitch (rad), left and right openness of the source.
            driving: (n, 4) likewise, driving.

        """
        x, y = point[:, :1], point[:, 1:2]
        lower, gap = (read_lines(lines, point[:, 0]) for lines in (self.lower, self.gap))
        before = parted(source[:, 2:, None, None])
        after = parted(driving[:, 2:, None, None])
        taper = lids_go(gap)
        looks = (_direction(source[:, :2]), _direction(driving[:, :2]))
        lower_before, lower_after = (
            lower + self.follow * look[:, 1, None, None, None] * taper for look in looks
        )
        upper_before = lower_before - self._rise(gap, before)
        upper_after = lower_after - self._rise(gap, after)
        # Skin between a fold and the lashes is stretched or folded.
        cheek, down = lower + _CHEEK, upper_after - upper_before
        fold = torch.minimum(upper_before, upper_after) - _FOLD
        unfolded = (down / _UNFOLDS).clamp(0, 1)
        share = (y - fold) / (upper_after - _LASHES - fold)
        stretched = -share.clamp(min=0) * (down + _SPARED * unfolded)
        skin = torch.where(share < 1, stretched, -down)
        above = torch.sigmoid((upper_after - y) / (_RIM / 4)) * (gap > 0) * (y > fold)
        share = ((cheek - y) / (cheek - lower_after)).clamp(0, 1)
        below = torch.sigmoid((y - lower_after) / (_RIM / 4)) * (gap > 0) * (y < cheek)
        below = below * share * (lower_before - lower_after)
        # What the lids show of the eyeball stays, unless the source hides it.
        seen = (before / after.clamp(min=0.05)).clamp(max=1)
        inside = torch.sigmoid((y - upper_after) / _RIM * 2)
        inside = inside * torch.sigmoid((lower_after - y) / _RIM * 2) * (gap > 0)
        turn = looks[0] - looks[1]
        across = ((x - self.centre) / self.width).clamp(-1, 1)
        # The corners hold what is there: past them there is no eyeball to be seen.
        turn = self.radius * turn[:, :, None, None, None] * (1 - across**4).unsqueeze(1)
        ball = (lower_after - y) * (1 - seen) + turn[:, 1]
        # Past the lids there is none either: what they hid is as white as what they show.
        highest = upper_before + (y - upper_after).clamp(max=0)
        lowest = lower_before + (y - lower_after).clamp(min=0)
        ball = torch.minimum(torch.maximum(y + ball, highest), lowest) - y
        dx = (inside * turn[:, 0]).sum(1, keepdim=True)
        dy = (above * skin + below + inside * (1 - above) * ball).sum(1, keepdim=True)
        begin, end = upper_before - _CREASE, upper_after - 0.8 * _LASHES
        share = (y - begin) / (0.8 * (end - begin)).clamp(min=_RIM)
        lid = _DRAWN * share.clamp(0, 1) * torch.sigmoid((end - y) / _RIM * 3)
        lid = (lid * unfolded * (gap > 0)).sum(1, keepdim=True)
        like = lower_before + _SKIN + _SAMPLED * (y - begin) - y
        like = (like * (gap > 0)).sum(1, keepdim=True)
        like = torch.cat([torch.zeros_like(like), like], dim=1)
        return Eyes(torch.cat([dx, dy], dim=1), lid, like)

    @staticmethod
    def _rise(gap: Tensor, openness: Tensor) -> Tensor:
        """How high the upper lid stands above the lower one; a closed one lies upon it."""
        return openness * gap - _LAP * (1 - openness).clamp(min=0) * lids_go(gap)


def lids_go(gap: _Gap) -> _Gap:
    """Share of a shift of the lids that they make where an open eye has this gap: none at corners.

    Args:
        gap: any shape, interocular distances.
    """
    return (gap * 8).clip(max=1)


def parted(openness: _Gap) -> _Gap:
    """Share of an open eye's gap that an eye of this openness has.

    Args:
        openness: any shape; 1 = open, `SHUT` and less = closed.
    """
    return ((openness - SHUT) / (1 - SHUT)).clip(0.0, 1.3)


def unfolded(seen: Tensor, skin: Tensor, lid: Tensor) -> Tensor:
    """A picture with the skin of lids that came out of their folds.

    Args:
        seen: (n, 3, S, S) RGB in [-1, 1] without it.
        skin: (n, 3, S, S) skin like that of the lids.
        lid: (n, 1, S, S) where they are, see `Eyes`.
    """
    return seen + lid * (_SHADE * (skin + 1) - 1 - seen)


def _direction(gaze: Tensor) -> Tensor:
    """Horizontal and vertical part (n, 2) of the unit vectors that look along gaze (n, 2)."""
    yaw, pitch = gaze.unbind(1)
    return torch.stack([yaw.sin() * pitch.cos(), -pitch.sin()], dim=1)


def _lids(points: np.ndarray, eye: Eye) -> tuple[np.ndarray, np.ndarray]:
    """Height of the lower lid and gap to the upper one over the axis, (n,) each; no gap outside."""
    across = axis()
    ring = points[eye.contour, :2]
    ends = points[eye.corners, :2]
    line = np.interp(ring[:, 0], *ends[np.argsort(ends[:, 0])].T)
    corner = np.isin(eye.contour, eye.corners)
    curves = []
    for half in (ring[:, 1] >= line, ring[:, 1] <= line):
        lid = ring[half | corner]
        lid = lid[np.argsort(lid[:, 0])]
        curves.append(np.interp(across, lid[:, 0], lid[:, 1]))
    return curves[0], np.clip(curves[0] - curves[1], 0, None)
