"""A motion as a picture: curves over time, and thumbnails of the clip above them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pdfgc.errors import InputError
from pdfgc.files import writing
from pdfgc.motion.motion import Motion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIDE_PX, _DPI, _WIDTH_IN = 160, 100, 16.0
_OPENNESS = "openness"
_CURVE_IN, _CODES_IN = 1.5, 1.1
# Room for names on the left and at the foot, so that thumbnails stand above their moments.
_LEFT, _WIDE, _FOOT_IN, _GAP_IN = 0.07, 0.92, 0.5, 0.12


def draw_motion(motion: Motion, thumbnails: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """See `Motion.plot`."""
    from matplotlib.figure import Figure

    curves = _curves(motion)
    # Square, however many share the width.
    heights = [_WIDTH_IN * _WIDE / len(thumbnails)] if len(thumbnails) else []
    heights += [_CURVE_IN] * len(curves) + [_CODES_IN] * 2
    total = sum(heights) + _FOOT_IN + _GAP_IN * len(heights)
    figure = Figure(figsize=(_WIDTH_IN, total), dpi=_DPI, facecolor="white")
    top = total - _GAP_IN
    places = []
    for height in heights:
        top -= height
        places.append((_LEFT, top / total, _WIDE, height / total))
        top -= _GAP_IN
    if len(thumbnails):
        axes = figure.add_axes(places.pop(0))
        axes.imshow(_row(thumbnails), aspect="auto")
        axes.axis("off")
    times = np.arange(len(motion)) / motion.fps
    end = motion.duration_s
    for (unit, lines), place in zip(curves.items(), places, strict=False):
        axes = figure.add_axes(place)
        for name, values in lines.items():
            axes.plot(times, values, label=name, linewidth=1.3)
        axes.legend(loc="upper right", fontsize=8, ncols=len(lines), framealpha=0.7)
        _dressed(axes, unit, end)
        axes.grid(alpha=0.3)
        if unit == _OPENNESS:
            low, high = axes.get_ylim()
            axes.set_ylim(min(low, -0.05), max(high, 1.05))
    for name, place in zip(("lip", "expression"), places[-2:], strict=True):
        axes = figure.add_axes(place)
        codes = motion.rows(name)
        most = max(float(np.abs(codes).max()), 1e-6)
        extent = (0.0, end, float(codes.shape[1]), 0.0)
        axes.imshow(
            codes.T, aspect="auto", extent=extent, cmap="RdBu", vmin=-most, vmax=most,
            interpolation="nearest",
        )  # fmt: skip
        _dressed(axes, f"{name} code", end)
        axes.set_yticks([])
    axes.tick_params(labelbottom=True)
    axes.set_xlabel("time (s)", fontsize=9)
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    return np.array(Image.open(drawn).convert("RGB"))


def write_picture(picture: NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Write (H, W, 3) uint8 RGB as the name's ending says.

    Raises:
        InputError: Pillow knows no such ending, or the place cannot be written.
    """
    try:
        with writing(path) as partial:
            Image.fromarray(picture).save(partial)
    except ValueError as error:
        raise InputError(f"{path}: no picture can be written so ({error}); use .png.") from error


def _curves(motion: Motion) -> dict[str, dict[str, NDArray[np.float32]]]:
    """What is drawn as lines, by unit."""
    pose, gaze, openness = motion.pose, motion.gaze, motion.openness
    if motion.own_units:
        return {
            "pose code": {str(n): column for n, column in enumerate(pose.T)},
            "eye code": {str(n): column for n, column in enumerate(motion.eye.T)},
        }
    angles = np.degrees(pose[:, :3])
    return {
        "head (°)": {name: angles[:, n] for n, name in enumerate(("yaw", "pitch", "roll"))},
        "place (% of crop)": {
            "x": 100 * pose[:, 3],
            "y": 100 * pose[:, 4],
            "size": 100 * (np.exp(pose[:, 5]) - 1),
        },
        "gaze (°)": {"yaw": np.degrees(gaze[:, 0]), "pitch": np.degrees(gaze[:, 1])},
        _OPENNESS: {"left eye": openness[:, 0], "right eye": openness[:, 1]},
    }


def _dressed(axes: Axes, name: str, end: float) -> None:
    axes.set_xlim(0, end)
    axes.set_ylabel(name, fontsize=9)
    axes.tick_params(labelbottom=False, labelsize=8)


def _row(thumbnails: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Thumbnails side by side, cut square."""
    cells = []
    for picture in thumbnails:
        height, width = picture.shape[:2]
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        square = Image.fromarray(picture).crop((left, top, left + side, top + side))
        cells.append(np.asarray(square.resize((_SIDE_PX, _SIDE_PX))))
    return np.concatenate(cells, axis=1)
