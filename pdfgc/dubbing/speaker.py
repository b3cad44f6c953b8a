"""Who speaks, and what the lips do for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar import Controls
from pdfgc.avatar.encoding import CodeReader, Waveform, check_waveform
from pdfgc.avatar.official import composer_for
from pdfgc.dubbing.voice import voice_gate
from pdfgc.media import Recording
from pdfgc.motion import Motion
from pdfgc.tracking import Choice, FaceChoice

Audio = str | os.PathLike[str] | NDArray[np.floating]


@dataclass(frozen=True)
class Speaker:
    """A face and what it says.

    Attributes:
        audio: a sound or video file, or (N,) float samples in [-1, 1] at 16 kHz.
        face: the largest, the number counted from the left, or that in an XYXY box in px. Where
            people are recognised, of the first shot in which it is there, and afterwards the same
            person's; else of every shot. Shots in which it is not there are passed through.
    """

    audio: Audio
    face: Choice = FaceChoice.LARGEST

    def speech(self, sample_rate: int) -> Recording:
        """What a model hears that works at this rate (Hz), which is that of an array, too.

        Raises:
            InputError: the sound cannot be used.
        """
        if isinstance(self.audio, np.ndarray):
            return Recording(check_waveform(self.audio, "The audio"), sample_rate)
        sound = Recording(Path(self.audio), sample_rate)
        len(sound)  # A damaged file is told of before work begins.
        return sound

    def sound(self, sample_rate: int) -> Recording:
        """What is heard in the result: files at their own rate; `sample_rate` is that of an array.

        Raises:
            InputError: the sound cannot be used.
        """
        if isinstance(self.audio, np.ndarray):
            return self.speech(sample_rate)
        return Recording.of_file(self.audio)


class Lips:
    """Lip codes of a speech at any time.

    Args:
        waveform: (N,) in [-1, 1] at the model's sample rate.
        reader: hears it.
        neutral: any motion of the model, one frame or more.
        gate: close the mouth where nobody speaks.
        lead_s: seconds by which the lips run ahead of the sound.

    Raises:
        InputError: the lead is out of range.
    """

    def __init__(
        self,
        waveform: Waveform,
        reader: CodeReader,
        neutral: Motion,
        *,
        gate: bool,
        lead_s: float = 0.0,
    ) -> None:
        config = reader.loaded.model.config.audio
        controls = Controls(lip_lead_s=lead_s)
        composer = composer_for(
            reader, neutral, fps=reader.fps, seed=0, controls=controls, progress=None
        )
        silence = np.zeros(config.sample_rate, np.float32)
        heard = reader.speech(silence)
        self.rest = composer.finished_lip(heard[len(heard) // 2][None])[0]
        rows = composer.finished_lip(reader.speech(waveform))
        if gate:
            share = voice_gate(waveform, config)[: len(rows), None]
            rows = reader.lips(np.asarray(self.rest + share * (rows - self.rest), np.float32))
        # At rest before and after.
        self._rows = np.concatenate([self.rest[None], rows, self.rest[None]])
        self._reader, self._lead_s = reader, lead_s

    def at(self, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
        """(T, D_lip) codes at (T,) times; at rest before and after the speech."""
        place = (times_s + self._lead_s) * self._reader.fps
        place = np.clip(place + 1, 0, len(self._rows) - 1)
        low = np.minimum(np.floor(place).astype(np.int64), len(self._rows) - 2)
        share = (place - low)[:, None]
        mixed = self._rows[low] * (1 - share) + self._rows[low + 1] * share
        return self._reader.lips(np.asarray(mixed, np.float32))
