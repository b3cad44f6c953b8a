"""Lip codes of sound that is still coming in."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar.composing import Composer
from pdfgc.avatar.encoding import CodeReader
from pdfgc.motion.rows import unit

Row = NDArray[np.float32]


class LiveLips:
    """The lip code of one frame after the other, as soon as its sound is there.

    The codes are those of `Avatar.motion` for the same sound, but that smoothing hears the past
    only.

    Args:
        reader: of the model.
        composer: knows strength and smoothing.
    """

    def __init__(self, reader: CodeReader, composer: Composer) -> None:
        self._reader, self._composer = reader, composer
        self._windows = reader.live_windows()
        self._lead = round(composer.controls.lip_lead_s * composer.fps)
        self._taps = composer.lip_taps()
        # Before smoothing, and after; the latter from frame `_first` on.
        self._heard: deque[Row] = deque(maxlen=len(self._taps))
        self._rows: deque[Row] = deque()
        self._first = 0
        self._finished = False
        self.n_taken = 0
        """Frames taken."""

    @property
    def n_samples(self) -> int:
        """Samples heard."""
        return self._windows.n_samples

    @property
    def n_needed(self) -> int:
        """Samples that must have been heard for the next frame."""
        return self._wanted * self._reader.loaded.model.config.audio.samples_per_frame + (
            self._windows.ahead
        )

    @property
    def ready(self) -> bool:
        """Whether the sound of the next frame is there."""
        if self._finished:
            return self.n_taken < self._windows.n_ready
        return self._windows.n_ready > self._wanted

    @property
    def _wanted(self) -> int:
        """Number of the code that the next frame shows."""
        return max(0, self.n_taken + self._lead)

    def add(self, samples: NDArray[np.float32]) -> None:
        """Hear (n,) samples at the model's rate."""
        self._windows.add(samples)

    def finish(self) -> None:
        """Nothing more will come."""
        self._finished = True
        self._windows.finish()

    def take(self) -> Row:
        """(D_lip,) the code of the next frame.

        Raises:
            RuntimeError: it is not ready.
        """
        if not self.ready:
            raise RuntimeError("the sound of this frame is not there yet")
        wanted = min(self._wanted, self._windows.n_ready - 1)
        while self._windows.n_taken <= wanted:
            self._rows.append(self._next())
        while self._first < wanted and len(self._rows) > 1:
            self._rows.popleft()
            self._first += 1
        self.n_taken += 1
        return self._rows[0]

    def _next(self) -> Row:
        row = self._reader.heard(self._windows.take())
        self._heard.append(self._composer.strengthened_lip(row)[0])
        taps = self._taps[-len(self._heard) :]
        if len(taps) == 1:
            return self._heard[-1]
        mixed = np.asarray(taps / taps.sum() @ np.stack(self._heard), np.float32)
        return mixed if self._reader.own_units else unit(mixed[None])[0]
