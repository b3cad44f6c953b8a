"""Curves across the mean face, such as lids and lips, kept as heights over x."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

# Half of the axis (interocular distances) on which curves are kept, and its cells.
_REACH, _CELLS = 1.0, 128


def axis() -> NDArray[np.float64]:
    """(n,) the x at which curves are kept, in interocular distances from the nose."""
    return ((np.arange(_CELLS) * 2 + 1) / _CELLS - 1) * _REACH


def as_lines(curves: Sequence[NDArray[np.floating]]) -> Tensor:
    """(n,) heights of c curves over `axis()`: (1, c, 1, n) float32."""
    return torch.from_numpy(np.stack(curves).astype(np.float32))[None, :, None]


def read_lines(lines: Tensor, x: Tensor) -> Tensor:
    """Heights of curves (1, c, 1, n) at x (b, h, w): (b, c, h, w); their ends go on level."""
    at = torch.stack([x / _REACH, torch.zeros_like(x)], dim=-1)
    lines = lines.expand(len(x), -1, -1, -1)
    return F.grid_sample(lines, at, padding_mode="border", align_corners=False)
