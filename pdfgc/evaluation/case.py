"""What the protocols give: one case for each video that was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

REAL, STILL, MODEL = "real", "held still", "model"
LOUDNESS, SHUFFLED = "loudness", "shuffled audio"

Values = dict[str, float]


class Protocol(Enum):
    """What is driven by what; the value is also the folder of its videos."""

    SELF = "self"
    AUDIO = "audio"
    CROSS = "cross"
    FACTORS = "factors"
    SHOTS = "shots"


@dataclass(frozen=True, eq=False)
class Sample:
    """A few frames of one case, to look at.

    Attributes:
        source: (S, S, 3) uint8 RGB.
        driving: (n, S, S, 3) real frames, evenly spaced.
        made: (n, S, S, 3) what the system made of them.
        film: the whole, driving beside made, as an MP4 file.
    """

    source: NDArray[np.uint8]
    driving: NDArray[np.uint8]
    made: NDArray[np.uint8]
    film: bytes


@dataclass(frozen=True, eq=False)
class Case:
    """What was measured on one video.

    Attributes:
        protocol: which one.
        name: how its video is called, without folder and suffix.
        person: who gives the source.
        frames: number of driving frames.
        rows: values by row and measure; NaN where a measure says nothing here.
        ratios: errors over those of the held-still source, by row and measure; the real row's are
            the least that the tracker lets anything have.
        series: channels over time by row, to look at; angles in degrees.
        features: of some frames, by row and by what network: for distances of whole sets.
        sample: frames to look at; None where nothing was made.
    """

    protocol: Protocol
    name: str
    person: str
    frames: int
    rows: dict[str, Values]
    ratios: dict[str, Values] = field(default_factory=dict)
    series: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)
    features: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)
    sample: Sample | None = None
