from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.media import VideoWriter, probe, read_audio, read_video, write_video

Image = NDArray[np.uint8]
Pictures = Callable[..., Iterator[Image]]
Noise = Callable[..., NDArray[np.float32]]
ROOT = Path(__file__).resolve().parents[2]


def _left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", ["mp4", "m4v", "mov", "mkv"])
@pytest.mark.parametrize("fps", [25, 30, 24000 / 1001, 29.97, 12.5, 60])
def test_times_are_exact(suffix: str, fps: float, tmp_path: Path, pictures: Pictures) -> None:
    path = tmp_path / f"a.{suffix}"
    write_video(path, pictures(40), fps)
    times = [frame.time_s for frame in read_video(path)]
    true_fps = 30000 / 1001 if fps == 29.97 else fps
    tolerance = 5.01e-4 if suffix == "mkv" else 1e-9
    np.testing.assert_allclose(times, np.arange(40) / true_fps, atol=tolerance)
    assert probe(path).duration_s == pytest.approx(40 / true_fps, abs=2e-3)


def test_codecs_and_colour_tags(tmp_path: Path, pictures: Pictures) -> None:
    write_video(tmp_path / "a.mp4", pictures(3), 25, np.zeros(1920))
    with av.open(str(tmp_path / "a.mp4")) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert picture.codec_context.name == "h264"
        assert picture.pix_fmt == "yuv420p"
        assert sound.codec_context.name == "aac"
        frame = next(container.decode(picture))
        assert (frame.colorspace, frame.color_range) == (1, 1)  # BT.709, limited


@pytest.mark.parametrize("size", [(64, 48), (1280, 720)])
def test_colours_come_back(size: tuple[int, int], tmp_path: Path) -> None:
    levels = (16, 128, 240)
    colours = [(r, g, b) for r in levels for g in levels for b in levels]
    images = [np.full((size[1], size[0], 3), colour, np.uint8) for colour in colours]
    write_video(tmp_path / "a.mp4", images, 25, crf=10)
    for frame, image in zip(read_video(tmp_path / "a.mp4"), images, strict=True):
        np.testing.assert_allclose(frame.image, image, atol=5)


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (65, 33), (1, 1)])
def test_odd_sides_gain_one_repeated_line(
    size: tuple[int, int], tmp_path: Path, pictures: Pictures
) -> None:
    write_video(tmp_path / "a.mp4", pictures(3, *size), 25, crf=5)
    width, height = size
    for frame, image in zip(read_video(tmp_path / "a.mp4"), pictures(3, *size), strict=True):
        assert frame.image.shape == (height + height % 2, width + width % 2, 3)
        assert np.abs(frame.image[:height, :width].astype(int) - image).mean() < 4


@pytest.mark.parametrize("n_samples", [639, 16_000, 31_777, 32_768])
@pytest.mark.parametrize("sample_rate", [8000, 16_000, 22_050, 44_100, 48_000])
def test_sound_is_as_long_as_given(
    n_samples: int, sample_rate: int, tmp_path: Path, noise: Noise, pictures: Pictures
) -> None:
    voice = noise(n_samples, sample_rate=sample_rate)
    n_frames = -(-n_samples * 25 // sample_rate)
    path = tmp_path / "a.mp4"
    write_video(path, pictures(n_frames), 25, voice, sample_rate=sample_rate)
    heard = read_audio(path, sample_rate=sample_rate)
    assert len(heard) == n_samples
    if n_samples > 5000:
        assert np.corrcoef(heard, voice)[0, 1] > 0.98
    # Other players see the same, rounded up to whole packets at most.
    with av.open(str(path)) as container:
        sound = container.streams.audio[0]
        decoded = sum(frame.samples for frame in container.decode(sound)) / sound.rate
        assert decoded - n_samples / sample_rate <= 1024 / 44_100
        assert float(sound.duration * sound.time_base) == pytest.approx(
            n_samples / sample_rate, abs=1e-4
        )
    assert abs(probe(path).duration_s - n_samples / sample_rate) <= 0.04
    assert abs(probe(path).duration_s - decoded) <= 0.04


def test_stereo(tmp_path: Path, noise: Noise, pictures: Pictures) -> None:
    both = np.stack([noise(16_000, seed=1), noise(16_000, seed=2)])
    write_video(tmp_path / "a.mp4", pictures(25), 25, both)
    heard = read_audio(tmp_path / "a.mp4")
    assert np.corrcoef(heard, both.mean(0))[0, 1] > 0.98


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("fps", [25, 30, None])
def test_sound_and_picture_are_in_step(suffix: str, fps: float | None, tmp_path: Path) -> None:
    """A click at every white frame, read back within 2 ms."""
    flashes = (7, 31, 58)
    step = 1 / (fps or 22)
    rate = 16_000
    sound = np.zeros(round(80 * step * rate), np.float32)
    for flash in flashes:
        sound[round(flash * step * rate)] = 0.9
    path = tmp_path / f"a.{suffix}"
    with VideoWriter(path, fps=fps, audio=sound, sample_rate=rate) as writer:
        for index in range(80):
            image = np.full((48, 64, 3), 255 * (index in flashes), np.uint8)
            writer.write(image, None if fps else index * step)
    seen = [frame.time_s for frame in read_video(path) if frame.image.mean() > 127]
    heard = read_audio(path)
    for time_s, flash in zip(seen, flashes, strict=True):
        assert time_s == pytest.approx(flash * step, abs=1e-3)
        start = int((time_s - 0.1) * rate)
        click = start + int(np.argmax(np.abs(heard[start : start + 3200])))
        assert click / rate == pytest.approx(time_s, abs=2e-3)


def test_sound_is_woven_in_while_frames_are_made(
    tmp_path: Path, noise: Noise, picture: Callable[..., Image]
) -> None:
    """In the order of the file, sound and picture never drift apart by more than two seconds."""
    images = [picture(index) for index in range(10)]
    write_video(tmp_path / "a.mp4", (images[n % 10] for n in range(750)), 25, noise(30 * 16_000))
    with av.open(str(tmp_path / "a.mp4")) as container:
        packets = sorted(
            (packet.pos, packet.stream.type, float(packet.dts * packet.time_base))
            for packet in container.demux()
            if packet.size
        )
    reached = {"video": 0.0, "audio": 0.0}
    for _, kind, time_s in packets:
        reached[kind] = time_s
        assert abs(reached["video"] - reached["audio"]) < 2


def test_frames_are_not_kept(tmp_path: Path, picture: Callable[..., Image]) -> None:
    import weakref

    alive: list[weakref.ref[Image]] = []
    most = 0

    def frames() -> Iterator[Image]:
        nonlocal most
        for index in range(60):
            image = picture(index)
            alive.append(weakref.ref(image))
            most = max(most, sum(ref() is not None for ref in alive))
            yield image
            del image

    write_video(tmp_path / "a.mp4", frames(), 25)
    assert most <= 3


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path) -> None:
    code = """
import sys
import numpy as np
from pdfgc.media import read_video, write_video
base = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
def frames(n):
    for index in range(n):
        if index == 400:
            frames.start = resident_mb()
        yield np.roll(base, index, 1)
n = 3000
write_video(sys.argv[1], frames(n), 25, np.zeros(n * 640, np.float32))
print(resident_mb() - frames.start)
count = 0
for frame in read_video(sys.argv[1]):
    if frame.index == 400:
        start = resident_mb()
print(resident_mb() - start)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.mp4")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for growth_mb in done.stdout.split():
        assert float(growth_mb) < 12


def test_file_appears_only_when_done(tmp_path: Path, picture: Callable[..., Image]) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the film of yesterday")
    with VideoWriter(path, fps=25) as writer:
        for index in range(5):
            writer.write(picture(index))
            assert path.read_bytes() == b"the film of yesterday"
    assert probe(path).n_frames == 5
    assert _left_over(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError, GeneratorExit])
@pytest.mark.parametrize("after", [0, 5, 100])
def test_failure_in_between_leaves_nothing(
    error: type[BaseException], after: int, tmp_path: Path, picture: Callable[..., Image]
) -> None:
    def frames() -> Iterator[Image]:
        for index in range(after):
            yield picture(index)
        raise error

    with pytest.raises(error):
        write_video(tmp_path / "a.mp4", frames(), 25, np.zeros(100_000))
    assert _left_over(tmp_path) == []


_ENDLESS = """
import sys
import numpy as np
from pdfgc.media import write_video
random = np.random.default_rng(0)
def frames():
    for index in range(100_000):
        if index == 200:
            print("writing", flush=True)
        yield random.integers(0, 255, (64, 64, 3), dtype=np.uint8)
write_video(sys.argv[1], frames(), 25, np.zeros(100_000 * 640, np.float32))
"""


def _stop_while_writing(path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    time.sleep(0.1)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0


def test_interrupt_leaves_nothing(tmp_path: Path) -> None:
    _stop_while_writing(tmp_path / "a.mp4", signal.SIGINT)
    assert _left_over(tmp_path) == []


def test_kill_leaves_no_half_file_under_the_name(tmp_path: Path) -> None:
    """What a killed process cannot clear away is hidden, and named for what it is."""
    _stop_while_writing(tmp_path / "a.mp4", signal.SIGKILL)
    (left,) = _left_over(tmp_path)
    assert left.startswith(".a.")
    assert left.endswith(".partial.mp4")


def test_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the kernel refuses the write."""
    code = """
import resource, sys
import numpy as np
from pdfgc.errors import InputError
from pdfgc.media import write_video
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
random = np.random.default_rng(0)
def frames(name):
    global made
    for made in range(2000):
        # The films grow steadily; of the pictures the tenth is too large.
        side = 200 if made == 9 and name == "frames" else 64
        yield random.integers(0, 255, (side, side, 3), dtype=np.uint8)
for name in ("a.mp4", "a.mkv", "a.gif", "frames"):
    try:
        write_video(f"{sys.argv[1]}/{name}", frames(name), 25, np.zeros(2000 * 640, np.float32))
    except InputError as error:
        print(made < 1900, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    sentences = done.stdout.splitlines()
    for name, line in zip(("a.mp4", "a.mkv", "a.gif", "frames"), sentences, strict=True):
        assert line.startswith(f"True {tmp_path / name}: could not be written (")
    assert _left_over(tmp_path) == []


def test_place_is_checked_before_the_first_frame_is_made(tmp_path: Path) -> None:
    def frames() -> Iterator[Image]:
        pytest.fail("a frame was made for nothing")
        yield

    (tmp_path / "folder.mp4").mkdir()
    for name, sentence in [
        ("no/a.mp4", "does not exist"),
        ("no/a.gif", "does not exist"),
        ("no/frames", "does not exist"),
        ("folder.mp4", "is a folder"),
        ("a.avi", "end the name with"),
        ("a.png", "end the name with"),
    ]:
        with pytest.raises(InputError, match=sentence):
            write_video(tmp_path / name, frames(), 25)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "frames"])
def test_no_frames(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frame"):
        write_video(tmp_path / name, [], 25)
    assert _left_over(tmp_path) == []


@pytest.mark.parametrize("fps", [0, -25, float("nan")])
def test_no_rate(fps: float, tmp_path: Path, pictures: Pictures) -> None:
    with pytest.raises(InputError, match="fps"):
        write_video(tmp_path / "a.mp4", pictures(2), fps)


def test_misuse_is_named(tmp_path: Path, picture: Callable[..., Image]) -> None:
    path = tmp_path / "a.mp4"
    writer = VideoWriter(path, fps=25)
    with pytest.raises(RuntimeError, match="with statement"):
        writer.write(picture())

    def write_all(
        fps: float | None, frames: list[tuple[NDArray[np.generic], float | None]]
    ) -> None:
        with VideoWriter(path, fps=fps) as writer:
            for image, time_s in frames:
                writer.write(image, time_s)

    cases: list[tuple[float | None, list[tuple[NDArray[np.generic], float | None]], str]] = [
        (25, [(picture(), 0.0)], "either fps"),
        (None, [(picture(), None)], "either fps"),
        (None, [(picture(), 0.1), (picture(), 0.1)], "not later"),
        (25, [(picture(), None), (picture(0, 32, 32), None)], "frame 1"),
        (25, [(picture().astype(np.float32), None)], "expected uint8"),
        (25, [(picture()[..., 0], None)], "frame 0"),
    ]
    for fps, frames, sentence in cases:
        with pytest.raises(ValueError, match=sentence):
            write_all(fps, frames)
    assert _left_over(tmp_path) == []


@pytest.mark.parametrize(
    ("audio", "sentence"),
    [
        (np.array([0.0, np.nan]), "NaN"),
        (np.zeros((3, 5)), r"expected float \(N,\)"),
        (np.zeros(5, np.int16), "expected float"),
    ],
)
def test_unusable_sound(
    audio: NDArray[np.generic], sentence: str, tmp_path: Path, pictures: Pictures
) -> None:
    with pytest.raises(ValueError, match=sentence):
        write_video(tmp_path / "a.mp4", pictures(2), 25, audio)  # type: ignore[arg-type]
    assert _left_over(tmp_path) == []


def test_loud_sound_is_clipped(tmp_path: Path, pictures: Pictures) -> None:
    tone = 3 * np.sin(np.arange(16_000) / 5)
    write_video(tmp_path / "a.mp4", pictures(25), 25, tone)
    assert np.abs(read_audio(tmp_path / "a.mp4")).max() <= 1
