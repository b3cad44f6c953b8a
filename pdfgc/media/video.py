"""Reading video: lazily, upright, with the times at which the frames are really shown."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.frame import VideoFrame as AVFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.media.opening import CutOffError, demuxed, find_video, opened, time_zero_s

# Rounding and chroma interpolation at full precision: the default is off by up to 2 levels.
_TO_RGB = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_UPRIGHT = (1, 0, 0, 1)
_FLAW_SPACING = 50  # frames between two flaws that count as apart


@dataclass(frozen=True)
class VideoFrame:
    """One decoded picture.

    Attributes:
        image: `(H, W, 3)` uint8 RGB, upright, with square pixels.
        time_s: when it is shown, in seconds on the clock that it shares with the sound; the first
            frame may be later than 0.
        index: its number in the clip, from 0.
    """

    image: NDArray[np.uint8]
    time_s: float
    index: int


@dataclass(frozen=True)
class VideoInfo:
    """What a video file is, without decoding all of it.

    Attributes:
        width: of the upright picture with square pixels, in px.
        height: of the upright picture, in px.
        fps: average frames per second.
        n_frames: number of frames, or None where the file does not say.
        duration_s: length of the picture in seconds, as the header has it; with frames out of
            order, headers are at times wrong by a few frames.
        has_audio: whether there is sound.
        rotation_deg: counter-clockwise rotation that the file asks for (already applied to
            `width` and `height` and by `read_video`): 0, 90, 180 or 270; a mirrored picture says 0.
    """

    width: int
    height: int
    fps: float
    n_frames: int | None
    duration_s: float
    has_audio: bool
    rotation_deg: int


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Look at a video file: decodes one frame, and reads the packets where the header is silent.

    Raises:
        InputError: the file is missing, a folder, empty, damaged, or has no picture.
    """
    file = Path(path)
    with opened(file) as container:
        stream = _video_stream(container, file)
        first = next(_decoded(container, stream, file), None)
        if first is None:
            raise InputError(f"{file}: holds no frame; export it again.")
        orientation = _orientation(first)
        height, width = _display_size(first, stream, orientation)
        n_frames = stream.frames or None
        fps = stream.average_rate
        duration = stream.duration and float(stream.duration * (stream.time_base or 0))
        if not duration and fps and n_frames:
            duration = float(n_frames / fps)
        has_audio = bool(container.streams.audio)
        # These have no header with a rate and a length, and what FFmpeg guesses is far off.
        guessed = container.format.name in ("gif", "mpeg", "mpegts")
    if not duration or not fps or guessed:
        n_frames, duration = _scan(file)
        fps = Fraction(n_frames / duration).limit_denominator(10_000)
    return VideoInfo(
        width=width,
        height=height,
        fps=float(fps),
        n_frames=n_frames,
        duration_s=float(duration),
        has_audio=has_audio,
        rotation_deg=_rotation_deg(orientation),
    )


def read_video(path: str | os.PathLike[str]) -> Iterator[VideoFrame]:
    """Decode a video frame by frame; only a few frames are in memory at any time.

    Rotation and mirroring that the file asks for are applied, and pixels that are not square are
    stretched in width, so that a face has its true proportions. Every frame keeps its own time:
    use `resample_frames` for a constant rate. A lone frame in which the decoder patched a flaw is
    passed on with a warning; damage beyond that is an error.

    Args:
        path: any container and codec that FFmpeg reads.

    Yields:
        The frames in the order in which they are shown, with strictly growing times.

    Raises:
        InputError: the file is missing, a folder, empty, without a picture, damaged or cut off;
            the message names the frame.
    """
    file = Path(path)
    with opened(file) as container:
        stream = _video_stream(container, file)
        zero_s = time_zero_s(container)
        reformatter = VideoReformatter()
        index = 0
        last_s = float("-inf")
        for frame in _decoded(container, stream, file):
            time_s = frame.time - zero_s if frame.time is not None else None
            if time_s is None:
                # Raw streams have no clock; they run at their nominal rate.
                time_s = index / float(stream.guessed_rate or 25)
            if time_s <= last_s:
                continue  # a repeated time stamp: the frame would never be seen
            last_s = time_s
            yield VideoFrame(_to_rgb(frame, stream, reformatter), time_s, index)
            index += 1
        if index == 0:
            raise InputError(f"{file}: holds no frame that can be decoded; export it again.")


def resample_frames(frames: Iterable[VideoFrame], fps: float) -> Iterator[VideoFrame]:
    """Bring frames to a constant rate by taking, for every tick, the frame nearest in time.

    Tick `n` is at `n / fps` seconds, so that frame `n` belongs to the same moment of the sound
    whatever the source's rate. Ticks before the first frame show the first frame. The last frame
    lasts as long as the mean frame.

    Args:
        frames: with growing times, e.g. from `read_video`; read lazily.
        fps: the wanted rate in frames per second.

    Yields:
        Frames with `time_s = n / fps` and `index = n`; images are shared, not copied.
    """
    if not fps > 0:
        raise InputError(f"fps is {fps}; it must be above 0.")
    tick = 0
    first: VideoFrame | None = None
    previous: VideoFrame | None = None
    count = 0
    for frame in frames:
        count += 1
        first = first or frame
        if previous is not None:
            middle = (previous.time_s + frame.time_s) / 2
            while tick / fps < middle - 1e-9:
                yield replace(previous, time_s=tick / fps, index=tick)
                tick += 1
        previous = frame
    if first is None or previous is None:
        return
    mean_s = (previous.time_s - first.time_s) / (count - 1) if count > 1 else 0.0
    n_ticks = max(tick, 1, round((previous.time_s + mean_s) * fps))
    for last in range(tick, n_ticks):
        yield replace(previous, time_s=last / fps, index=last)


def _video_stream(container: InputContainer, file: Path) -> VideoStream:
    stream = find_video(container)
    if stream is None:
        raise InputError(f"{file}: has no picture; give a video file.")
    stream.thread_type = ThreadType.AUTO
    return stream


def _decoded(container: InputContainer, stream: VideoStream, file: Path) -> Iterator[AVFrame]:
    n_frames = 0
    patched: int | None = None
    try:
        for packet in demuxed(container, stream):
            for frame in stream.decode(packet):
                if frame.is_corrupt:
                    if n_frames == 0:
                        continue  # a recording that was joined midway, before its first key frame
                    # One flaw that the decoder patched is seldom visible, and found in one clip
                    # of 500; damage to the file spoils several frames near each other.
                    if patched is not None and n_frames - patched < _FLAW_SPACING:
                        raise InputError(_damaged(file, patched))
                    patched = n_frames
                    warnings.warn(f"{file}: frame {patched} has a flaw.", stacklevel=3)
                n_frames += 1
                yield frame
    except av.FFmpegError as error:
        raise InputError(_damaged(file, n_frames)) from error
    except CutOffError:
        raise InputError(
            f"{file}: cut off after frame {n_frames}; copy or export it again."
        ) from None


def _damaged(file: Path, index: int) -> str:
    return f"{file}: damaged or cut off at frame {index}; copy or export it again."


def _scan(file: Path) -> tuple[int, float]:
    """Count the frames and measure the length from the packets, without decoding."""
    with opened(file) as container:
        stream = _video_stream(container, file)
        base = stream.time_base or Fraction(1, 25)
        times: list[int] = []
        duration = 0
        try:
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size:
                    times.append(packet.pts)
                    duration = packet.duration or duration
        except av.FFmpegError as error:
            raise InputError(_damaged(file, len(times))) from error
    if not times:
        return 1, 1 / 25
    span = max(times) - min(times)
    duration = duration or (round(span / (len(times) - 1)) if len(times) > 1 else 0)
    return len(times), float((span + duration) * base) or 1 / 25


def _orientation(frame: AVFrame) -> tuple[int, int, int, int]:
    """The linear part of the display matrix as quarter turns and mirrors: (a, b, c, d).

    A source pixel offset (x, y) is shown at (a x + c y, b x + d y), y downwards.
    """
    try:
        side = cast(Mapping[str, Buffer], frame.side_data)["DISPLAYMATRIX"]
    except KeyError:
        return _UPRIGHT
    a, b, _, c, d = struct.unpack("=9i", bytes(side))[:5]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    return (0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)


def _rotation_deg(orientation: tuple[int, int, int, int]) -> int:
    turns = {(1, 0, 0, 1): 0, (0, -1, 1, 0): 90, (-1, 0, 0, -1): 180, (0, 1, -1, 0): 270}
    return turns.get(orientation, 0)


def _stretch(frame: AVFrame, stream: VideoStream) -> int:
    """Width in px at which the stored picture has square pixels."""
    aspect = stream.sample_aspect_ratio
    if not aspect or not 0.1 < aspect < 10:
        return frame.width
    return max(1, round(frame.width * aspect))


def _display_size(
    frame: AVFrame, stream: VideoStream, orientation: tuple[int, int, int, int]
) -> tuple[int, int]:
    height, width = frame.height, _stretch(frame, stream)
    return (height, width) if orientation[0] else (width, height)


def _to_rgb(
    frame: AVFrame, stream: VideoStream, reformatter: VideoReformatter
) -> NDArray[np.uint8]:
    width = _stretch(frame, stream)
    colorspace = None
    if not frame.format.is_rgb and frame.colorspace not in (1, 4, 5, 6, 7, 9, 10):
        # Files that do not name their colours: high definition is BT.709, else BT.601.
        colorspace = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
    rgb = reformatter.reformat(
        frame, width=width, format="rgb24", src_colorspace=colorspace, interpolation=_TO_RGB
    )
    return _turned(rgb.to_ndarray().astype(np.uint8, copy=False), _orientation(frame))


def _turned(image: NDArray[np.uint8], orientation: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    a, b, c, d = orientation
    if orientation == _UPRIGHT:
        return image
    if a == 0:
        image = image.swapaxes(0, 1)
        a, d = c, b
    return np.ascontiguousarray(image[::d, ::a])
