"""The frames of the result before anything is drawn: the video, made as long as is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from itertools import islice

from pdfgc.errors import InputError
from pdfgc.media import VideoFrame, read_video

# Frames that are held while a video plays backwards (bytes).
_BACKWARDS_BYTES = 200_000_000
_EARLY_S = 1e-6


class Length(Enum):
    """How long the result is."""

    VIDEO = "video"
    """As the video; longer sound is cut off, after shorter sound the mouth is closed."""
    AUDIO = "audio"
    """As the sound; a longer video is cut off, a shorter one is an error."""
    LOOP = "loop"
    """As the sound; a shorter video begins again."""
    PINGPONG = "pingpong"
    """As the sound; a shorter video plays to and fro."""
    FREEZE = "freeze"
    """As the sound; the last frame of a shorter video stays."""


class Footage:
    """Frames with their times, as often as they are asked for, a few in memory at a time.

    Args:
        path: the video.
        length: how long.
        sound_s: length of the new sound.
    """

    def __init__(self, path: str | os.PathLike[str], length: Length, sound_s: float) -> None:
        self.path, self.length, self.sound_s = path, length, sound_s

    def frames(self) -> Iterator[VideoFrame]:
        """The frames, numbered from 0, with growing times.

        Raises:
            InputError: the video cannot be read, or is too short for `Length.AUDIO`.
        """
        if self.length is Length.VIDEO:
            yield from read_video(self.path)
            return
        for index, frame in enumerate(self._long()):
            if frame.time_s >= self.sound_s - _EARLY_S and index:
                return
            yield replace(frame, index=index)

    def _long(self) -> Iterator[VideoFrame]:
        last, n_frames, first_s = None, 0, 0.0
        times: list[float] = []
        for frame in read_video(self.path):
            if last is None:
                first_s = frame.time_s
            last, n_frames = frame, n_frames + 1
            times.append(frame.time_s)
            yield frame
        assert last is not None
        period = (last.time_s - first_s) / (n_frames - 1) if n_frames > 1 else 1 / 25
        end_s = last.time_s + period
        if self.length is Length.AUDIO:
            if end_s < self.sound_s - period:
                raise InputError(
                    f"{self.path}: lasts {end_s:.2f} s, the sound {self.sound_s:.2f} s; choose "
                    f"the length loop, pingpong, freeze or video."
                )
            return
        if self.length is Length.FREEZE or n_frames == 1:
            while True:
                yield replace(last, time_s=end_s)
                end_s += period
        forward = self.length is Length.LOOP
        while True:
            if forward:
                start = 0 if self.length is Length.LOOP else 1
                again: Iterator[VideoFrame] = islice(read_video(self.path), start, None)
                order = range(start, n_frames)
            else:
                again = self._backwards(n_frames, last.image.nbytes)
                order = range(n_frames - 2, -1, -1)
            before = times[0] - period if self.length is Length.LOOP else None
            for number, frame in zip(order, again, strict=False):
                # Every frame comes as long after the one before it as in the video.
                step = period if before is None else times[number] - before
                if before is None:
                    neighbour = number - 1 if forward else number + 1
                    step = abs(times[number] - times[neighbour])
                else:
                    before = times[number]
                at = end_s - period + step
                yield replace(frame, time_s=at)
                end_s = at + period
            if self.length is Length.PINGPONG:
                forward = not forward

    def _backwards(self, n_frames: int, frame_bytes: int) -> Iterator[VideoFrame]:
        """From the last frame but one to the first, by reading ever shorter beginnings."""
        held = max(1, _BACKWARDS_BYTES // frame_bytes)
        stop = n_frames - 1
        while stop > 0:
            start = max(0, stop - held)
            part = list(islice(read_video(self.path), start, stop))
            yield from reversed(part)
            stop = start


def grouped(frames: Iterator[VideoFrame], size: int) -> Iterator[list[VideoFrame]]:
    """Frames in lists of `size`; the last one may be shorter."""
    for first in frames:
        yield [first, *islice(frames, size - 1)]
