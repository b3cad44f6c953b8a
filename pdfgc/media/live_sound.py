"""Sound that is still coming in: chunks of any size, kind and rate to a mono waveform."""

from __future__ import annotations

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from pdfgc.errors import InputError

# Chunks are resampled in blocks of this length, so that their sizes change nothing.
_BLOCK_S = 0.01
_LEAST_HZ, _MOST_HZ = 8_000, 192_000
# As for whole recordings: far above full scale, integers were meant.
_MOST_PEAK = 8.0


def checked_chunk(chunk: NDArray[np.generic], number: int) -> NDArray[np.float32]:
    """A chunk of sound as mono samples.

    Args:
        chunk: (n,) or (n, channels), n from 0 on; floats in [-1, 1] or int16; channels are
            averaged.
        number: of the chunk, for the message.

    Returns:
        (n,) float32 in [-1, 1], a copy.

    Raises:
        InputError: the chunk has another kind or shape, or values that are no sound.
    """
    array = np.asarray(chunk)
    if array.ndim not in (1, 2) or (array.dtype != np.int16 and array.dtype.kind != "f"):
        raise InputError(
            f"Audio chunk {number} is {array.dtype} {array.shape}; give (n,) or (n, channels) "
            f"float samples in -1..1, or int16."
        )
    samples = array.astype(np.float32)
    if array.dtype == np.int16:
        samples /= 32768
    if samples.ndim == 2:
        samples = samples.mean(axis=1) if samples.size else np.zeros(0, np.float32)
    if not np.isfinite(samples).all():
        raise InputError(f"Audio chunk {number} holds values that are not numbers; mend it.")
    if samples.size and float(np.abs(samples).max()) > _MOST_PEAK:
        raise InputError(f"Audio chunk {number} reaches beyond -1..1; scale it.")
    return np.clip(samples, -1, 1)


class LiveSound:
    """Brings sound to another rate while it comes in; the sizes of the chunks change nothing.

    Args:
        rate: of what comes in (Hz).
        wanted: of what goes out (Hz).

    Raises:
        InputError: the rate is out of range.
    """

    def __init__(self, rate: int, wanted: int) -> None:
        if not _LEAST_HZ <= rate <= _MOST_HZ:
            raise InputError(
                f"sample_rate is {rate}; give samples per second from {_LEAST_HZ} to {_MOST_HZ}."
            )
        self.rate, self.wanted = int(rate), wanted
        self._waiting = np.zeros(0, np.float32)
        self._resampler: AudioResampler | None = None

    @property
    def delay_s(self) -> float:
        """Seconds that a sample may wait here for those after it."""
        return 0.0 if self.rate == self.wanted else _BLOCK_S

    def add(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give (n,) samples, get those that are ready, (m,) float32."""
        if self.rate == self.wanted:
            return samples
        self._waiting = np.concatenate([self._waiting, samples])
        block = round(self.rate * _BLOCK_S)
        ready = len(self._waiting) // block * block
        blocks = self._waiting[:ready].reshape(-1, block)
        self._waiting = self._waiting[ready:]
        return _joined([self._resampled(each) for each in blocks])

    def flush(self) -> NDArray[np.float32]:
        """What is left, (m,) float32; what comes later begins anew."""
        rest = [self._resampled(self._waiting)] if self._waiting.size else []
        if self._resampler is not None:
            rest += [frame.to_ndarray()[0] for frame in self._resampler.resample(None)]
        self._waiting, self._resampler = np.zeros(0, np.float32), None
        return _joined(rest)

    def _resampled(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._resampler is None:
            self._resampler = AudioResampler(format="fltp", layout="mono", rate=self.wanted)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block[None]), "fltp", "mono")
        frame.sample_rate = self.rate
        return _joined([each.to_ndarray()[0] for each in self._resampler.resample(frame)])


def _joined(pieces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(pieces).astype(np.float32) if pieces else np.zeros(0, np.float32)
