"""Small pictures, sounds and files of every kind that the media layer meets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@pytest.fixture
def picture() -> Callable[..., Image]:
    """Give picture number `index` of a clip: smooth, and each a little different."""

    def make(index: int = 0, width: int = 64, height: int = 48) -> Image:
        y, x = np.mgrid[:height, :width].astype(float)
        turn = index / 10
        red = 128 + 100 * np.sin(x / 20 + turn)
        green = 128 + 100 * np.sin(y / 15 - turn)
        blue = 128 + 100 * np.sin((x + y) / 30 + 2 * turn)
        return np.stack([red, green, blue], -1).astype(np.uint8)

    return make


@pytest.fixture
def pictures(picture: Callable[..., Image]) -> Callable[..., Iterator[Image]]:
    """Give `n` pictures, made one at a time."""

    def make(n: int, width: int = 64, height: int = 48) -> Iterator[Image]:
        return (picture(index, width, height) for index in range(n))

    return make


@pytest.fixture
def noise() -> Callable[..., NDArray[np.float32]]:
    """Give speech-like noise: low-passed, with a new level every 50 ms."""

    def make(n_samples: int, *, sample_rate: int = 16_000, seed: int = 0) -> NDArray[np.float32]:
        random = np.random.default_rng(seed)
        smooth = max(4, sample_rate // 2000)
        sound = np.convolve(random.standard_normal(n_samples), np.ones(smooth) / smooth, "same")
        block = max(1, sample_rate // 20)
        level = np.repeat(random.uniform(0.05, 1, n_samples // block + 1), block)[:n_samples]
        return (0.3 * sound * level).astype(np.float32)

    return make


@pytest.fixture
def raw_audio(tmp_path: Path) -> Callable[..., Path]:
    """Write PCM frames of any layout and times with FFmpeg; returns the path.

    `pieces` are (time in seconds, (channels, samples) float32).
    """

    def make(
        name: str,
        pieces: list[tuple[float, NDArray[np.float32]]],
        *,
        sample_rate: int = 16_000,
        layout: str = "mono",
        codec: str = "pcm_s16le",
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=sample_rate, layout=layout)
            for time_s, samples in pieces:
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(samples, np.float32), "fltp", layout
                )
                frame.sample_rate = sample_rate
                frame.time_base = Fraction(1, sample_rate)
                frame.pts = round(time_s * sample_rate)
                if stream.format.name != "fltp":
                    values = samples.T.reshape(1, -1)
                    ints = np.rint(values.clip(-1, 1) * 32767).astype(np.int16)
                    packed = av.AudioFrame.from_ndarray(np.ascontiguousarray(ints), "s16", layout)
                    packed.sample_rate, packed.pts = sample_rate, frame.pts
                    packed.time_base = frame.time_base
                    frame = packed
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def raw_video(tmp_path: Path) -> Callable[..., Path]:
    """Write pictures with FFmpeg directly, with settings that `VideoWriter` does not offer."""

    def make(
        name: str,
        images: list[Image],
        *,
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        rate: int = 25,
        start: int = 0,
        rotation: tuple[float, bool] | None = None,
        aspect: Fraction | None = None,
        options: dict[str, str] | None = None,
        file_options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", options=file_options or {}) as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            stream.height, stream.width = images[0].shape[:2]
            stream.pix_fmt = pix_fmt
            if rotation is not None:
                stream.set_display_rotation(rotation[0], hflip=rotation[1])
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            for index, image in enumerate(images):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts = start + index
                frame.time_base = Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make
