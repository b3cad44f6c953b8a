"""One call that writes frames, and their sound, in the form that the file's name asks for."""

from __future__ import annotations

import os
import re
import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pdfgc.errors import InputError
from pdfgc.files import writing_folder
from pdfgc.media.gif import write_gif
from pdfgc.media.shielding import shielded
from pdfgc.media.sound import Sound
from pdfgc.media.writer import CONTAINERS, VideoWriter

_PNG_NAME = "%05d.png"
_PATTERN = re.compile(r"[^%]*%(0\d+)?d[^%]*\.png", re.IGNORECASE)


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[NDArray[np.uint8]],
    fps: float,
    audio: NDArray[np.floating] | Sound | None = None,
    *,
    sample_rate: int = 16_000,
    crf: float = 18,
    keep_partial: bool = False,
) -> bool:
    """Write frames at a constant rate; what kind of file is told by the name.

    - `.mp4`, `.m4v`, `.mov`, `.mkv`: H.264 with AAC, see `VideoWriter`.
    - `.gif`: an animation, see `write_gif`; the sound is left out.
    - a pattern such as `out/%05d.png`, or a name without a suffix: a new folder of PNG files,
      numbered from 0, with the sound beside them in `audio.wav` (16 bits).

    Args:
        path: where to; nothing appears there until all is written, and nothing is left on failure.
        frames: `(H, W, 3)` uint8 RGB, all of one size; read lazily, never kept.
        fps: frames per second.
        audio: the whole sound, `(N,)` or `(2, N)`, float in [-1, 1], or a `Sound`, which is read
            as it is written.
        sample_rate: of `audio` in Hz, where that is an array.
        crf: x264's quality, 0 (lossless) to 51.
        keep_partial: on Ctrl-C, leave a playable file of what was done, its sound cut to it; only
            of the first kind.

    Returns:
        Whether all frames were written; False after Ctrl-C with `keep_partial`.

    Raises:
        InputError: unknown suffix, no frames, or the place cannot be written.
    """
    target = Path(path)
    if not fps > 0:
        raise InputError(f"{target}: fps is {fps}; it must be above 0.")
    suffix = target.suffix.lower()
    if suffix in CONTAINERS:
        with VideoWriter(target, fps=fps, audio=audio, sample_rate=sample_rate, crf=crf) as writer:
            return _written(writer, frames, keep_partial=keep_partial)
    elif suffix == ".gif":
        write_gif(target, frames, fps)
    elif suffix == "" or _PATTERN.fullmatch(target.name):
        _write_images(target, frames, audio, sample_rate)
    else:
        raise InputError(
            f"{target}: cannot write {suffix}; end the name with one of {', '.join(CONTAINERS)}, "
            ".gif, a pattern like %05d.png, or nothing for a folder of PNG files."
        )
    return True


def _written(
    writer: VideoWriter, frames: Iterable[NDArray[np.uint8]], *, keep_partial: bool
) -> bool:
    done = 0
    try:
        for frame in frames:
            # A frame that is half written would spoil the file.
            with shielded():
                writer.write(frame)
                done += 1
    except KeyboardInterrupt:
        if not keep_partial or not done:
            raise
        writer.end_here()
        return False
    return True


def _write_images(
    target: Path,
    frames: Iterable[NDArray[np.uint8]],
    audio: NDArray[np.floating] | Sound | None,
    sample_rate: int,
) -> None:
    folder, name = (target.parent, target.name) if target.suffix else (target, _PNG_NAME)
    with writing_folder(folder) as partial:
        n_frames = 0
        for image in frames:
            # Level 1 is three times as fast as the default and a few per cent larger.
            Image.fromarray(image).save(partial / (name % n_frames), compress_level=1)
            n_frames += 1
        if n_frames == 0:
            raise InputError(f"{target}: there is no frame to write.")
        if isinstance(audio, Sound):
            pieces = (block[:, None] for block in audio.blocks())
            _write_wav(partial / "audio.wav", pieces, 1, audio.sample_rate)
        elif audio is not None:
            both, step = np.atleast_2d(audio), 60 * sample_rate
            pieces = (both[:, at : at + step].T for at in range(0, both.shape[1], step))
            _write_wav(partial / "audio.wav", pieces, len(both), sample_rate)


def _write_wav(
    path: Path, pieces: Iterable[NDArray[np.floating]], n_channels: int, sample_rate: int
) -> None:
    """Write (n, channels) pieces."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(n_channels)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        for piece in pieces:
            file.writeframes(np.rint(piece.clip(-1, 1) * 32767).astype("<i2").tobytes())
