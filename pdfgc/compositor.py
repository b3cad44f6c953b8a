"""Pasting the animated crop back into the source image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Share of the crop's side over which the crop fades into the source image, and the radius of the
# mask's corners, likewise.
_FEATHER, _CORNER = 0.08, 0.3


class Compositor:
    """Replaces the head in one source image by crops that were made from it.

    Only the part of the crop's square that lies in the image is worked on; all other pixels are
    those of the source, bit for bit. The mask is a rounded square that fades to nothing at the
    crop's border, so that no edge is seen.

    Args:
        image: (H, W, 3) uint8 RGB, the source image.
        crop: (3,) centre x, centre y, side of the crop in px of the image, or (4,) with the angle
            by which the crop is turned clockwise (radians).
    """

    def __init__(self, image: NDArray[np.uint8], crop: NDArray[np.floating]) -> None:
        self.image = image
        height, width = image.shape[:2]
        x, y, inner, angle = (*(float(value) for value in crop), 0.0)[:4]
        cosine, sine = np.cos(angle), np.sin(angle)
        # Side of the upright square around the crop.
        self._spread = float(abs(cosine) + abs(sine))
        side = inner * self._spread
        left, top = x - side / 2, y - side / 2
        # Whole pixels inside both this square and the image.
        x0, x1 = max(0, int(np.ceil(left))), min(width, int(np.floor(left + side)))
        y0, y1 = max(0, int(np.ceil(top))), min(height, int(np.floor(top + side)))
        if x0 >= x1 or y0 >= y1:
            raise ValueError(f"the crop {(x, y, side)} lies outside the image {(width, height)}")
        self.region = (slice(y0, y1), slice(x0, x1))
        self._box = ((x0 - left) / side, (y0 - top) / side, (x1 - left) / side, (y1 - top) / side)
        columns = ((np.arange(x0, x1) + 0.5 - x) / inner)[None]
        rows = ((np.arange(y0, y1) + 0.5 - y) / inner)[:, None]
        mask = soft_mask(cosine * columns + sine * rows + 0.5, cosine * rows - sine * columns + 0.5)
        self._turn = angle
        # In 128 steps, the most that 16-bit integers hold times a difference of colours.
        self._mask = np.rint(mask * 128).astype(np.int16)[..., None]
        self._under = image[self.region].astype(np.int16)

    def paste(self, head: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give the source image with its head replaced.

        Args:
            head: (S, S, 3) uint8 RGB, the crop as the model made it, of any size.

        Returns:
            (H, W, 3) uint8 RGB, a new array.
        """
        picture = Image.fromarray(head)
        if self._turn:
            # Expanding gives the upright square around the turned one; corners are masked.
            picture = picture.rotate(-np.degrees(self._turn), Image.Resampling.BICUBIC, expand=True)
        # The expanded picture is a little larger than the square, by whole pixels.
        size = head.shape[0] * self._spread
        shift, most = (picture.width - size) / 2, picture.width
        rows, columns = self.region
        left, top, right, bottom = (edge * size + shift for edge in self._box)
        # Pillow filters with the scale's support when shrinking, so that nothing shimmers.
        over = picture.resize(
            (columns.stop - columns.start, rows.stop - rows.start),
            Image.Resampling.BICUBIC,
            box=(max(0.0, left), max(0.0, top), min(most, right), min(most, bottom)),
        )
        step = np.asarray(over).astype(np.int16)
        step -= self._under
        step *= self._mask
        # Rounded, and 0 where the mask is 0.
        step += 64
        step >>= 7
        step += self._under
        out = self.image.copy()
        out[self.region] = step.astype(np.uint8)
        return out


def soft_mask(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much of the crop is seen at a place in it.

    Args:
        x: from 0 (left border of the crop) to 1 (right border).
        y: from 0 (top) to 1 (bottom); broadcast against `x`.

    Returns:
        From 0 at and beyond the border to 1 in the middle, float64.
    """
    # Distance to a rounded square, negative inside.
    inner = 0.5 - _CORNER
    dx, dy = np.abs(x - 0.5) - inner, np.abs(y - 0.5) - inner
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    distance = outside + np.minimum(np.maximum(dx, dy), 0) - _CORNER
    share = np.clip(-distance / _FEATHER, 0, 1)
    mask: NDArray[np.float64] = share * share * (3 - 2 * share)
    return mask
