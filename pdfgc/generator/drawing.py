"""Landmark images: the face's lines in fixed colours on black."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor, nn

from pdfgc.encoders.landmarks import LandmarkSpace
from pdfgc.tracking.contours import CONTOURS

_FINER = 2
_KEPT = 512


class LandmarkDriver(nn.Module):
    """What drives a landmark generator: codes, drawn as landmark images.

    Drawings are kept, so that sources, stills and clips that play to and fro are drawn once.

    Args:
        space: makes landmarks of codes.
    """

    def __init__(self, space: LandmarkSpace) -> None:
        super().__init__()
        self.space = space
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()

    def forward(self, joined: Tensor, side: int) -> Tensor:
        """(..., D) joined codes to (..., 3, side, side) landmark images in [-1, 1]."""
        points = self.space.points(joined.reshape(-1, joined.shape[-1]))
        drawn = torch.stack([self._drawn(each, side) for each in points]).to(joined.device)
        return drawn.reshape(*joined.shape[:-1], 3, side, side)

    def _drawn(self, points: NDArray[np.float32], side: int) -> Tensor:
        # What differs by less than a sixteenth of a pixel looks the same.
        key = np.round(points[:, :2] * side * 8).astype(np.int16).tobytes() + side.to_bytes(2)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        picture = torch.from_numpy(draw_landmarks(points, side)).permute(2, 0, 1)
        picture = picture.float() / 127.5 - 1
        self._kept[key] = picture
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return picture


def draw_landmarks(points: NDArray[np.floating], side: int) -> NDArray[np.uint8]:
    """Draw one face.

    Args:
        points: (P, >= 2) drawn points in crop coordinates; see `pdfgc.tracking.contours`.
        side: side of the picture (px).

    Returns:
        (side, side, 3) uint8 RGB, black where there is no line.
    """
    large = side * _FINER
    # A pixel's middle lies half a pixel inside.
    at = (np.asarray(points)[:, :2] + 1) / 2 * large - 0.5
    at = np.clip(at, -4 * large, 5 * large)
    picture = Image.new("RGB", (large, large))
    pen = ImageDraw.Draw(picture)
    width = max(2, round(large / 96))
    for line in CONTOURS.lines:
        path = at[line.points]
        if line.closed:
            path = np.concatenate([path, path[:1]])
        pen.line([(float(x), float(y)) for x, y in path], line.colour, width, joint="curve")
    return np.array(picture.resize((side, side), Image.Resampling.BOX))
