from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.media import probe, read_audio, read_image, read_video, write_gif, write_video

Image = NDArray[np.uint8]
Pictures = Callable[..., Iterator[Image]]


@pytest.mark.parametrize(
    ("fps", "n_kept", "shown_fps"), [(10, 30, 10), (25, 30, 25), (30, 30, 30), (100, 15, 50)]
)
def test_gif_plays_at_its_true_speed(
    fps: float, n_kept: int, shown_fps: float, tmp_path: Path, pictures: Pictures
) -> None:
    write_gif(tmp_path / "a.gif", pictures(30), fps)
    frames = list(read_video(tmp_path / "a.gif"))
    assert len(frames) == n_kept
    times = [frame.time_s for frame in frames]
    np.testing.assert_allclose(times, np.arange(n_kept) / shown_fps, atol=0.00501)
    assert probe(tmp_path / "a.gif").duration_s == pytest.approx(30 / fps, abs=0.02)
    stored = list(pictures(30))[:: round(30 / n_kept)]
    for frame, image in zip(frames, stored, strict=True):
        assert np.abs(frame.image.astype(int) - image).mean() < 8


def test_gif_of_few_colours_is_exact(tmp_path: Path) -> None:
    images = [np.full((9, 7, 3), (10 * index, 200, 30), np.uint8) for index in range(5)]
    images[2][3:5, 2:4] = (255, 0, 255)
    write_video(tmp_path / "a.gif", images, 10, np.zeros(8000))
    for frame, image in zip(read_video(tmp_path / "a.gif"), images, strict=True):
        np.testing.assert_array_equal(frame.image, image)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("frames", ["00000.png", "00001.png", "00002.png"]),
        ("frames/me_%03d.png", ["me_000.png", "me_001.png", "me_002.png"]),
        ("frames/%d.PNG", ["0.PNG", "1.PNG", "2.PNG"]),
    ],
)
def test_png_sequence_is_lossless(
    name: str, files: list[str], tmp_path: Path, pictures: Pictures
) -> None:
    write_video(tmp_path / name, pictures(3, 33, 21), 25)
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == files
    for file, image in zip(files, pictures(3, 33, 21), strict=True):
        np.testing.assert_array_equal(read_image(tmp_path / "frames" / file), image)
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


@pytest.mark.parametrize("shape", [(100_000,), (2, 100_000)])
def test_png_sequence_has_its_sound_beside_it(
    shape: tuple[int, ...], tmp_path: Path, pictures: Pictures
) -> None:
    # At 1 kHz the file is written in two pieces.
    sound = np.random.default_rng(0).uniform(-1, 1, shape)
    write_video(tmp_path / "frames", pictures(2), 25, sound, sample_rate=1000)
    heard = read_audio(tmp_path / "frames" / "audio.wav", sample_rate=1000)
    np.testing.assert_allclose(heard, np.atleast_2d(sound).mean(0), atol=6e-5)


def test_png_sequence_goes_into_an_empty_folder_only(tmp_path: Path, pictures: Pictures) -> None:
    (tmp_path / "frames").mkdir()
    write_video(tmp_path / "frames", pictures(2), 25)
    with pytest.raises(InputError, match="not an empty folder"):
        write_video(tmp_path / "frames", pictures(2), 25)
    assert len(list((tmp_path / "frames").iterdir())) == 2


def test_interrupted_sequence_leaves_nothing(tmp_path: Path, picture: Callable[..., Image]) -> None:
    def frames() -> Iterator[Image]:
        yield picture()
        raise KeyboardInterrupt

    for name in ("frames", "a.gif"):
        with pytest.raises(KeyboardInterrupt):
            write_video(tmp_path / name, frames(), 25)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a.png", "a_%s.png", "a_%d_%d.png", "100%.png", "a.jpg", "a.webm"]
)
def test_names_that_say_nothing_writable(name: str, tmp_path: Path, pictures: Pictures) -> None:
    with pytest.raises(InputError, match="end the name with one of"):
        write_video(tmp_path / "new" / name, pictures(2), 25)
