"""Videos and sounds to dub, made anew for each run."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc.media import VideoWriter, read_image, read_video


@pytest.fixture(scope="session")
def portrait(face_image: Path) -> NDArray[np.uint8]:
    """(256, 256, 3) uint8 RGB, one face."""
    return np.ascontiguousarray(read_image(face_image)[::2, ::2])


@pytest.fixture(scope="session")
def cutaway(portrait: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face, a cut to a picture without one, the face again: 8, 6 and 8 frames, uneven times."""
    path = tmp_path_factory.mktemp("dubbing") / "cutaway.mp4"
    stripes = np.zeros_like(portrait)
    stripes[:, ::16] = (0, 0, 255)
    pictures = [portrait] * 8 + [stripes] * 6 + [portrait[:, ::-1].copy()] * 8
    times = np.cumsum(np.resize([0.04, 0.06, 0.033], len(pictures))) - 0.04
    with VideoWriter(path, fps=None, crf=10) as writer:
        for picture, time_s in zip(pictures, times, strict=True):
            writer.write(picture, float(time_s))
    return path


def first_second(clip: Path, out: Path, n_frames: int = 25) -> Path:
    """The beginning of a clip, almost lossless."""
    with VideoWriter(out, fps=None, crf=8) as writer:
        for frame in islice(read_video(clip), n_frames):
            writer.write(frame.image, frame.time_s)
    return out
