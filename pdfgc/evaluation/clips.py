"""Packed clips as the protocols take them: frames, what was tracked, and sound without its lag."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors

from pdfgc.config import AudioConfig
from pdfgc.errors import InputError
from pdfgc.evaluation.measuring import Measured
from pdfgc.media import read_audio, read_video
from pdfgc.training.shards import ShardIndex

SAMPLE_RATE = AudioConfig().sample_rate
"""Of all sound in the protocols (Hz)."""
MAX_FRAMES = 101
"""Frames taken of each clip: the source and 100 driving frames, 4 s."""


@dataclass(frozen=True, eq=False)
class TestClip:
    """The beginning of one packed clip.

    Attributes:
        key: its name in the pack.
        person: who is seen.
        frames: (T, S, S, 3) uint8 RGB crops.
        real: what the tracker saw in the clip when it was packed.
        fps: frames per second.
    """

    # The name begins with Test, but it holds none.
    __test__ = False

    key: str
    person: str
    frames: NDArray[np.uint8]
    real: Measured
    fps: float


@dataclass(frozen=True, eq=False)
class Sound:
    """The sound of the beginning of one packed clip.

    Attributes:
        person: who speaks.
        wave: (N,) float32 in [-1, 1] with the clip's lag taken out.
    """

    person: str
    wave: NDArray[np.float32]


class ClipSet:
    """Some clips of a pack, read anew each time that they are gone through.

    Args:
        packed: folder that `pdfgc pack` made.
        max_frames: frames taken of each clip, from its beginning.
        limit: how many clips at most; all persons come once before any comes twice.

    Raises:
        InputError: the folder is no pack.
    """

    def __init__(
        self,
        packed: str | os.PathLike[str],
        max_frames: int = MAX_FRAMES,
        limit: int | None = None,
    ) -> None:
        self.folder, self.max_frames = Path(packed), max_frames
        index = ShardIndex(packed)
        self.digest = index.digest
        turns: dict[str, int] = {}
        order = []
        for key in sorted(index.keys):
            person = str(index.meta(key)["person"])
            turns[person] = turns.get(person, -1) + 1
            order.append((turns[person], key))
        self.keys = sorted(key for _, key in sorted(order)[:limit])
        """Of the clips, sorted."""

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.keys)

    def __iter__(self) -> Iterator[TestClip]:
        """Clip by clip, in the order of the keys.

        Raises:
            InputError: a clip has less than 3 frames.
        """
        index = ShardIndex(self.folder)
        with tempfile.TemporaryDirectory() as scratch:
            for key in self.keys:
                yield _read(index, key, self.max_frames, Path(scratch))

    def sounds(self, min_frames: int) -> dict[str, Sound]:
        """The sound of every clip in which it fits the lips, by key; no frame is read.

        Args:
            min_frames: clips with fewer frames are left out.
        """
        index = ShardIndex(self.folder)
        sounds = {}
        with tempfile.TemporaryDirectory() as scratch:
            for key in self.keys:
                meta = index.meta(key)
                frames = min(int(meta["n_frames"]), self.max_frames)
                if meta.get("lag_to_apply_ms") is None or frames < min_frames:
                    continue
                wave = _sound(index, key, frames, Path(scratch))
                if wave is not None:
                    sounds[key] = Sound(str(meta["person"]), wave)
        return sounds


def read_clips(packed: str | os.PathLike[str], max_frames: int) -> Iterator[TestClip]:
    """Read a whole pack clip by clip, in the order of its keys.

    Args:
        packed: folder that `pdfgc pack` made.
        max_frames: frames taken of each clip, from its beginning.

    Raises:
        InputError: the folder is no pack, or a clip has less than 3 frames.
    """
    return iter(ClipSet(packed, max_frames))


def resized(pictures: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Bring square pictures to another side, antialiased, as training does.

    Args:
        pictures: (T, S, S, 3) uint8 RGB.
        side: new side (px).
    """
    if pictures.shape[1] == side:
        return pictures
    maps = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    small = torch.nn.functional.interpolate(
        maps, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )
    out: NDArray[np.uint8] = (
        small.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    )
    return out


def _read(index: ShardIndex, key: str, max_frames: int, scratch: Path) -> TestClip:
    meta = index.meta(key)
    video = scratch / "clip.mp4"
    video.write_bytes(index.read(key, "mp4"))
    frames = [frame.image for frame in islice(read_video(video), max_frames)]
    if len(frames) < 3:
        raise InputError(f"{key}: has {len(frames)} frames, at least 3 are needed; pack again.")
    rows = load_tensors(index.read(key, "safetensors"))
    tracked = (rows[name][: len(frames)] for name in ("landmarks", "gaze", "confidence"))
    return TestClip(
        key=key,
        person=str(meta["person"]),
        frames=np.stack(frames),
        real=Measured.of_track(*tracked),
        fps=float(meta.get("fps", 25.0)),
    )


def _sound(index: ShardIndex, key: str, frames: int, scratch: Path) -> NDArray[np.float32] | None:
    if not index.has(key, "flac"):
        return None
    meta = index.meta(key)
    file = scratch / "clip.flac"
    file.write_bytes(index.read(key, "flac"))
    wave = read_audio(file, sample_rate=SAMPLE_RATE)
    # The time by which the sound is later than the lips.
    lag = round(float(meta["lag_to_apply_ms"]) * SAMPLE_RATE / 1000)
    wave = wave[lag:] if lag >= 0 else np.concatenate([np.zeros(-lag, np.float32), wave])
    return wave[: round(frames / float(meta.get("fps", 25.0)) * SAMPLE_RATE)]
