"""Hard cuts: where one shot ends and another begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdfgc.tracking.geometry import Floats

# Colours alone change with light, places alone with motion: both must change at once. Where the
# colours stay, as between two people in one room, the picture must have become another one: from
# frame to frame of moving heads and cameras, thumbnails correlate by 0.7 and more.
_COLOURS, _PLACES, _ALIKE = 0.3, 0.08, 0.5
# A face that moves by this share of its side, or grows by this factor, in one frame was cut to.
_JUMP, _GROWTH = 0.6, 1.4


class CutDetector:
    """Finds hard cuts from frame to frame by colour histograms and coarse thumbnails."""

    def __init__(self) -> None:
        """Start with no frame seen."""
        self._before: tuple[Floats, Floats] | None = None

    def is_cut(self, image: NDArray[np.uint8]) -> bool:
        """Whether a shot begins with this frame; the first frame is no cut.

        Args:
            image: (H, W, 3) uint8 RGB.
        """
        now = _signature(image)
        before, self._before = self._before, now
        if before is None:
            return False
        colours = 0.5 * float(np.abs(now[0] - before[0]).sum())
        places = float(np.abs(now[1] - before[1]).mean())
        return places > _PLACES and (colours > _COLOURS or _correlation(now[1], before[1]) < _ALIKE)


def _correlation(first: Floats, second: Floats) -> float:
    """Pearson's r of two thumbnails; 1 where one of them is flat, which says nothing."""
    one, other = first - first.mean(), second - second.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / size if size > 1e-6 else 1.0


def _signature(image: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """A joint 4x4x4 colour histogram (sums to 1) and a grey thumbnail (16, 16) in [0, 1]."""
    rows = np.linspace(0, image.shape[0] - 1, 64).astype(int)
    columns = np.linspace(0, image.shape[1] - 1, 64).astype(int)
    small = image[rows[:, None], columns[None]]
    bins = (small >> 6).astype(int) @ np.array([16, 4, 1])
    histogram = np.bincount(bins.ravel(), minlength=64) / bins.size
    grey = small.mean(-1).reshape(16, 4, 16, 4).mean((1, 3)) / 255
    return histogram, grey


def is_jump(box: NDArray[np.floating], before: NDArray[np.floating]) -> bool:
    """Whether a face cannot have moved from one XYXY box to the other within a frame."""
    side, side_before = (float(max(b[2] - b[0], b[3] - b[1], 1e-6)) for b in (box, before))
    moved = np.linalg.norm((box[:2] + box[2:] - before[:2] - before[2:]) / 2)
    growth = max(side / side_before, side_before / side)
    return bool(moved > _JUMP * side_before or growth > _GROWTH)
