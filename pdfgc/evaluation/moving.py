"""One thing was moved: how far it went, and what went with it, on the made frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.evaluation.channels import CHANNELS, Signals, channels
from pdfgc.evaluation.measuring import Measured, measure
from pdfgc.metrics import correlation
from pdfgc.tracking import FaceBackend

NOTHING = "nothing"
"""The row in which no factor moves: what the tracker adds by itself."""

# Copies of the first frame, shown to the tracker beforehand: it takes a moment to settle.
_SETTLING = 8


@dataclass(frozen=True, eq=False)
class Moved:
    """One factor moved alone on one person.

    Attributes:
        person: whose source it was.
        factor: which factor moved.
        asked: (T,) for numbers; for lip and expression the channel of the driving clip.
        measured: every channel on the made frames, (T,) each.
        gain: slope of measured over asked; NaN where nothing is asked, or what is asked has no
            unit.
        r: correlation of asked and measured; NaN for nothing.
        movement: standard deviation of each channel over that on real clips.
        lost: share of frames without a face.
        frames: (T, S, S, 3) uint8 RGB.
    """

    person: str
    factor: str
    asked: NDArray[np.float64]
    measured: Signals
    gain: float
    r: float
    movement: dict[str, float]
    lost: float
    frames: NDArray[np.uint8]


def scored(
    person: str,
    factor: str,
    asked: Signals,
    frames: NDArray[np.uint8],
    *,
    still: Measured,
    open_eye: NDArray[np.floating],
    spread: Mapping[str, float],
    fps: float,
    backend: FaceBackend,
    has_unit: bool,
) -> Moved:
    """Measure made frames.

    Args:
        person: whose source it was.
        factor: what moved.
        asked: (T,) for each channel that may follow.
        frames: (T, S, S, 3) uint8 RGB.
        still: one frame of the real face, which stands in where no face is found.
        open_eye: (2,) apertures of the person's open eyes.
        spread: natural standard deviation of each channel.
        fps: frames per second.
        backend: landmark model of the tracker.
        has_unit: whether measured over asked means something.
    """
    settling = np.repeat(frames[:1], _SETTLING, axis=0)
    found = measure(np.concatenate([settling, frames]), fps, backend)
    found = found and found.part(_SETTLING, len(found))
    held = still.held(len(frames))
    signals = channels(held if found is None else found.filled(held), open_eye)
    fits = {name: correlation(signals[name], wanted) for name, wanted in asked.items()}
    # Of several channels that may follow, the one that the driver moved most in its spread.
    name = max(asked, key=lambda each: float(np.std(asked[each])) / spread[each])
    wanted = asked[name]
    slope = np.polyfit(wanted, signals[name], 1)[0] if has_unit else np.nan
    return Moved(
        person=person,
        factor=factor,
        asked=wanted,
        measured=signals,
        gain=float(slope),
        r=fits[name],
        movement={each: float(np.std(signals[each])) / spread[each] for each in CHANNELS},
        lost=1.0 if found is None else float(1 - found.found.mean()),
        frames=frames,
    )
