"""The square face crop: where it lies, how it is cut out, how it is pasted back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from pdfgc.config import CropConfig
from pdfgc.tracking.geometry import Floats

# The crop follows a face only when it leaves this share of the side, or changes this much in
# size; below, it stands still and head motion stays head motion.
_DRIFT_SHARE, _DRIFT_LOG_SIZE = 0.15, 0.3
# It follows smoothly over this time, and never faster than this share of its side per second.
_DRIFT_SMOOTH_S, _DRIFT_SPEED = 1.0, 0.3


def crop_around(box: NDArray[np.floating], config: CropConfig) -> Floats:
    """The crop for a landmark box.

    Args:
        box: (..., 4) XYXY px.
        config: scale and rise.

    Returns:
        (..., 3) centre x, centre y, side in px, float64.
    """
    box = np.asarray(box, np.float64)
    side = np.maximum(box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]) * config.scale
    x = (box[..., 0] + box[..., 2]) / 2
    y = (box[..., 1] + box[..., 3]) / 2 - config.rise * side
    return np.stack([x, y, side], axis=-1)


def shot_crop(
    boxes: NDArray[np.floating], good: NDArray[np.bool_], config: CropConfig, fps: float
) -> Floats:
    """One steady crop for a shot, or a slow bounded drift where the face leaves it.

    Args:
        boxes: (T, 4) XYXY px.
        good: (T,) frames whose box may be used; at least one.
        config: scale and rise.
        fps: frames per second, for the speed of the drift.

    Returns:
        (T, 3) centre x, centre y, side in px.
    """
    wanted = crop_around(boxes, config)
    times = np.arange(len(boxes))
    for axis in range(3):
        wanted[:, axis] = np.interp(times, times[good], wanted[good, axis])
    steady = np.median(wanted[good], axis=0)
    crop = np.repeat(steady[None], len(boxes), axis=0)
    away = np.abs(wanted[:, :2] - steady[:2]).max(-1) / steady[2]
    grown = np.abs(np.log(wanted[:, 2] / steady[2]))
    if away.max() > _DRIFT_SHARE or grown.max() > _DRIFT_LOG_SIZE:
        wanted[:, 2] = np.log(wanted[:, 2])
        smooth = gaussian_filter1d(wanted, _DRIFT_SMOOTH_S * fps, axis=0, mode="nearest")
        smooth[:, 2] = np.exp(smooth[:, 2])
        crop = _bounded(smooth, steady[2] * _DRIFT_SPEED / fps)
    return crop


def _bounded(path: Floats, step: float) -> Floats:
    """Follow a path with at most `step` px per frame, from its middle outwards."""
    out = path.copy()
    middle = len(path) // 2
    for order in (range(middle + 1, len(path)), range(middle - 1, -1, -1)):
        before = middle
        for now in order:
            out[now] = out[before] + np.clip(path[now] - out[before], -step, step)
            before = now
    return out


def crop_image(
    image: NDArray[np.uint8], crop: NDArray[np.floating], size: int
) -> NDArray[np.uint8]:
    """Cut out a crop and bring it to `size`, with antialiasing and reflected borders.

    Args:
        image: (H, W, 3) uint8 RGB.
        crop: (3,) centre x, centre y, side in px; pixel (i, j) covers [j, j+1] x [i, i+1].
        size: side of the result in px.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    x, y, side = (float(value) for value in crop)
    left, top, right, bottom = x - side / 2, y - side / 2, x + side / 2, y + side / 2
    # Cut an integer region first: reflection is then only paid for where it is needed. The
    # margin feeds the resampling filter.
    margin = 2 + int(3 * max(1.0, side / size))
    x0, y0 = int(np.floor(left)) - margin, int(np.floor(top)) - margin
    x1, y1 = int(np.ceil(right)) + margin, int(np.ceil(bottom)) + margin
    region = image[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        rows = _reflected(np.arange(y0, y1), height)
        columns = _reflected(np.arange(x0, x1), width)
        region = image[rows[:, None], columns[None]]
    box = (left - x0, top - y0, right - x0, bottom - y0)
    picture = Image.fromarray(np.ascontiguousarray(region))
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box=box))


def turned_image(
    image: NDArray[np.uint8], crop: NDArray[np.floating], size: int
) -> NDArray[np.uint8]:
    """Cut out a square that may be turned, with antialiasing; outside the image it is black.

    Args:
        image: (H, W, 3) uint8 RGB.
        crop: (4,) centre x, centre y, side in px, and the angle by which the square is turned
            clockwise (radians).
        size: side of the result in px.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    picture = Image.fromarray(np.ascontiguousarray(image))
    x, y, side, angle = (float(value) for value in crop)
    step = side / size
    if step > 1:  # shrink first, since the turn itself does not average
        width, height = (max(1, round(edge / step)) for edge in picture.size)
        x, y = x * width / picture.width, y * height / picture.height
        step *= width / picture.width
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    cosine, sine = np.cos(angle) * step, np.sin(angle) * step
    matrix = (
        *(cosine, -sine, x - (cosine - sine) * size / 2),
        *(sine, cosine, y - (sine + cosine) * size / 2),
    )
    turned = picture.transform(
        (size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )
    return np.asarray(turned)


def _reflected(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    period = np.mod(index, 2 * length)
    return np.asarray(np.minimum(period, 2 * length - 1 - period))


def crop_to_frame(crop: NDArray[np.floating], size: int) -> Floats:
    """Affine matrix (2, 3) from crop pixels (size x size) to frame pixels, edges to edges."""
    x, y, side = (float(value) for value in crop)
    scale = side / size
    return np.array([[scale, 0.0, x - side / 2], [0.0, scale, y - side / 2]])


def frame_to_crop(crop: NDArray[np.floating], size: int) -> Floats:
    """Affine matrix (2, 3) from frame pixels to crop pixels; inverse of `crop_to_frame`."""
    x, y, side = (float(value) for value in crop)
    scale = size / side
    return np.array([[scale, 0.0, size / 2 - x * scale], [0.0, scale, size / 2 - y * scale]])
