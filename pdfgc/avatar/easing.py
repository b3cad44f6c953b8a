"""How a curve travels from one keyframe to the next."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

# R. Penner, "Robert Penner's Programming Macromedia Flash MX", 2002, chapter 7: 10 % too far.
_OVERSHOOT = 1.70158


class Easing(Enum):
    """The way to a keyframe; the names are those of keyframe files and of the command line."""

    LINEAR = "linear"
    """At one speed."""
    STEP = "step"
    """Stay at the keyframe before, then jump."""
    SMOOTH = "smooth"
    """Start and stop softly (cubic)."""
    SMOOTHER = "smoother"
    """Start and stop without a jerk (quintic, K. Perlin, "Improving Noise", SIGGRAPH 2002)."""
    IN = "in"
    """Start softly (cubic)."""
    OUT = "out"
    """Stop softly (cubic)."""
    OVERSHOOT = "overshoot"
    """Go a tenth too far, and come back."""

    def shares(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the way that is done at shares of the time, both (T,) from 0 to 1.

        >>> Easing.SMOOTH.shares(np.array([0.0, 0.25, 0.5, 1.0])).tolist()
        [0.0, 0.15625, 0.5, 1.0]
        """
        left = 1 - times
        match self:
            case Easing.LINEAR:
                return times
            case Easing.STEP:
                return np.floor(times)
            case Easing.SMOOTH:
                return np.asarray(times**2 * (3 - 2 * times))
            case Easing.SMOOTHER:
                return np.asarray(times**3 * (times * (6 * times - 15) + 10))
            case Easing.IN:
                return np.asarray(times**3)
            case Easing.OUT:
                return np.asarray(1 - left**3)
            case Easing.OVERSHOOT:
                return np.asarray(1 - left**2 * ((_OVERSHOOT + 1) * left - _OVERSHOOT))
