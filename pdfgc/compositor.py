"""Pasting the animated crop back into the source image, or a part of it into a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

# Share of the crop's side over which the crop fades into the source image, and the radius of the
# mask's corners, likewise.
_FEATHER, _CORNER = 0.08, 0.3
# Most that colours are moved to meet those of the frame around the mask.
_MOST_SHIFT = 40.0


class Compositor:
    """Replaces the head in one source image by crops that were made from it.

    Only the part of the crop's square that lies in the image is worked on; all other pixels are
    those of the source, bit for bit. The mask is a rounded square that fades to nothing at the
    crop's border, so that no edge is seen.

    Args:
        image: (H, W, 3) uint8 RGB, the source image.
        crop: (3,) centre x, centre y, side of the crop in px of the image, or (4,) with the angle
            by which the crop is turned clockwise (radians).
        outline: (N, 2) corners of a polygon in px of the image, outside which nothing changes but
            for a soft edge; None for all of the crop.
        feather_px: width of the soft edge on each side of the outline.
        share: how much of the result is seen in the middle of the mask, 0 to 1.

    Raises:
        ValueError: crop and outline lie outside the image.
    """

    def __init__(
        self,
        image: NDArray[np.uint8],
        crop: NDArray[np.floating],
        *,
        outline: NDArray[np.floating] | None = None,
        feather_px: float = 0.0,
        share: float = 1.0,
    ) -> None:
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
        if outline is not None:
            low, high = outline.min(0) - feather_px, outline.max(0) + feather_px
            x0, x1 = max(x0, int(np.floor(low[0]))), min(x1, int(np.ceil(high[0])))
            y0, y1 = max(y0, int(np.floor(low[1]))), min(y1, int(np.ceil(high[1])))
        if x0 >= x1 or y0 >= y1:
            raise ValueError(f"the crop {(x, y, side)} lies outside the image {(width, height)}")
        self.region = (slice(y0, y1), slice(x0, x1))
        self._box = ((x0 - left) / side, (y0 - top) / side, (x1 - left) / side, (y1 - top) / side)
        columns = ((np.arange(x0, x1) + 0.5 - x) / inner)[None]
        rows = ((np.arange(y0, y1) + 0.5 - y) / inner)[:, None]
        mask = soft_mask(cosine * columns + sine * rows + 0.5, cosine * rows - sine * columns + 0.5)
        if outline is not None:
            mask = mask * polygon_mask(outline, (x0, y0, x1, y1), feather_px)
        mask = mask * share
        self._turn = angle
        # In 128 steps, the most that 16-bit integers hold times a difference of colours.
        self._mask = np.rint(mask * 128).astype(np.int16)[..., None]
        self._under = image[self.region].astype(np.int16)

    @property
    def changes(self) -> NDArray[np.bool_]:
        """(H, W) where pixels may change; all others are those of the image, bit for bit."""
        where = np.zeros(self.image.shape[:2], np.bool_)
        where[self.region] = self._mask[..., 0] > 0
        return where

    def paste(
        self, head: NDArray[np.uint8], shift: NDArray[np.floating] | None = None
    ) -> NDArray[np.uint8]:
        """Give the source image with its head replaced.

        Args:
            head: (S, S, 3) uint8 RGB, the crop as the model made it, of any size.
            shift: (3,) added to the colours of the head, such as `colour_shift` gives.

        Returns:
            (H, W, 3) uint8 RGB, a new array.
        """
        step = self._placed(head)
        if shift is not None:
            step = np.clip(step + np.rint(shift).astype(np.int16), 0, 255)
        step -= self._under
        step *= self._mask
        # Rounded, and 0 where the mask is 0.
        step += 64
        step >>= 7
        step += self._under
        out = self.image.copy()
        out[self.region] = step.astype(np.uint8)
        return out

    def colour_shift(self, head: NDArray[np.uint8]) -> NDArray[np.float64]:
        """What is to be added to the head's colours so that they meet the frame's at the seam.

        The mean difference along the soft edge of the mask, where both are seen.

        Args:
            head: (S, S, 3) uint8 RGB.

        Returns:
            (3,) float64 levels of red, green and blue, within 40; 0 for a mask without soft edge.
        """
        mask = self._mask.astype(np.float64) / 128
        edge = mask * (mask.max() - mask)
        if not edge.sum():
            return np.zeros(3)
        apart = (self._under - self._placed(head)) * edge
        mean = apart.sum((0, 1)) / edge.sum()
        return np.asarray(np.clip(mean, -_MOST_SHIFT, _MOST_SHIFT))

    def _placed(self, head: NDArray[np.uint8]) -> NDArray[np.int16]:
        """The head as it lies over the region, (h, w, 3)."""
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
        return np.asarray(over).astype(np.int16)


def polygon_mask(
    outline: NDArray[np.floating], window: tuple[int, int, int, int], feather_px: float
) -> NDArray[np.float64]:
    """A filled polygon with a soft edge, seen through a window.

    Args:
        outline: (N, 2) corners, px.
        window: left, top, right, bottom, px.
        feather_px: from the outline, the mask rises to 1 inside and falls to 0 outside over it.

    Returns:
        (bottom - top, right - left) float64, 0 to 1.
    """
    left, top, right, bottom = window
    pad = int(np.ceil(feather_px)) + 1
    drawn = Image.new("L", (right - left + 2 * pad, bottom - top + 2 * pad))
    corners = np.asarray(outline, np.float64) - (left - pad, top - pad)
    ImageDraw.Draw(drawn).polygon([(float(x), float(y)) for x, y in corners], fill=255)
    if feather_px > 0:
        # Two boxes make a smooth edge that ends exactly after twice their radius.
        for _ in range(2):
            drawn = drawn.filter(ImageFilter.BoxBlur(feather_px / 2))
    inside = np.asarray(drawn, np.float64)[pad:-pad, pad:-pad]
    return np.asarray(inside / 255)


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
