"""What every teacher can do."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor


class Teacher(ABC):
    """Names a difference between pictures."""

    @abstractmethod
    def difference(self, image: Tensor, target: Tensor) -> Tensor:
        """Content loss () of (B, 3, S, S) pictures in [-1, 1]."""
