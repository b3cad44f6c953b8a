"""Mel windows of sound that is still coming in, the same as of the whole recording."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.config import AudioConfig
from pdfgc.media.audio import SILENCE, log_mel
from pdfgc.media.official import OFFICIAL_RMS, official_decibels, official_magnitudes

# Seconds of sound at the wanted level that are taken as heard before the first.
_ASSUMED_S = 1.0


class LiveWindows(ABC):
    """The window of one video frame after the other, as soon as its sound is there.

    Spectra are made in the same steps however the sound comes in, so that the sizes of the chunks
    do not change a bit. Memory does not grow.

    Args:
        config: settings of the spectrogram and of the windows.
        lead: samples before a mel step that its spectrum needs.
        rest: value of a mel step outside the recording.
    """

    def __init__(self, config: AudioConfig, *, lead: int, rest: float) -> None:
        self.config = config
        self._lead = lead
        self._rows = np.full((config.window_mels, config.n_mels), rest)
        self._n_steps = 0
        self._samples, self._first = np.zeros(lead, np.float32), -lead
        self._finished = False
        self.n_samples = 0
        """Samples heard."""
        self.n_taken = 0
        """Windows taken."""

    @property
    def ahead(self) -> int:
        """Samples after a frame's start that its window needs."""
        return round(self.config.look_ahead_s * self.config.sample_rate)

    @property
    def n_ready(self) -> int:
        """Windows whose sound is there, those that were taken included."""
        each = self.config.samples_per_frame
        if self._finished:
            return -(-self.n_samples // each)
        heard = self.n_samples - self.ahead
        return heard // each + 1 if heard >= 0 else 0

    def add(self, samples: NDArray[np.float32]) -> None:
        """Hear (n,) samples at the configured rate, in [-1, 1].

        Raises:
            RuntimeError: the sound was finished.
        """
        if self._finished:
            raise RuntimeError("the sound is finished")
        self._samples = np.concatenate([self._samples, samples])
        self.n_samples += len(samples)

    def finish(self) -> None:
        """Nothing more will come: what follows is silence."""
        self._finished = True

    def take(self) -> Tensor:
        """The next window, (1, n_mels, window_mels) float32.

        Raises:
            RuntimeError: it is not ready.
        """
        if self.n_taken >= self.n_ready:
            raise RuntimeError("the window is not ready")
        config = self.config
        step, hop = config.mels_per_frame, config.hop_length
        last = self.n_taken * step + step // 2 + config.window_ahead
        low = self._n_steps * hop - self._lead
        high = self.n_taken * config.samples_per_frame + self.ahead
        piece = self._samples[low - self._first : high - self._first]
        missing = high - low - len(piece)
        rows = self._spectra(np.pad(piece, (0, missing)) if missing > 0 else piece, last)
        self._rows = np.concatenate([self._rows, rows])[-config.window_mels :]
        self._n_steps = last
        self.n_taken += 1
        # What no later spectrum hears.
        past = last * hop - self._lead - self._first
        if past > 0:
            self._samples, self._first = self._samples[past:], self._first + past
        window = np.ascontiguousarray(self._window(self._rows).T, np.float32)
        return torch.from_numpy(window)[None]

    @abstractmethod
    def _spectra(self, piece: NDArray[np.float32], last: int) -> NDArray[np.floating]:
        """(m, n_mels) steps from the ones that are there up to `last`."""

    @abstractmethod
    def _window(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        """(window_mels, n_mels) steps as the encoder takes them."""


class LogMelWindows(LiveWindows):
    """As `mel_windows` of `log_mel` of the whole recording.

    Args:
        config: settings of the spectrogram and of the windows.
    """

    def __init__(self, config: AudioConfig) -> None:
        self._around = -(-config.win_length // config.hop_length)
        super().__init__(config, lead=self._around * config.hop_length, rest=SILENCE)

    def _spectra(self, piece: NDArray[np.float32], last: int) -> NDArray[np.floating]:
        count = last - self._n_steps
        mel = log_mel(torch.from_numpy(np.ascontiguousarray(piece)), self.config)
        rows = mel[:, self._around : self._around + count].numpy().T.copy()
        if self._finished:
            # Steps that begin after the last sample are none of the recording's.
            there = self.n_samples // self.config.hop_length - self._n_steps
            rows[max(0, there) :] = SILENCE
        return np.asarray(rows)

    def _window(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        return rows


class OfficialLiveWindows(LiveWindows):
    """As `official_windows`, at a level that is told from what was heard so far.

    The release brings a recording to its level as a whole, which looks to the end. Here the root
    mean square of all sound up to the window's end counts, after an assumed second at the wanted
    level: the gain begins at 1 and nears that of the whole recording as more is heard.

    Args:
        config: settings of the release.
    """

    def __init__(self, config: AudioConfig) -> None:
        lead = config.win_length // 2 + config.early_samples
        super().__init__(config, lead=lead, rest=0.0)
        self._n_weighed = round(_ASSUMED_S * config.sample_rate)
        self._power = self._n_weighed * OFFICIAL_RMS**2

    def _spectra(self, piece: NDArray[np.float32], last: int) -> NDArray[np.floating]:
        config = self.config
        samples = piece.astype(np.float64)
        fresh = config.samples_per_frame if self.n_taken else self.ahead
        self._power += float(np.square(samples[-fresh:]).sum())
        self._n_weighed += fresh
        pieces = np.lib.stride_tricks.sliding_window_view(samples, config.win_length)
        return official_magnitudes(pieces[:: config.hop_length][: last - self._n_steps], config)

    def _window(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        level = np.sqrt(self._power / self._n_weighed)
        return official_decibels(np.asarray(rows, np.float64) * (OFFICIAL_RMS / level))
