from __future__ import annotations

import struct
import weakref
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.media import (
    VideoFrame,
    VideoWriter,
    probe,
    read_audio,
    read_video,
    resample_frames,
    write_video,
)

Image = NDArray[np.uint8]
Pictures = Callable[..., Iterator[Image]]
RawVideo = Callable[..., Path]

# Red, green above blue, white.
QUARTERS = np.zeros((48, 64, 3), np.uint8)
QUARTERS[:24, :32, 0] = QUARTERS[:24, 32:, 1] = QUARTERS[24:, :32, 2] = QUARTERS[24:, 32:] = 255


def _error(a: Image, b: Image) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def _quarter_colours(image: Image) -> str:
    height, width = image.shape[:2]
    names = {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 1): "w"}
    return "".join(
        names[tuple(int(v > 127) for v in image[y, x])]
        for y in (height // 4, 3 * height // 4)
        for x in (width // 4, 3 * width // 4)
    )


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx265", "yuv420p10le"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.ts", "libx264", "yuv420p"),
        ("a.mpg", "mpeg2video", "yuv420p"),
        ("a.avi", "ffv1", "bgr0"),
    ],
)
def test_containers_and_codecs(
    name: str, codec: str, pix_fmt: str, raw_video: RawVideo, pictures: Pictures
) -> None:
    images = list(pictures(20))
    path = raw_video(name, images, codec=codec, pix_fmt=pix_fmt, options={"b": "3M"})
    frames = list(read_video(path))
    assert [frame.index for frame in frames] == list(range(20))
    # Packed MPEG-4 streams start with their reordering delay.
    times = np.array([frame.time_s for frame in frames])
    np.testing.assert_allclose(times - times[0], np.arange(20) / 25, atol=1e-3)
    assert 0 <= times[0] < 0.1
    for frame, image in zip(frames, images, strict=True):
        assert frame.image.shape == image.shape
        assert frame.image.dtype == np.uint8
        assert _error(frame.image, image) < 4
    info = probe(path)
    assert (info.width, info.height, info.has_audio) == (64, 48, False)
    assert info.fps == pytest.approx(25, rel=0.02)
    assert info.duration_s == pytest.approx(0.8, abs=0.08)
    assert info.n_frames in (None, 20)


def test_probe_names_what_the_file_has(tmp_path: Path, pictures: Pictures) -> None:
    write_video(tmp_path / "a.mp4", pictures(30), 30, np.zeros(16_000, np.float32))
    info = probe(tmp_path / "a.mp4")
    assert info.n_frames == 30
    assert info.fps == 30
    assert info.duration_s == 1
    assert info.has_audio
    assert info.rotation_deg == 0


@pytest.mark.parametrize(
    ("rotation", "expected", "degrees"),
    [
        ((0, False), "rgbw", 0),
        ((90, False), "gwrb", 90),
        ((180, False), "wbgr", 180),
        ((-90, False), "brwg", 270),
        ((0, True), "grwb", 0),
        ((180, True), "bwrg", 0),
    ],
)
def test_rotation_and_mirroring_are_applied(
    rotation: tuple[float, bool], expected: str, degrees: int, raw_video: RawVideo
) -> None:
    path = raw_video("a.mp4", [QUARTERS] * 2, rotation=rotation)
    info = probe(path)
    for frame in read_video(path):
        assert _quarter_colours(frame.image) == expected
        assert frame.image.shape[:2] == (info.height, info.width)
        assert frame.image.flags.c_contiguous
    assert (info.width < info.height) == (abs(rotation[0]) == 90)
    assert info.rotation_deg == degrees


def test_pixels_become_square(raw_video: RawVideo, pictures: Pictures) -> None:
    path = raw_video("a.mp4", list(pictures(3)), aspect=Fraction(4, 3))
    assert {frame.image.shape for frame in read_video(path)} == {(48, 85, 3)}
    assert probe(path).width == 85


@pytest.mark.parametrize("size", [(63, 47), (1, 1), (2, 300), (17, 64)])
def test_odd_sizes(size: tuple[int, int], raw_video: RawVideo, pictures: Pictures) -> None:
    images = list(pictures(3, *size))
    path = raw_video("a.mkv", images, codec="ffv1", pix_fmt="bgr0")
    for frame, image in zip(read_video(path), images, strict=True):
        np.testing.assert_array_equal(frame.image, image)


def test_variable_rate_keeps_its_times(tmp_path: Path, pictures: Pictures) -> None:
    steps = np.random.default_rng(0).uniform(0.005, 0.2, 40)
    times = 0.3 + np.cumsum(steps)
    with VideoWriter(tmp_path / "a.mp4", fps=None) as writer:
        for image, time_s in zip(pictures(40), times, strict=True):
            writer.write(image, float(time_s))
    read = [frame.time_s for frame in read_video(tmp_path / "a.mp4")]
    np.testing.assert_allclose(read, times, atol=0.51 / 90_000)


def test_broadcast_clock_starts_at_zero(raw_video: RawVideo, pictures: Pictures) -> None:
    path = raw_video("a.ts", list(pictures(10)), start=1000)
    assert next(read_video(path)).time_s < 0.1


def test_reading_is_lazy(tmp_path: Path, pictures: Pictures) -> None:
    write_video(tmp_path / "a.mp4", pictures(60), 25)
    alive: list[weakref.ref[NDArray[np.uint8]]] = []
    for frame in read_video(tmp_path / "a.mp4"):
        alive.append(weakref.ref(frame.image))
        assert sum(ref() is not None for ref in alive) <= 2
    assert len(alive) == 60


def test_file_is_closed_when_reading_stops_early(tmp_path: Path, pictures: Pictures) -> None:
    write_video(tmp_path / "a.mp4", pictures(5), 25)
    frames = read_video(tmp_path / "a.mp4")
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    links = [link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert tmp_path / "a.mp4" not in links


def test_sound_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    soundfile.write(path, np.zeros(1600), 16_000)
    with pytest.raises(InputError, match=r"song\.flac: has no picture"):
        next(read_video(path))
    with pytest.raises(InputError, match=r"song\.flac: has no picture"):
        probe(path)


def test_cover_of_a_song_is_no_video(tmp_path: Path, picture: Callable[..., Image]) -> None:
    PIL.Image.fromarray(picture()).save(tmp_path / "cover.jpg")
    cover = (tmp_path / "cover.jpg").read_bytes()
    path = tmp_path / "song.flac"
    soundfile.write(path, np.zeros(1600), 16_000)
    # A FLAC picture block, put in behind the stream's description (4 + 4 + 34 bytes).
    body = struct.pack(">II10sI", 3, 10, b"image/jpeg", 0)
    body += struct.pack(">IIIII", 64, 48, 24, 0, len(cover)) + cover
    content = path.read_bytes()
    block = struct.pack(">I", (6 << 24) | len(body)) + body
    path.write_bytes(content[:42] + block + content[42:])
    with pytest.raises(InputError, match=r"song\.flac: has no picture"):
        probe(path)
    assert len(read_audio(path)) == 1600


def test_missing_folder_empty_and_noise(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    for name, sentence in [
        ("no.mp4", "no such file"),
        ("", "is a folder"),
        ("empty.mp4", "is empty"),
        ("noise.mp4", "not a readable"),
    ]:
        for read in (probe, lambda path: next(read_video(path))):
            with pytest.raises(InputError, match=sentence):
                read(tmp_path / name)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.7])
def test_cut_off(suffix: str, share: float, tmp_path: Path, pictures: Pictures) -> None:
    path = tmp_path / f"cut.{suffix}"
    write_video(path, pictures(75, 160, 120), 25)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    read: list[VideoFrame] = []
    with pytest.raises(InputError, match=rf"cut\.{suffix}: ") as caught:
        read.extend(read_video(path))
    assert len(read) < 75
    if read:
        assert f"frame {len(read)}" in str(caught.value)


@pytest.mark.filterwarnings("ignore:.*has a flaw")
def test_damaged(tmp_path: Path, pictures: Pictures) -> None:
    path = tmp_path / "bad.mp4"
    write_video(path, pictures(75, 160, 120), 25, crf=5)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = np.random.default_rng(0).bytes(4000)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.mp4: .*at frame \d+"):
        list(read_video(path))


def _frames(times: list[float]) -> list[VideoFrame]:
    image = np.zeros((1, 1, 3), np.uint8)
    return [VideoFrame(image + index, time, index) for index, time in enumerate(times)]


def _shown(frames: list[VideoFrame]) -> list[int]:
    return [int(frame.image[0, 0, 0]) for frame in frames]


@pytest.mark.parametrize(
    ("source_fps", "fps", "n_source", "n_expected"),
    [
        (25, 25, 75, 75),
        (30, 25, 90, 75),
        (50, 25, 150, 75),
        (29.97, 25, 90, 75),
        (12.5, 25, 20, 40),
    ],
)
def test_resampling_keeps_the_length(
    source_fps: float, fps: float, n_source: int, n_expected: int
) -> None:
    frames = list(resample_frames(_frames([n / source_fps for n in range(n_source)]), fps))
    assert len(frames) == n_expected
    assert [frame.index for frame in frames] == list(range(n_expected))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(n_expected) / fps)
    for frame in frames:
        shown_s = int(frame.image[0, 0, 0]) / source_fps
        # The last frame is shown until its end.
        reach = 1.5 if frame.index == n_expected - 1 else 0.5
        assert abs(shown_s - frame.time_s) <= reach / source_fps + 1e-9


def test_same_rate_passes_every_frame() -> None:
    source = _frames([n / 25 for n in range(40)])
    assert _shown(list(resample_frames(source, 25))) == list(range(40))


def test_resampling_of_a_late_start_and_a_pause() -> None:
    frames = list(resample_frames(_frames([0.2, 0.24, 0.28, 0.6, 0.64]), 25))
    shown = _shown(frames)
    assert shown[:6] == [0] * 6
    assert shown[6:8] == [1, 2]
    assert shown[15] == 3
    assert len(shown) in (18, 19)


def test_resampling_of_one_frame_and_of_none() -> None:
    assert len(list(resample_frames(_frames([0.0]), 25))) == 1
    assert list(resample_frames([], 25)) == []


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_resampling_to_no_rate(fps: float) -> None:
    with pytest.raises(InputError, match="fps"):
        list(resample_frames(_frames([0.0]), fps))


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.floats(0.001, 0.5), min_size=2, max_size=60),
    fps=st.sampled_from([10, 24, 25, 29.97, 60]),
)
def test_resampling_shows_the_nearest(steps: list[float], fps: float) -> None:
    times = np.cumsum(steps)
    frames = list(resample_frames(_frames(list(times)), fps))
    shown = _shown(frames)
    assert shown == sorted(shown)
    for frame, index in zip(frames, shown, strict=True):
        nearest = np.abs(times - frame.time_s).min()
        assert abs(times[index] - frame.time_s) <= nearest + 1e-6
    assert abs(len(frames) / fps - (times[-1] + np.mean(np.diff(times)))) <= 1 / fps
