"""Writing GIF animations, frame by frame."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.video.frame import VideoFrame as AVFrame
from numpy.typing import NDArray
from PIL import Image

from pdfgc.errors import InputError
from pdfgc.files import writing

_CLOCK_HZ = 100  # GIF counts hundredths of a second
_MIN_TICKS = 2  # players slow anything shorter down to 10 frames per second


def write_gif(
    path: str | os.PathLike[str], frames: Iterable[NDArray[np.uint8]], fps: float
) -> None:
    """Write a GIF: 256 colours per frame, at most 50 frames per second, no sound.

    Of a faster clip the frames between are left out, so that it plays at its true speed.

    Args:
        path: where to; written beside and renamed.
        frames: `(H, W, 3)` uint8 RGB, all of one size; read lazily.
        fps: frames per second.

    Raises:
        InputError: there is no frame, or the file cannot be written.
    """
    with writing(path) as partial, av.open(str(partial), "w", format="gif") as container:
        stream = container.add_stream("gif", rate=_CLOCK_HZ)
        stream.pix_fmt = "pal8"
        stream.codec_context.flags |= Flags.frame_duration
        last_tick: int | None = None
        for index, image in enumerate(frames):
            tick = round(index * _CLOCK_HZ / fps)
            if last_tick is None:
                stream.height, stream.width = image.shape[:2]
            elif tick - last_tick < _MIN_TICKS:
                continue
            frame = _with_palette(image)
            frame.pts = last_tick = tick
            frame.duration = max(_MIN_TICKS, round(_CLOCK_HZ / fps))
            container.mux(stream.encode(frame))
        if last_tick is None:
            raise InputError(f"{path}: there is no frame to write.")
        container.mux(stream.encode(None))


def _with_palette(image: NDArray[np.uint8]) -> AVFrame:
    reduced = Image.fromarray(image).quantize(256)
    colours = np.array(reduced.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0] = 255  # opaque; FFmpeg's order is alpha, red, green, blue
    palette[: len(colours), 1:] = colours
    pair: Any = (np.asarray(reduced), palette)  # which PyAV's types leave out
    return AVFrame.from_ndarray(pair, format="pal8")
