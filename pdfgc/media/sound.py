"""Sound that is read in pieces, as often as wanted: memory does not grow with its length."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.media.audio import audio_blocks
from pdfgc.media.opening import opened

MOST_HZ = 48_000
"""A sound file is read at its own rate, but at most at this one (samples per second)."""

_BLOCK_S = 1.0


class Sound(ABC):
    """N mono samples, float32 in [-1, 1].

    A slice gives samples as that of an array would. Slices that go forward are read as they come,
    and only what lies in the last one is held; one that goes back reads from the beginning.

    Args:
        sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._reading: Iterator[NDArray[np.float32]] = iter(())
        self._held, self._first = np.zeros(0, np.float32), -1

    @abstractmethod
    def __len__(self) -> int:
        """N."""

    @abstractmethod
    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """All samples in order, in blocks of any length."""

    def __getitem__(self, part: slice) -> NDArray[np.float32]:
        """(n,) float32, the samples of a slice without a step."""
        start, stop, step = part.indices(len(self))
        if step != 1:
            raise ValueError(f"a sound is sliced without a step, not by {step}")
        if self._first < 0 or start < self._first:
            self._reading, self._first = self.blocks(), 0
            self._held = np.zeros(0, np.float32)
        while self._first + len(self._held) < stop:
            block = next(self._reading)
            self._skip_to(start)
            self._held = np.concatenate([self._held, block])
        self._skip_to(start)
        return self._held[: max(0, stop - start)].copy()

    def _skip_to(self, start: int) -> None:
        past = min(start - self._first, len(self._held))
        self._held, self._first = self._held[past:], self._first + past

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self) / self.sample_rate

    def read(self) -> NDArray[np.float32]:
        """(N,) float32, all of it at once."""
        return np.concatenate([np.zeros(0, np.float32), *self.blocks()])[: len(self)]


class Recording(Sound):
    """The sound of a file, or samples that are there already.

    Args:
        origin: any file with sound, see `read_audio`; or (N,) float32 in [-1, 1].
        sample_rate: at which a file is read (Hz), that of the samples otherwise.
        n_samples: after so many it ends; None to count them all.
    """

    def __init__(
        self, origin: Path | NDArray[np.float32], sample_rate: int, *, n_samples: int | None = None
    ) -> None:
        super().__init__(sample_rate)
        self.origin, self._n_samples = origin, n_samples

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> Recording:
        """The sound of a file at its own rate, at most `MOST_HZ`.

        Raises:
            InputError: the file cannot be read, or has no sound.
        """
        with opened(path) as container:
            if not container.streams.audio:
                raise InputError(f"{path}: has no sound; give a file with an audio track.")
            return cls(Path(path), min(MOST_HZ, container.streams.audio[0].rate))

    def __len__(self) -> int:
        """N.

        Raises:
            InputError: at the first call, which reads all of a file; see `read_audio`.
        """
        if self._n_samples is None:
            self._n_samples = sum(map(len, self._whole()))
        return self._n_samples

    def _whole(self) -> Iterator[NDArray[np.float32]]:
        if isinstance(self.origin, Path):
            return audio_blocks(self.origin, sample_rate=self.sample_rate)
        origin, each = self.origin, round(_BLOCK_S * self.sample_rate)
        return (origin[at : at + each] for at in range(0, len(origin), each))

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """All samples in order, about a second in each block."""
        left = len(self)
        for block in self._whole():
            if left <= 0:
                return
            yield block[:left]
            left -= len(block)

    def at(self, sample_rate: int) -> Recording:
        """The whole of it at another rate (Hz)."""
        if isinstance(self.origin, Path) or sample_rate == self.sample_rate:
            return Recording(self.origin, sample_rate)
        from scipy.signal import resample_poly

        shared = gcd(sample_rate, self.sample_rate)
        moved = resample_poly(self.origin, sample_rate // shared, self.sample_rate // shared)
        return Recording(np.asarray(moved, np.float32), sample_rate)

    def until(self, most: int) -> Recording:
        """The first `most` samples of it."""
        return Recording(self.origin, self.sample_rate, n_samples=min(most, len(self)))


class Mixture(Sound):
    """Several sounds heard at once, clipped to [-1, 1]; as long as the longest.

    Args:
        parts: of one sample rate.

    Raises:
        ValueError: there are none, or they have several rates.
    """

    def __init__(self, parts: Sequence[Sound]) -> None:
        rates = {part.sample_rate for part in parts}
        if len(rates) != 1:
            raise ValueError(f"sounds of one rate can be mixed, not of {sorted(rates)} Hz")
        super().__init__(rates.pop())
        self._parts = tuple(parts)

    def __len__(self) -> int:
        """N."""
        return max(map(len, self._parts))

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """All samples in order, a second in each block."""
        each = round(_BLOCK_S * self.sample_rate)
        for start in range(0, len(self), each):
            mixed = np.zeros(min(each, len(self) - start), np.float32)
            for part in self._parts:
                heard = part[start : start + each]
                mixed[: len(heard)] += heard
            yield np.clip(mixed, -1, 1)
