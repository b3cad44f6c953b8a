"""How long a stream keeps its listeners waiting."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

_KEPT = 1000


@dataclass(frozen=True)
class Latency:
    """Latency of a stream.

    Attributes:
        algorithmic_ms: from the sound at a frame's start to the last sound that it waits for: what
            the speech windows hear ahead, and the blocks of the resampler. No machine is quicker.
        first_ms: from the arrival of the first frame's sound to its delivery.
        median_ms: likewise, of the latest frames.
        p95_ms: likewise, not exceeded by 95 of 100.
        worst_ms: likewise.
        made_ms: median time that making a frame took.
        n_frames: frames delivered.
    """

    algorithmic_ms: float
    first_ms: float
    median_ms: float
    p95_ms: float
    worst_ms: float
    made_ms: float
    n_frames: int


class Stopwatch:
    """Keeps the times of the latest frames.

    Args:
        algorithmic_s: see `Latency`.
    """

    def __init__(self, algorithmic_s: float) -> None:
        self._algorithmic_s = algorithmic_s
        self._waited: deque[float] = deque(maxlen=_KEPT)
        self._made: deque[float] = deque(maxlen=_KEPT)
        self._first: float | None = None
        self._n_frames = 0

    def add(self, made_s: float, waited_s: float | None) -> None:
        """Count a frame."""
        self._n_frames += 1
        self._made.append(made_s)
        if waited_s is not None:
            self._first = waited_s if self._first is None else self._first
            self._waited.append(waited_s)

    def read(self) -> Latency:
        """The figures; not a number where no frame was made yet."""
        waited = np.array(self._waited or [np.nan]) * 1000
        return Latency(
            algorithmic_ms=self._algorithmic_s * 1000,
            first_ms=float("nan") if self._first is None else self._first * 1000,
            median_ms=float(np.median(waited)),
            p95_ms=float(np.percentile(waited, 95)),
            worst_ms=float(waited.max()),
            made_ms=float(np.median(self._made)) * 1000 if self._made else float("nan"),
            n_frames=self._n_frames,
        )
