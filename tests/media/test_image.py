from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image

from pdfgc.errors import InputError
from pdfgc.media import read_image, write_video

Array = NDArray[np.uint8]


def test_rgb_is_exact(tmp_path: Path, picture: Callable[..., Array]) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image, picture(0))
    assert image.dtype == np.uint8
    assert image.flags.writeable


@pytest.mark.parametrize("suffix", ["jpg", "webp", "bmp", "tiff", "gif"])
def test_formats(suffix: str, tmp_path: Path, picture: Callable[..., Array]) -> None:
    Image.fromarray(picture(0)).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.shape == (48, 64, 3)
    assert np.abs(image.astype(int) - picture(0)).mean() < 5


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA", "RGBA"])
def test_modes(mode: str, tmp_path: Path, picture: Callable[..., Array]) -> None:
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    stored = Image.fromarray(picture()).convert(mode)
    stored.save(path)
    np.testing.assert_array_equal(read_image(path), np.asarray(stored.convert("RGB")))


def test_transparent_is_laid_over_white(tmp_path: Path) -> None:
    pixels = np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = [[[200, 0, 0], [255, 255, 255], [127, 127, 127]]]
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1)


def test_transparent_palette_is_laid_over_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png").tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_16_bit_grey(tmp_path: Path) -> None:
    grey = np.array([[0, 257, 32768, 65535]], np.uint16)
    for name in ("a.png", "a.tiff"):
        Image.fromarray(grey).save(tmp_path / name)
        assert read_image(tmp_path / name)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_dark_16_bit_grey_stays_dark(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 200, np.uint16)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").max() == 1


def test_16_bit_colour(tmp_path: Path, picture: Callable[..., Array]) -> None:
    path = tmp_path / "a.png"
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb48be"
        wide = (picture(0).astype(np.uint16) * 257).astype(np.uint16)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(wide, format="rgb48le")))
        container.mux(stream.encode(None))
    assert path.read_bytes()[24] == 16
    np.testing.assert_allclose(read_image(path), picture(0), atol=1)


def test_float_grey(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0.5, 1, np.nan]], np.float32)).save(tmp_path / "a.tiff")
    assert read_image(tmp_path / "a.tiff")[0, :, 0].tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int, tmp_path: Path, picture: Callable[..., Array]) -> None:
    upright = picture(0)
    # What a camera held that way stores, so that the orientation brings it back.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), upright)


def test_first_picture_of_an_animation_and_of_a_video(
    tmp_path: Path, picture: Callable[..., Array], pictures: Callable[..., Iterator[Array]]
) -> None:
    for name in ("a.gif", "a.mp4"):
        write_video(tmp_path / name, pictures(8), 5)
        image = read_image(tmp_path / name)
        assert np.abs(image.astype(int) - picture(0)).mean() < 6


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
@pytest.mark.parametrize("share", [0.05, 0.6])
def test_cut_off(suffix: str, share: float, tmp_path: Path, picture: Callable[..., Array]) -> None:
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(picture(0, 320, 240)).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=rf"cut\.{suffix}: "):
        read_image(path)


def test_no_image(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "letter.png").write_text("Dear Sir or Madam,\n" * 100)
    (tmp_path / "noise.png").write_bytes(np.random.default_rng(0).bytes(5000))
    soundfile.write(tmp_path / "song.wav", np.zeros(1000), 16_000)
    for name, sentence in [
        ("no.png", "no such file"),
        ("", "is a folder"),
        ("empty.png", "is empty"),
        ("letter.png", "not a readable image"),
        ("noise.png", "not a readable image"),
        ("song.wav", "not a readable image"),
    ]:
        with pytest.raises(InputError, match=sentence):
            read_image(tmp_path / name)


def test_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="too large"):
        read_image(tmp_path / "a.png")
