"""Sound in chunks gives the windows of the whole recording."""

from __future__ import annotations

from itertools import cycle, pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pdfgc.config import PRESETS, AudioConfig
from pdfgc.errors import InputError
from pdfgc.media import (
    LiveSound,
    LiveWindows,
    LogMelWindows,
    OfficialLiveWindows,
    checked_chunk,
    log_mel,
    mel_windows,
    official_mel,
    official_windows,
)

CONFIG = AudioConfig()
OFFICIAL = PRESETS["pdfgc-official"].audio
SIZES = ([1], [160], [640], [7, 1, 0, 1111, 333], [100_000])


def sound(n: int = 9_777) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return (0.2 * rng.standard_normal(n)).astype(np.float32)


def pieces(samples: NDArray[np.float32], sizes: list[int]) -> list[NDArray[np.float32]]:
    edges, each = [0], cycle(sizes)
    while edges[-1] < len(samples):
        edges.append(edges[-1] + next(each))
    return [samples[low:high] for low, high in pairwise(edges)]


def taken(windows: LiveWindows, samples: NDArray[np.float32], sizes: list[int]) -> torch.Tensor:
    rows = []
    for piece in pieces(samples, sizes):
        windows.add(piece)
        while windows.n_taken < windows.n_ready:
            rows.append(windows.take())
    windows.finish()
    while windows.n_taken < windows.n_ready:
        rows.append(windows.take())
    return torch.cat(rows)


@pytest.mark.parametrize("n", [1, 639, 3_000, 9_777, 12_800])
def test_windows_are_those_of_the_whole_recording(n: int) -> None:
    whole = torch.from_numpy(sound(n))
    wanted = mel_windows(log_mel(whole, CONFIG), -(-n // 640), CONFIG)
    assert torch.allclose(taken(LogMelWindows(CONFIG), sound(n), [500]), wanted, atol=1e-5)


@pytest.mark.parametrize("windows", [LogMelWindows, OfficialLiveWindows])
def test_sizes_of_chunks_do_not_change_a_bit(windows: type[LiveWindows]) -> None:
    config = CONFIG if windows is LogMelWindows else OFFICIAL
    made = [taken(windows(config), sound(), sizes) for sizes in SIZES]
    assert all(torch.equal(each, made[0]) for each in made)


def test_windows_come_as_soon_as_their_120_ms_are_there() -> None:
    windows = LogMelWindows(CONFIG)
    assert windows.ahead == 0.12 * 16_000
    windows.add(sound(windows.ahead - 1))
    assert windows.n_ready == 0
    windows.add(sound(1))
    assert windows.n_ready == 1
    windows.add(sound(640))
    assert windows.n_ready == 2


def test_official_windows_have_the_level_of_what_was_heard() -> None:
    samples = sound() * np.linspace(0.1, 2, 9_777, dtype=np.float32)
    made = taken(OfficialLiveWindows(OFFICIAL), samples, [123])
    for frame in (0, 3, 9):
        heard = samples[: frame * 640 + 1920]
        silence = max(0, frame * 640 + 1920 - len(samples))
        power = (np.square(heard, dtype=np.float64).sum() + 16_000 * 0.01) / (
            16_000 + len(heard) + silence
        )
        mel = official_mel(samples * (0.1 / np.sqrt(power)).astype(np.float32), OFFICIAL)
        wanted = official_windows(mel, frame, frame + 1, OFFICIAL)
        assert torch.allclose(made[frame : frame + 1], wanted, atol=1e-5)


def test_what_is_not_ready_is_not_taken() -> None:
    windows = LogMelWindows(CONFIG)
    with pytest.raises(RuntimeError, match="not ready"):
        windows.take()
    windows.finish()
    with pytest.raises(RuntimeError, match="finished"):
        windows.add(sound(1))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_resampling_in_chunks(rate: int) -> None:
    times = np.arange(rate // 2) / rate
    tone = (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    made = []
    for sizes in ([1], [37, 1, 2_000], [100_000]):
        live = LiveSound(rate, 16_000)
        made.append(
            np.concatenate([*(live.add(each) for each in pieces(tone, sizes)), live.flush()])
        )
    assert all(np.array_equal(each, made[0]) for each in made)
    assert abs(len(made[0]) - 8_000) <= 2
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(made[0])) / 16_000)
    assert np.abs(made[0] - wanted)[100:-100].max() < 5e-3


def test_chunks_of_any_kind() -> None:
    ints = np.array([-32768, 0, 16384], np.int16)
    assert checked_chunk(ints, 0).tolist() == [-1, 0, 0.5]
    stereo = np.array([[0.5, 0.1], [0.0, 0.2]])
    assert np.allclose(checked_chunk(stereo, 0), [0.3, 0.1])
    assert checked_chunk(np.zeros((0, 2), np.float32), 0).shape == (0,)
    own = np.zeros(3, np.float32)
    checked_chunk(own, 0)[:] = 1
    assert not own.any()


@pytest.mark.parametrize(
    ("chunk", "says"),
    [
        (np.zeros(3, np.int32), "chunk 4 is int32"),
        (np.zeros((2, 2, 2), np.float32), r"chunk 4 is float32 \(2, 2, 2\)"),
        (np.array([0.0, np.nan]), "chunk 4 holds values that are not numbers"),
        (np.array([30_000.0]), "chunk 4 reaches beyond"),
    ],
)
def test_what_is_no_sound_is_refused(chunk: NDArray[np.generic], says: str) -> None:
    with pytest.raises(InputError, match=says):
        checked_chunk(chunk, 4)


def test_rates_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="sample_rate is 100"):
        LiveSound(100, 16_000)
