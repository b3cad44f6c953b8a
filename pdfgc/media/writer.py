"""Writing video: H.264 and AAC, frame by frame, with exact times and the sound woven in."""

from __future__ import annotations

import os
from contextlib import ExitStack
from fractions import Fraction
from math import lcm
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import VideoFrame as AVFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.files import writing
from pdfgc.media.sound import Sound

CONTAINERS = (".mp4", ".m4v", ".mov", ".mkv")
"""Suffixes that `VideoWriter` takes."""

_CLOCK_HZ = 90_000  # of frames that come with their own times, as in broadcasting
_MAX_MOVIE_HZ = 50_000_000  # of the clock of an MP4 file
_AAC_SAMPLES = 1024  # samples in one packet of sound
# Decoders round the end of the sound up to whole packets: from 44.1 kHz on, that is less than one
# video frame. Lower rates are therefore brought to 48 kHz.
_AAC_RATES = (44_100, 48_000, 88_200, 96_000)
_AAC_BITS_PER_S = 192_000  # per channel; below this FFmpeg's encoder garbles a tone that sets in
_BT709 = 1  # the number of BT.709 in H.264's tables of primaries, transfer and matrix
_TO_YUV = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class VideoWriter:
    """Writes one video file while the frames are made; memory does not grow with its length.

    Use it in a `with` statement. The file appears under its name when the block ends well; on any
    error, `KeyboardInterrupt` included, nothing is left. (A process that is killed outright leaves
    its hidden `.NAME.*.partial.*` beside, never a file called `path`.)

    Sound is encoded up to the time of each frame as that frame is written. It ends after exactly
    the samples given, and the picture after exactly the frames given: write
    `ceil(N / sample_rate * fps)` frames for `N` samples, and both end within one frame of each
    other. H.264 in 4:2:0 has even sides only, so an odd side gains one repeated row or column, at
    the bottom or the right. Colours are BT.709, limited range, and tagged so.

    Args:
        path: ending in .mp4, .m4v, .mov or .mkv. Matroska rounds times to 1 ms, and
            its sound may end up to 21 ms of silence later.
        fps: frames per second; None where every frame comes with its own time, which is kept to
            1/90000 s.
        size: width and height of the frames in px; None takes those of the first frame.
        audio: the whole sound, `(N,)` mono or `(2, N)` stereo, float in [-1, 1] (clipped there);
            or a `Sound`, which is read as it is written.
        sample_rate: of `audio` in Hz, where that is an array; all rates but 44.1, 48, 88.2 and
            96 kHz are stored as 48 kHz.
        crf: x264's quality, 0 (lossless) to 51; 18 looks like the source.
        threads: of the encoder; with 1 the same frames give the same bytes every time. By default
            x264's own choice.

    Raises:
        InputError: unknown suffix, folder missing or not writable, or the disk is full.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fps: float | None,
        size: tuple[int, int] | None = None,
        audio: NDArray[np.floating] | Sound | None = None,
        sample_rate: int = 16_000,
        crf: float = 18,
        threads: int | None = None,
    ) -> None:
        self._path = Path(path)
        self._threads = threads
        if self._path.suffix.lower() not in CONTAINERS:
            raise InputError(f"{path}: end the name with one of {', '.join(CONTAINERS)}.")
        if fps is not None and not 0 < fps <= 1000:
            raise InputError(f"{path}: fps is {fps}; it must be above 0 and at most 1000.")
        self._size = size
        self._rate = None if fps is None else _exact_rate(fps)
        self._sound = None if audio is None else _Sound(audio, sample_rate)
        self._crf = crf
        self._closing: ExitStack | None = None
        self._container: OutputContainer | None = None
        self._n_frames = 0
        self._first_tick = 0
        self._last_tick = -1
        self._held: tuple[AVFrame, int] | None = None

    def __enter__(self) -> Self:
        # Only the place is checked now; the file is opened when the size of the frames is known.
        with ExitStack() as stack:
            self._partial = stack.enter_context(writing(self._path))
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._closing is not None
        closing, self._closing = self._closing, None
        if error is not None:
            closing.__exit__(kind, error, trace)
        else:
            with closing:
                self._finish()

    def write(self, image: NDArray[np.uint8], time_s: float | None = None) -> None:
        """Append one frame.

        Args:
            image: `(H, W, 3)` uint8 RGB of the size that was promised.
            time_s: when it is shown, growing from frame to frame; only where `fps` is None.
        """
        if self._closing is None:
            raise RuntimeError("write() works inside the writer's with statement only.")
        size = self._size or (image.shape[1], image.shape[0])
        if image.shape != (size[1], size[0], 3) or image.dtype != np.uint8:
            raise ValueError(
                f"frame {self._n_frames} is {image.dtype} {image.shape}; "
                f"expected uint8 {(size[1], size[0], 3)}."
            )
        if self._container is None:
            self._size = size
            self._container = self._closing.enter_context(self._opened(size))
        tick = self._tick(time_s)
        frame = self._converted(image)
        # A frame lasts until the next one, so it is encoded when the next one is known.
        if self._held is not None:
            self._encode(tick - self._last_tick)
        else:
            self._first_tick = tick
        self._held = (frame, tick)
        self._last_tick = tick
        self._n_frames += 1

    def end_here(self) -> None:
        """Let the sound end with the picture written so far, as where work was broken off."""
        if self._sound is not None and self._held is not None:
            base = self._stream.codec_context.time_base
            self._sound.end_at(float((self._last_tick + self._last_duration()) * base))

    def _last_duration(self) -> int:
        """Ticks that the last frame lasts: the mean one's; a single frame as at 25 fps."""
        shown = self._last_tick - self._first_tick
        mean = shown // (self._n_frames - 1) if shown else _CLOCK_HZ // 25
        return 1 if self._rate else mean

    def _tick(self, time_s: float | None) -> int:
        if (self._rate is None) == (time_s is None):
            raise ValueError("give either fps to the writer or time_s with every frame.")
        if time_s is None:
            return self._n_frames
        tick = round(time_s * _CLOCK_HZ)
        if tick <= self._last_tick:
            raise ValueError(
                f"frame {self._n_frames} at {time_s} s is not later than the one before it."
            )
        return tick

    def _opened(self, size: tuple[int, int]) -> OutputContainer:
        options = {}
        if self._path.suffix.lower() != ".mkv":
            # The index goes to the front, so that players start before the whole file is there.
            options = {"movflags": "+faststart", "movie_timescale": str(self._movie_hz())}
        container = av.open(str(self._partial), "w", options=options)
        clock = 1 / self._rate if self._rate else Fraction(1, _CLOCK_HZ)
        self._stream = container.add_stream(
            "libx264",
            rate=self._rate or 30,
            options={"crf": str(self._crf), "preset": "veryfast"},
        )
        if self._threads is not None:
            self._stream.codec_context.thread_count = self._threads
        self._stream.width, self._stream.height = (side + side % 2 for side in size)
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = clock
        context = self._stream.codec_context
        context.time_base = clock
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = ColorRange.MPEG
        context.flags |= Flags.frame_duration
        if self._sound is not None:
            self._sound.open(container)
        return container

    def _movie_hz(self) -> int:
        # MP4 rounds the beginning and the end of every track to its own clock, 1 ms by default:
        # a clock that all of them divide keeps them exact.
        clock = self._rate.numerator if self._rate else _CLOCK_HZ
        if self._sound is not None:
            clock = lcm(clock, self._sound.rate)
        return clock if clock <= _MAX_MOVIE_HZ else _CLOCK_HZ

    def _converted(self, image: NDArray[np.uint8]) -> AVFrame:
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        return AVFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=_TO_YUV,
        )

    def _encode(self, duration: int) -> None:
        assert self._container is not None
        assert self._held is not None
        frame, tick = self._held
        frame.pts = tick
        frame.duration = duration
        frame.time_base = self._stream.codec_context.time_base
        self._container.mux(self._stream.encode(frame))
        if self._sound is not None:
            self._sound.encode_until(float((tick + duration) * frame.time_base))

    def _finish(self) -> None:
        if self._container is None:
            raise InputError(f"{self._path}: there is no frame to write.")
        self._encode(self._last_duration())
        self._container.mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.finish()


def _exact_rate(fps: float) -> Fraction:
    for whole in (24, 30, 48, 60, 120):
        television = Fraction(whole * 1000, 1001)  # what is written 23.976, 29.97, 59.94
        if abs(fps - television) < 1e-3:
            return television
    return Fraction(fps).limit_denominator(1001)


class _Sound:
    """Encodes a waveform piece by piece."""

    def __init__(self, audio: NDArray[np.floating] | Sound, sample_rate: int) -> None:
        if isinstance(audio, Sound):
            self._waveform: NDArray[np.floating] | Sound = audio
            self._n_channels, self._end, sample_rate = 1, len(audio), audio.sample_rate
        else:
            waveform = np.atleast_2d(np.asarray(audio))
            if waveform.ndim != 2 or waveform.shape[0] not in (1, 2) or waveform.dtype.kind != "f":
                raise ValueError(
                    f"audio is {waveform.dtype} {np.shape(audio)}; expected float (N,) or (2, N)."
                )
            self._waveform = waveform
            self._n_channels, self._end = waveform.shape
        self._sample_rate = sample_rate
        self._layout = "stereo" if self._n_channels == 2 else "mono"
        self.rate = sample_rate if sample_rate in _AAC_RATES else 48_000
        self._position = 0  # in the waveform
        self._n_encoded = 0  # at `rate`
        self._n_total = round(Fraction(self._end * self.rate, sample_rate))
        self._resampler = AudioResampler("fltp", self._layout, self.rate, frame_size=_AAC_SAMPLES)

    def open(self, container: OutputContainer) -> None:
        """Add a stream of sound to the file."""
        self._container = container
        self._stream = container.add_stream("aac", rate=self.rate, layout=self._layout)
        self._stream.bit_rate = _AAC_BITS_PER_S * self._n_channels

    def end_at(self, time_s: float) -> None:
        """Leave out what comes after this time and is not yet encoded."""
        self._end = max(self._position, min(round(time_s * self._sample_rate), self._end))
        self._n_total = round(Fraction(self._end * self.rate, self._sample_rate))

    def encode_until(self, time_s: float) -> None:
        """Encode the sound up to about `time_s`, in whole packets."""
        self._encode(min(int(time_s * self._sample_rate), self._end))

    def finish(self) -> None:
        """Encode what is left, to the exact sample."""
        self._encode(self._end)
        self._mux(self._resampler.resample(None))
        missing = self._n_total - self._n_encoded
        if missing > 0:  # what the resampler rounded away
            self._mux([self._frame(np.zeros((self._n_channels, missing), np.float32), self.rate)])
        self._container.mux(self._stream.encode(None))

    def _encode(self, end: int) -> None:
        while self._position < end:
            stop = min(self._position + _AAC_SAMPLES, end)
            piece = self._samples(stop)
            if not np.isfinite(piece).all():
                raise ValueError(f"audio holds NaN or infinity near sample {self._position}.")
            frame = self._frame(piece.clip(-1, 1), self._sample_rate)
            frame.pts = self._position
            self._mux(self._resampler.resample(frame))
            self._position = stop

    def _samples(self, stop: int) -> NDArray[np.float32]:
        """(channels, n) float32 from where the encoder is."""
        part = slice(self._position, stop)
        if isinstance(self._waveform, Sound):
            return self._waveform[part][None]
        return np.asarray(self._waveform[:, part], np.float32)

    def _frame(self, samples: NDArray[np.float32], rate: int) -> AudioFrame:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", self._layout)
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        return frame

    def _mux(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            room = self._n_total - self._n_encoded
            if room <= 0:
                return
            if frame.samples > room:
                samples = frame.to_ndarray()[:, :room].astype(np.float32, copy=False)
                frame = self._frame(samples, self.rate)
            frame.pts = self._n_encoded
            frame.time_base = Fraction(1, self.rate)
            self._n_encoded += frame.samples
            self._container.mux(self._stream.encode(frame))
