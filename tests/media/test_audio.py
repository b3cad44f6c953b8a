from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.media import read_audio

Noise = Callable[..., NDArray[np.float32]]
RawAudio = Callable[..., Path]


def _lag(reference: NDArray[np.float32], heard: NDArray[np.float32], reach: int = 100) -> int:
    """Samples by which `heard` is late."""
    middle = slice(reach, min(len(reference), len(heard)) - reach)
    scores = [
        float(np.dot(reference[middle], heard[middle.start + lag : middle.stop + lag]))
        for lag in range(-reach, reach + 1)
    ]
    return int(np.argmax(scores)) - reach


def test_wav_at_the_same_rate_is_exact(tmp_path: Path, noise: Noise) -> None:
    waveform = noise(16_001)
    soundfile.write(tmp_path / "a.wav", waveform, 16_000, subtype="FLOAT")
    heard = read_audio(tmp_path / "a.wav")
    assert heard.dtype == np.float32
    np.testing.assert_array_equal(heard, waveform)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_other_formats(suffix: str, tmp_path: Path, noise: Noise) -> None:
    waveform = noise(32_000)
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, waveform, 16_000)
    heard = read_audio(path)
    assert abs(len(heard) - len(waveform)) <= 1
    assert _lag(waveform, heard) == 0
    assert np.corrcoef(waveform[: len(heard)], heard[: len(waveform)])[0, 1] > 0.97


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.opus", "libopus")]
)
def test_lossy_codecs_lose_no_time(
    name: str, codec: str, raw_audio: RawAudio, noise: Noise
) -> None:
    """The delay of the encoder is taken off at the beginning, its padding at the end."""
    voice = noise(96_123, sample_rate=48_000)
    path = raw_audio(name, [(0, voice[None])], codec=codec, sample_rate=48_000)
    heard = read_audio(path, sample_rate=48_000)
    assert abs(len(heard) - len(voice)) <= 1
    assert _lag(voice, heard) == 0


def test_wav_from_a_pipe(tmp_path: Path, noise: Noise) -> None:
    """Whoever writes to a pipe cannot know the length."""
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(1000), 16_000)
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    for size in (0, 0x7FFFFFFF, 0xFFFFFFFF):
        content[place : place + 4] = size.to_bytes(4, "little")
        path.write_bytes(content)
        assert len(read_audio(path)) == 1000


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_any_rate_keeps_length_pitch_and_time(rate: int, tmp_path: Path) -> None:
    time = np.arange(round(1.37 * rate)) / rate
    tone = (0.5 * np.sin(2 * np.pi * 440 * time) * np.minimum(1, time * 20)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", tone, rate, subtype="FLOAT")
    heard = read_audio(tmp_path / "a.wav")
    assert abs(len(heard) - 1.37 * 16_000) <= 1
    time = np.arange(len(heard)) / 16_000
    expected = 0.5 * np.sin(2 * np.pi * 440 * time) * np.minimum(1, time * 20)
    # To the last sample but the filter's own edge: the resampler is flushed.
    np.testing.assert_allclose(heard[:-40], expected[:-40], atol=0.01)
    assert np.abs(heard[-40:]).max() > 0.3


def test_high_rate_does_not_alias(tmp_path: Path) -> None:
    time = np.arange(96_000) / 96_000
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 20_000 * time), 96_000)
    assert np.abs(read_audio(tmp_path / "a.wav")[100:-100]).max() < 0.001


def test_stereo_is_averaged(tmp_path: Path, noise: Noise) -> None:
    left, right = noise(8000, seed=1), noise(8000, seed=2)
    for subtype in ("FLOAT", "PCM_16"):
        soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), 16_000, subtype=subtype)
        np.testing.assert_allclose(
            read_audio(tmp_path / "a.wav"), (left + right) / 2, atol=4e-5, err_msg=subtype
        )


def test_stereo_never_clips(tmp_path: Path) -> None:
    tone = np.sin(np.arange(8000) / 5)
    soundfile.write(tmp_path / "a.wav", np.stack([tone, tone], 1), 16_000)
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav"), tone, atol=1e-4)


# In the order of the file: front left and right, centre, low frequencies, surround left and right.
@pytest.mark.parametrize(
    ("channel", "share"),
    [(0, 0.7071), (1, 0.7071), (2, 1.0), (3, 0.0), (4, 0.5), (5, 0.5)],
)
def test_surround_is_mixed(channel: int, share: float, raw_audio: RawAudio, noise: Noise) -> None:
    planes = np.zeros((6, 8000), np.float32)
    planes[channel] = voice = noise(8000)
    path = raw_audio("a.wav", [(0, planes)], layout="5.1")
    expected = voice * share / (1 + 2 * 0.7071 + 2 * 0.5)
    np.testing.assert_allclose(read_audio(path), expected, atol=5e-5)


def test_surround_never_clips(raw_audio: RawAudio) -> None:
    tone = np.tile(np.sin(np.arange(8000) / 5), (6, 1)).astype(np.float32)
    heard = read_audio(raw_audio("a.flac", [(0, tone)], layout="5.1", codec="flac"))
    np.testing.assert_allclose(heard, tone[0], atol=1e-4)


def test_sound_that_starts_late_is_padded(raw_audio: RawAudio, noise: Noise) -> None:
    voice = noise(8000)
    heard = read_audio(raw_audio("a.mkv", [(0.5, voice[None])]))
    assert not heard[:8000].any()
    np.testing.assert_allclose(heard[8000:], voice, atol=4e-5)


def test_holes_in_time_are_filled_with_silence(raw_audio: RawAudio, noise: Noise) -> None:
    voice = noise(8000)
    pieces = [(0, voice[None, :4000]), (1.0, voice[None, 4000:])]
    heard = read_audio(raw_audio("a.mkv", pieces))
    assert len(heard) == 20_000
    assert not heard[4000:16_000].any()
    np.testing.assert_allclose(heard[16_000:], voice[4000:], atol=4e-5)


def test_broadcast_clock_starts_at_zero(raw_audio: RawAudio, noise: Noise) -> None:
    voice = noise(32_000)
    path = raw_audio("a.ts", [(40.0, voice[None])], codec="mp2", sample_rate=16_000)
    heard = read_audio(path)
    assert abs(len(heard) - 32_000) < 2400  # whole packets, and the encoder's delay
    assert abs(_lag(voice, heard, 1000)) < 600


def test_silence_is_silence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(4000), 16_000)
    heard = read_audio(tmp_path / "a.wav")
    assert heard.shape == (4000,)
    assert not heard.any()


def test_one_sample(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(1, 0.25), 16_000, subtype="FLOAT")
    assert read_audio(tmp_path / "a.wav").tolist() == [0.25]


def test_overshoot_is_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.5, 1.5, -2.0]), 16_000, subtype="FLOAT")
    assert read_audio(tmp_path / "a.wav").tolist() == [0.5, 1.0, -1.0]


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        ([0.0, np.nan, 0.0], "not numbers"),
        ([0.0, np.inf, 0.0], "not numbers"),
        ([0.0, 20_000.0, 0.0], r"reach 20000, .* scale it"),
        ([], "zero length"),
    ],
)
def test_unusable_samples(samples: list[float], sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.array(samples), 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match=rf"odd\.wav: .*{sentence}"):
        read_audio(path)


def test_video_without_sound(raw_video: Callable[..., Path], pictures) -> None:
    path = raw_video("mute.mp4", list(pictures(3)))
    with pytest.raises(InputError, match=r"mute\.mp4: has no sound"):
        read_audio(path)


def test_missing_folder_and_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.wav: no such file"):
        read_audio(tmp_path / "no.wav")
    with pytest.raises(InputError, match="is a folder"):
        read_audio(tmp_path)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(InputError, match=r"empty\.wav: is empty"):
        read_audio(tmp_path / "empty.wav")


@pytest.mark.parametrize("content", [b"hello, this is no sound\n" * 50, bytes(5000)])
def test_no_sound_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "letter.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"letter\.wav"):
        read_audio(path)


def test_no_permission_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(10), 16_000)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser may read everything
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="no permission to read"):
        read_audio(path)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_cut_off(suffix: str, share: float, tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / f"cut.{suffix}"
    soundfile.write(path, noise(32_000), 16_000)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=rf"cut\.{suffix}: .*cut off (after|at) [01]\.\d+ s"):
        read_audio(path)


def test_damaged(tmp_path: Path, noise: Noise) -> None:
    path = tmp_path / "bad.flac"
    soundfile.write(path, noise(64_000), 16_000)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 9000] = np.random.default_rng(0).bytes(9000)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.flac: .*damaged or cut off"):
        read_audio(path)
