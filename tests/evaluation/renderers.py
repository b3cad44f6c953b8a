"""Systems whose score is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.evaluation.clips import resized
from pdfgc.evaluation.rendering import Drive


@dataclass
class Perfect:
    """Gives the real frames."""

    side: int = 128

    def __call__(self, drive: Drive) -> NDArray[np.uint8]:
        return resized(drive.driving, self.side)


class Still(Perfect):
    """Gives the source, always."""

    def __call__(self, drive: Drive) -> NDArray[np.uint8]:
        return np.repeat(resized(drive.source[None], self.side), len(drive.driving), axis=0)


class Nothing(Perfect):
    """Gives frames without a face."""

    def __call__(self, drive: Drive) -> NDArray[np.uint8]:
        return np.full((len(drive.driving), self.side, self.side, 3), 90, np.uint8)
