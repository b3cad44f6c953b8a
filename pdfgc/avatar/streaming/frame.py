"""What a stream gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StreamFrame:
    """One frame of a stream, with the sound that belongs to it.

    Who plays every frame's sound with its image is in step, idle time and interruptions included.

    Attributes:
        index: from 0.
        time_s: when it is shown, in seconds after the first.
        image: (H, W, 3) uint8 RGB.
        audio: (n,) float32, the mono sound while the frame is shown, at the model's sample rate;
            zeros where there is none.
        made_s: seconds that making it took.
        waited_s: seconds from the arrival of the last chunk that it needed to its delivery; None
            where it needed none, as while idle.
    """

    index: int
    time_s: float
    image: NDArray[np.uint8]
    audio: NDArray[np.float32]
    made_s: float
    waited_s: float | None
