"""Mistakes: one sentence that names the input, and nothing left behind; odd input that works."""

from __future__ import annotations

import os
import resource
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image

from pdfgc import Avatar, InputError
from pdfgc.media import read_image, write_video
from pdfgc.weights import LoadedModel, load_model


@pytest.fixture(scope="module")
def loaded(tiny_weights: Path) -> LoadedModel:
    return load_model(tiny_weights, "cpu")


@pytest.fixture(scope="module")
def portrait(face_image: Path) -> NDArray[np.uint8]:
    return read_image(face_image)


@pytest.fixture(scope="module")
def avatar(portrait: NDArray[np.uint8], loaded: LoadedModel) -> Avatar:
    return Avatar.from_images(portrait, weights=loaded)


def refused(message: str) -> pytest.RaisesExc[InputError]:
    return pytest.raises(InputError, match=message)


def one_sentence(error: pytest.ExceptionInfo[InputError], name: str) -> None:
    text = str(error.value)
    assert name in text
    assert "\n" not in text
    assert text.endswith(".")
    assert len(text) < 250


# Source images -----------------------------------------------------------------------------------


def test_no_face(loaded: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "sky.png"
    Image.fromarray(np.full((200, 300, 3), (90, 140, 220), np.uint8)).save(path)
    with refused("no face was found") as error:
        Avatar.from_images(path, weights=loaded)
    one_sentence(error, "sky.png")


def test_two_faces_need_a_choice(portrait: NDArray[np.uint8], loaded: LoadedModel) -> None:
    both = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    with refused("2 faces of similar size; say which one") as error:
        Avatar.from_images(both, weights=loaded)
    one_sentence(error, "source image 0")
    left = Avatar.from_images(both, weights=loaded, face=0)
    right = Avatar.from_images(both, weights=loaded, face=1)
    assert left._sources.crops[0, 0] < 512 < right._sources.crops[0, 0]
    boxed = Avatar.from_images(both, weights=loaded, face=(700.0, 50.0, 900.0, 250.0))
    np.testing.assert_allclose(boxed._sources.crops, right._sources.crops, atol=1)
    with refused("no face number 7"):
        Avatar.from_images(both, weights=loaded, face=7)


def test_tiny_face(portrait: NDArray[np.uint8], loaded: LoadedModel) -> None:
    small = np.asarray(Image.fromarray(portrait).resize((160, 160), Image.Resampling.LANCZOS))
    wide = np.pad(small, ((0, 0), (40, 40), (0, 0)), mode="edge")
    with refused(r"the face is 3\d px large, at least 40 px are needed") as error:
        Avatar.from_images(wide, weights=loaded)
    one_sentence(error, "source image 0")


def test_no_image_and_no_picture(loaded: LoadedModel) -> None:
    with refused("at least one source image"):
        Avatar.from_images([], weights=loaded)
    with refused(r"Source image 0 is float64 \(8, 8, 3\)"):
        Avatar.from_images([np.zeros((8, 8, 3))], weights=loaded)  # type: ignore[list-item]


def _save_grey(image: Image.Image, path: Path) -> None:
    image.convert("L").save(path)


def _save_grey_16_bit(image: Image.Image, path: Path) -> None:
    grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(path)


def _save_transparent(image: Image.Image, path: Path) -> None:
    image.convert("RGBA").save(path)


def _save_palette(image: Image.Image, path: Path) -> None:
    image.quantize(256).save(path)


def _save_turned(image: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter when shown
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


@pytest.mark.parametrize(
    "save", [_save_grey, _save_grey_16_bit, _save_transparent, _save_palette, _save_turned]
)
def test_odd_images_work(
    save: object, portrait: NDArray[np.uint8], avatar: Avatar, tmp_path: Path
) -> None:
    path = tmp_path / "odd.png"
    save(Image.fromarray(portrait), path)  # type: ignore[operator]
    odd = Avatar.from_images(path, weights=avatar._loaded)
    assert odd.animate().size == (512, 512)
    np.testing.assert_allclose(odd._sources.crops, avatar._sources.crops, atol=4)


@pytest.mark.parametrize("name", ["noise.jpg", "noise.png", "noise.mp4", "noise.wav"])
def test_noise(name: str, avatar: Avatar, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(InputError) as error:
        _use(avatar, path)
    one_sentence(error, name)


def _use(avatar: Avatar, path: Path) -> None:
    if path.suffix in (".wav", ".flac"):
        avatar.motion(audio=path)
    elif path.suffix == ".mp4":
        avatar.motion(pose_video=path)
    else:
        Avatar.from_images(path, weights=avatar._loaded)


def test_cut_off_files(
    avatar: Avatar, face_image: Path, face_clip: Path, speech: Path, tmp_path: Path
) -> None:
    for whole in (face_image, face_clip, speech):
        cut = tmp_path / f"cut{whole.suffix}"
        content = whole.read_bytes()
        cut.write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError) as error:
            _use(avatar, cut)
        one_sentence(error, cut.name)


@pytest.mark.parametrize(
    "name", ["", "nowhere.jpg", "nowhere/at/all.mp4", "empty.jpg", "empty.mp4"]
)
def test_missing_empty_and_folders(name: str, avatar: Avatar, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.startswith("empty"):
        path.touch()
    for attempt in (
        lambda: Avatar.from_images(path, weights=avatar._loaded),
        lambda: avatar.motion(audio=path),
        lambda: avatar.motion(gaze_video=path),
        lambda: avatar.motion(expression=str(path)),
    ):
        with pytest.raises(InputError) as error:
            attempt()
        one_sentence(error, path.name)


# Sound -------------------------------------------------------------------------------------------


def test_zero_length(avatar: Avatar, tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
    with pytest.raises(InputError) as error:
        avatar.motion(audio=path)
    one_sentence(error, "none.wav")
    with refused("zero length"):
        avatar.motion(audio=np.zeros(0, np.float32))


def test_not_a_number(avatar: Avatar, tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    wave_ = np.zeros(16_000, np.float32)
    wave_[500] = np.nan
    soundfile.write(path, wave_, 16_000, subtype="FLOAT")
    with refused("not numbers") as error:
        avatar.motion(audio=path)
    one_sentence(error, "nan.wav")
    with refused("not finite at sample 500"):
        avatar.motion(audio=wave_)
    with refused("float samples"):
        avatar.motion(audio=np.zeros(100, np.int16))  # type: ignore[arg-type]


def test_silence_works(avatar: Avatar, tmp_path: Path) -> None:
    path, out = tmp_path / "silence.wav", tmp_path / "out.mp4"
    soundfile.write(path, np.zeros(16_000, np.float32), 16_000)
    clip = avatar.animate(audio=path, crop=True)
    np.testing.assert_allclose(clip.motion.lip, avatar.model.rest_lip.numpy()[None].repeat(25, 0))
    clip.save(out)
    assert out.is_file()


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (96_000, 1), (44_100, 2), (48_000, 6)])
def test_odd_sound_works(rate: int, channels: int, avatar: Avatar, tmp_path: Path) -> None:
    path, out = tmp_path / "odd.wav", tmp_path / "out.mp4"
    times = np.arange(rate) / rate
    tone = 0.3 * np.sin(2 * np.pi * 200 * times) * (np.sin(2 * np.pi * 4 * times) > 0)
    soundfile.write(path, np.repeat(tone[:, None], channels, 1), rate)
    clip = avatar.animate(audio=path, crop=True)
    assert len(clip) == 25
    assert np.ptp(clip.motion.lip, axis=0).max() > 0
    clip.save(out)
    assert out.is_file()


def test_picture_without_sound_as_audio(avatar: Avatar, face_clip: Path) -> None:
    with refused("has no sound") as error:
        avatar.motion(audio=face_clip)
    one_sentence(error, "face.mp4")


# Driving clips -----------------------------------------------------------------------------------


def test_driving_video_without_a_face(avatar: Avatar, tmp_path: Path) -> None:
    path = tmp_path / "wall.mp4"
    write_video(path, (np.full((96, 128, 3), 90 + n, np.uint8) for n in range(10)), 25)
    with refused("no face was found in 10 frames") as error:
        avatar.motion(pose_video=path)
    one_sentence(error, "wall.mp4")


def test_frames_without_a_face_are_bridged(avatar: Avatar, portrait: NDArray[np.uint8]) -> None:
    frames = np.stack([portrait] * 12)
    frames[5:8] = 128
    motion = avatar.motion(pose=frames, expression=frames)
    whole = avatar.motion(pose=np.stack([portrait] * 12))
    assert np.isfinite(motion.pose).all()
    np.testing.assert_allclose(motion.pose[5:8], whole.pose[5:8], atol=0.02)


def test_sound_as_driving_video(avatar: Avatar, speech: Path) -> None:
    with refused("has no picture") as error:
        avatar.motion(pose_video=speech)
    one_sentence(error, "speech.flac")


def test_foreign_motion_file(avatar: Avatar, tiny_weights: Path) -> None:
    with refused("holds no pdfgc motion") as error:
        avatar.motion(pose=tiny_weights)
    one_sentence(error, "tiny.safetensors")


# Places to write to ------------------------------------------------------------------------------


@pytest.fixture(
    params=["out.mp4", "out.gif", "out", "out.motion.safetensors", "out.avatar.safetensors"]
)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _write(avatar: Avatar, path: Path) -> None:
    clip = avatar.animate(duration_s=1, crop=True)
    if path.name.endswith(".motion.safetensors"):
        clip.motion.save(path)
    elif path.name.endswith(".avatar.safetensors"):
        avatar.save(path)
    else:
        clip.save(path)


def test_missing_folder(avatar: Avatar, tmp_path: Path, name: str) -> None:
    with refused("does not exist; create it first"):
        _write(avatar, tmp_path / "nowhere" / name)
    assert list(tmp_path.iterdir()) == []


def test_no_permission(
    avatar: Avatar, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "locked"
    place.mkdir(mode=0o555)
    if os.access(place, os.W_OK):  # nothing is locked to root
        monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with refused("no permission to write"):
        _write(avatar, place / name)
    assert list(place.iterdir()) == []


@contextmanager
def _small_disk(limit_bytes: int) -> Iterator[None]:
    """Files cannot grow beyond this: the system refuses to write, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk(avatar: Avatar, tmp_path: Path, name: str) -> None:
    place = tmp_path / "full"
    place.mkdir()
    with _small_disk(2_000), refused("could not be written") as error:
        _write(avatar, place / name)
    assert list(place.iterdir()) == []
    one_sentence(error, "out")


def test_unknown_kind_of_file(avatar: Avatar, tmp_path: Path) -> None:
    with refused("cannot write .avi"):
        avatar.animate(duration_s=0.1, crop=True).save(tmp_path / "out.avi")
    assert list(tmp_path.iterdir()) == []
