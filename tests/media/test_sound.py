"""Sound in pieces is the sound as a whole, and only a piece of it is held."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pdfgc import InputError
from pdfgc.media import Mixture, Recording, VideoWriter, read_audio, write_video
from pdfgc.media.audio import audio_blocks

RATE = 16_000


@pytest.fixture(scope="module", params=["wav", "mp4", "mp3"])
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5.3 s of noise in several containers, some of which pad their last packet."""
    import av
    from av.audio.frame import AudioFrame

    path = tmp_path_factory.mktemp("sound") / f"noise.{request.param}"
    samples = (0.2 * np.random.default_rng(0).standard_normal(84_801)).astype(np.float32)
    codec = {"wav": "pcm_s16le", "mp4": "aac", "mp3": "mp3"}[request.param]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        frame = AudioFrame.from_ndarray(samples[None], "fltp", "mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_blocks_are_the_whole(recorded: Path, rate: int) -> None:
    whole = read_audio(recorded, sample_rate=rate)
    blocks = list(audio_blocks(recorded, sample_rate=rate))
    assert len(blocks) > 3
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert len(Recording(recorded, rate)) == len(whole)


def test_slices_are_those_of_the_array(recorded: Path) -> None:
    whole, sound = read_audio(recorded), Recording(recorded, RATE)
    # Forward with overlap, over a gap, back to the beginning, past the end, nothing.
    for part in [
        (0, 5),
        (3, 40_000),
        (39_000, 50_000),
        (70_000, 70_001),
        (10, 20),
        (80_000, 10**6),
    ]:
        np.testing.assert_array_equal(sound[slice(*part)], whole[slice(*part)])
    assert len(sound[50:40]) == 0
    np.testing.assert_array_equal(sound[:], whole)
    np.testing.assert_array_equal(sound.until(30_000).read(), whole[:30_000])
    np.testing.assert_array_equal(sound.until(10**7).read(), whole)
    with pytest.raises(ValueError, match="step"):
        sound[::2]


def test_samples_are_a_sound_too() -> None:
    samples = np.linspace(-1, 1, 40_001, dtype=np.float32)
    sound = Recording(samples, RATE)
    np.testing.assert_array_equal(sound[15_000:34_000], samples[15_000:34_000])
    assert sound.duration_s == pytest.approx(2.5, abs=1e-3)
    assert len(sound.at(8_000)) == 20_001


def test_a_mixture_is_the_clipped_sum() -> None:
    rng = np.random.default_rng(1)
    long, short = (rng.uniform(-1, 1, n).astype(np.float32) for n in (50_000, 20_000))
    mixed = Mixture([Recording(long, RATE), Recording(short, RATE)])
    wanted = long.copy()
    wanted[:20_000] += short
    np.testing.assert_array_equal(mixed.read(), np.clip(wanted, -1, 1))
    np.testing.assert_array_equal(mixed[10_000:30_000], np.clip(wanted, -1, 1)[10_000:30_000])
    with pytest.raises(ValueError, match="one rate"):
        Mixture([Recording(long, RATE), Recording(short, 8_000)])


@pytest.mark.parametrize("name", ["a.mp4", "frames"])
def test_files_with_a_sound_are_those_with_its_array(
    recorded: Path, tmp_path: Path, name: str
) -> None:
    pictures = [np.full((16, 16, 3), n, np.uint8) for n in range(50)]
    sound = Recording(recorded, 44_100).until(80_000)
    for each in "st":
        (tmp_path / each).mkdir()
    write_video(tmp_path / "s" / name, pictures, 25, sound)
    write_video(tmp_path / "t" / name, pictures, 25, sound.read(), sample_rate=44_100)
    heard = [
        read_audio(next((tmp_path / each).rglob("a*.[mw][pa][4v]")), sample_rate=44_100)
        for each in "st"
    ]
    assert len(heard[0]) == 80_000
    np.testing.assert_array_equal(heard[0], heard[1])


def test_a_damaged_end_is_told_of_when_the_length_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    import soundfile

    soundfile.write(path, np.zeros(5 * RATE, np.float32), RATE)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InputError, match="cut off"):
        len(Recording(path, RATE))


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    import soundfile

    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for _ in range(240):
            file.write(np.zeros(RATE, np.float32))
    picture = np.zeros((16, 16, 3), np.uint8)
    sound = Recording(path, RATE)
    tracemalloc.start()
    try:
        for start in range(0, len(sound), 20_000):
            sound[start : start + 24_000]
        with VideoWriter(tmp_path / "long.mp4", fps=1, audio=sound) as writer:
            for _ in range(240):
                writer.write(picture)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All of it is 15 MB.
    assert peak < 2_000_000
