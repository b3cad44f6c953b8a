"""Sound: any file to a mono waveform, and the waveform to log-mel windows, one per video frame."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import torch
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pdfgc.config import AudioConfig
from pdfgc.errors import InputError
from pdfgc.media.opening import CutOffError, demuxed, opened, time_zero_s

# log10 of the mel magnitude below which everything counts as silence: about 80 dB under a loud
# voice, and above the rounding noise of 16-bit sound.
_LOG_FLOOR = -4.0

SILENCE = -1.0
"""The value of `log_mel` in digital silence, its smallest."""

# ITU-R BS.775 weights of the loudspeakers in the mono mix; those not named are surround, 0.5.
# The low-frequency channel carries effects, no speech.
_DOWNMIX = {"FC": 1.0, "FL": 0.7071, "FR": 0.7071, "LFE": 0.0, "LFE2": 0.0}
# A hole in the time stamps longer than this is filled with silence, so that lips stay in step.
_GAP_S = 0.1
# Lossy codecs overshoot full scale a little; far above it the file holds integers as floats.
_MAX_PEAK = 8.0
# Sound is given in blocks of this length. The last packet may be padded: so much is held back, the
# longest packet there is.
_BLOCK_S, _LAST_S = 1.0, 0.5


def read_audio(path: str | os.PathLike[str], *, sample_rate: int = 16_000) -> NDArray[np.float32]:
    """Read the sound of an audio or video file as a mono waveform.

    Sample 0 is at time zero of the file, the clock that `read_video` uses: a sound that starts
    later is padded with silence, and so are holes in its time stamps. Stereo is averaged, surround
    sound is mixed with the weights of ITU-R BS.775 (sum 1, without the low-frequency channel), so
    the mix never clips. The level is left as it is.

    Args:
        path: any container and codec that FFmpeg reads.
        sample_rate: of the result, in Hz; the resampler is FFmpeg's, flushed at the end.

    Returns:
        `(N,)` float32 in [-1, 1].

    Raises:
        InputError: the file is missing, a folder, empty, damaged, cut off, without sound, of zero
            length, or holds values that are not numbers.
    """
    return np.concatenate(list(audio_blocks(path, sample_rate=sample_rate)))


def audio_blocks(
    path: str | os.PathLike[str], *, sample_rate: int
) -> Iterator[NDArray[np.float32]]:
    """Read as `read_audio` does, about a second at a time.

    Args:
        path: any container and codec that FFmpeg reads.
        sample_rate: of the result, in Hz.

    Yields:
        `(n,)` float32 in [-1, 1], n above 0.

    Raises:
        InputError: as `read_audio`, when the place is reached.
    """
    file = Path(path)
    with opened(file) as container:
        if not container.streams.audio:
            raise InputError(f"{file}: has no sound; give a file with an audio track.")
        stream = container.streams.audio[0]
        # FLAC numbers its samples without holes: where some are missing, the file is damaged.
        may_pause = container.format.name != "flac"
        mixer = _MonoMixer(sample_rate, may_pause=may_pause)
        zero_s = time_zero_s(container)
        try:
            for packet in demuxed(container, stream):
                for frame in stream.decode(packet):
                    mixer.add(frame, zero_s)
                while (block := mixer.take()) is not None:
                    yield _checked(block, file)
        except (av.FFmpegError, _HoleError) as error:
            raise InputError(
                f"{file}: the sound is damaged or cut off at {mixer.duration_s:.2f} s; "
                "copy or export it again."
            ) from error
        except CutOffError:
            raise InputError(
                f"{file}: cut off after {mixer.duration_s:.2f} s of sound; copy or export it again."
            ) from None
        # Only MP4 tells exactly how much of the last packet is sound.
        rest = mixer.finish(exact_end=container.format.name.startswith("mov"))
    if mixer.n_taken + rest.size == 0:
        raise InputError(f"{file}: the sound has zero length; record or export it again.")
    if rest.size:
        yield _checked(rest, file)


def _checked(block: NDArray[np.float32], file: Path) -> NDArray[np.float32]:
    if not np.isfinite(block).all():
        raise InputError(f"{file}: the sound holds values that are not numbers; export it again.")
    peak = float(np.abs(block).max())
    if peak > _MAX_PEAK:
        raise InputError(
            f"{file}: sample values reach {peak:.0f}, but float sound lies in -1..1; scale it."
        )
    return np.clip(block, -1.0, 1.0)


class _HoleError(Exception):
    """Samples are missing in a format that has no pauses."""


class _MonoMixer:
    """Resamples decoded frames, mixes them to mono and places them on the clock."""

    def __init__(self, sample_rate: int, *, may_pause: bool) -> None:
        self._sample_rate = sample_rate
        self._may_pause = may_pause
        self._chunks: deque[NDArray[np.float32]] = deque()
        self._n_samples = 0
        self.n_taken = 0
        self._resampler: AudioResampler | None = None
        self._source: tuple[int, str, str] | None = None
        self._end_s = 0.0
        self._surplus_s = 0.0

    @property
    def duration_s(self) -> float:
        return self._end_s

    def add(self, frame: AudioFrame, zero_s: float) -> None:
        """Append one decoded frame."""
        start_s = self._end_s if frame.time is None else frame.time - zero_s
        source = (frame.sample_rate, frame.layout.name, frame.format.name)
        if not self._may_pause and start_s > self._end_s + 1e-3:
            raise _HoleError
        if self._source != source or start_s - self._end_s > _GAP_S:
            self._flush()
            self._pad_to(start_s)
            self._source = source
            self._resampler = AudioResampler(format="fltp", rate=self._sample_rate)
            self._end_s = max(start_s, 0.0)
        self._end_s += frame.samples / frame.sample_rate
        self._surplus_s = 0.0
        if frame.duration and frame.time_base:
            lasting_s = float(frame.duration * frame.time_base)
            self._surplus_s = max(0.0, frame.samples / frame.sample_rate - lasting_s)
        # The place in time is kept by `_pad_to`; stale stamps would only confuse the resampler.
        frame.pts = None
        assert self._resampler is not None
        for resampled in self._resampler.resample(frame):
            self._take(resampled)

    def take(self) -> NDArray[np.float32] | None:
        """About the next second, `(n,)` float32, where there is more than may yet be cut off."""
        waiting = self._n_samples - self.n_taken
        if waiting < round((_BLOCK_S + _LAST_S) * self._sample_rate):
            return None
        kept, left = round(_LAST_S * self._sample_rate), waiting
        taken = []
        while left - len(self._chunks[0]) >= kept:
            left -= len(self._chunks[0])
            taken.append(self._chunks.popleft())
        if not taken:  # one long chunk
            chunk = self._chunks.popleft()
            self._chunks.appendleft(chunk[waiting - kept :])
            taken, left = [chunk[: waiting - kept]], kept
        self.n_taken += waiting - left
        return np.concatenate(taken)

    def finish(self, *, exact_end: bool) -> NDArray[np.float32]:
        """What is left, `(n,)` float32, without the last packet's padding if `exact_end`."""
        self._flush()
        if not self._chunks:
            return np.zeros(0, np.float32)
        rest = np.concatenate(self._chunks)
        if exact_end:
            end = round((self._end_s - self._surplus_s) * self._sample_rate)
            rest = rest[: max(0, end - self.n_taken)]
        return rest

    def _flush(self) -> None:
        if self._resampler is not None:
            for resampled in self._resampler.resample(None):
                self._take(resampled)
            self._resampler = None

    def _pad_to(self, time_s: float) -> None:
        missing = round(time_s * self._sample_rate) - self._n_samples
        if missing > 0:
            self._append(np.zeros(missing, np.float32))

    def _take(self, frame: AudioFrame) -> None:
        planes = frame.to_ndarray()  # (channels, samples) float32
        names = [channel.name for channel in frame.layout.channels]
        if len(names) > 2:
            weights = np.array([_DOWNMIX.get(name, 0.5) for name in names], np.float32)
        else:
            weights = np.ones(len(names), np.float32)
        self._append(weights / weights.sum() @ planes)

    def _append(self, samples: NDArray[np.float32]) -> None:
        self._chunks.append(samples)
        self._n_samples += samples.size


def log_mel(waveform: Tensor, config: AudioConfig) -> Tensor:
    """Log-mel spectrogram with the same value at every moment however much sound follows.

    `max(log10(mel), -4) / 2 + 1`, where `mel` is the magnitude spectrum (Hann window of
    `win_length`, centred) under Slaney's area-normalised mel filters. Silence is exactly -1, a
    loud voice reaches 1.3, a sine at full scale 1.45. No statistic of the clip is used, and the
    level is not normalised.

    Args:
        waveform: `(N,)` or `(B, N)` float in [-1, 1], at `config.sample_rate`.
        config: the settings of the spectrogram.

    Returns:
        `(..., n_mels, M)` float32 with `M = N // hop_length`; step `m` is centred at sample
        `m * hop_length`, and sees `win_length / 2` samples to each side; outside the waveform
        there is silence.
    """
    n_steps = waveform.shape[-1] // config.hop_length
    if n_steps == 0:
        return waveform.new_zeros(*waveform.shape[:-1], config.n_mels, 0, dtype=torch.float32)
    window = torch.hann_window(config.win_length, device=waveform.device)
    spectrum = torch.stft(
        waveform.float(),
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        win_length=config.win_length,
        window=window,
        center=True,
        pad_mode="constant",  # reflection would make the end depend on what is not yet there
        return_complex=True,
    )[..., :n_steps].abs()
    mel = mel_filters(config).to(spectrum.device) @ spectrum
    return mel.clamp(min=10.0**_LOG_FLOOR).log10() / 2 + 1


def settled_mels(n_samples: int, config: AudioConfig) -> int:
    """How many mel steps of a growing waveform no longer change when more samples come.

    Args:
        n_samples: length of the waveform so far.
        config: the settings of the spectrogram.

    Returns:
        The number of leading steps whose whole window has been heard.
    """
    heard = n_samples - config.win_length // 2
    return min(heard // config.hop_length + 1, n_samples // config.hop_length) if heard >= 0 else 0


def mel_windows(mel: Tensor, n_frames: int, config: AudioConfig) -> Tensor:
    """Cut the log-mel into one window per video frame.

    The window of frame `t` holds the steps from `c - window_past` to `c + window_ahead - 1`, where
    `c = t * mels_per_frame + mels_per_frame // 2` is the middle of the frame. Steps before the
    beginning and after the end are silence.

    Args:
        mel: `(..., n_mels, M)` from `log_mel`.
        n_frames: number of video frames `T`.
        config: the settings of the spectrogram and of the windows.

    Returns:
        `(..., T, n_mels, window_past + window_ahead)`, a view of a padded copy of `mel`.
    """
    length = config.window_past + config.window_ahead
    step = config.mels_per_frame
    before = config.window_past - step // 2
    after = max(0, max(0, n_frames - 1) * step + length - before - mel.shape[-1])
    padded = functional.pad(mel, (before, after), value=SILENCE)
    return padded.unfold(-1, length, step)[..., :n_frames, :].movedim(-2, -3)


@lru_cache(maxsize=8)
def mel_filters(config: AudioConfig) -> Tensor:
    """Triangular filters of Slaney's Auditory Toolbox, each of area 1, `(n_mels, n_fft // 2 + 1)`.

    The same as `librosa.filters.mel(htk=False, norm="slaney")`.
    """
    limits = hz_to_mel(np.array([config.f_min, config.f_max]))
    edges = _mel_to_hz(np.linspace(limits[0], limits[1], config.n_mels + 2))
    bins = np.linspace(0, config.sample_rate / 2, config.n_fft // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    # Kept for later calls, which may want gradients through it.
    with torch.inference_mode(False):
        return torch.from_numpy(filters.astype(np.float32))


# Slaney's scale: linear up to 1 kHz (15 mel), then 27 mel for every factor of 6.4.
_LINEAR_HZ = 200.0 / 3
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale."""
    above = 15 + np.log(np.maximum(hz, 1000.0) / 1000.0) / _LOG_STEP
    return np.where(hz < 1000.0, hz / _LINEAR_HZ, above)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = 1000.0 * np.exp(_LOG_STEP * (mel - 15))
    return np.where(mel < 15, mel * _LINEAR_HZ, above)
