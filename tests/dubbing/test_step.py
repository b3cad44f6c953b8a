"""Sound and picture of a dubbed file stay within a frame, at the start and at the end."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from pdfgc import dub
from pdfgc.media import VideoWriter, read_audio, read_video

RATE, FRAME_S = 48_000, 0.04


def clapped(folder: Path, seconds: int, steps_s: list[float]) -> tuple[Path, Path]:
    """A video that is white for one frame after each whole minute and at both ends; its clicks."""
    video, sound = folder / "clapper.mp4", folder / "clicks.wav"
    times = np.cumsum(np.resize(steps_s, round(seconds / np.mean(steps_s)))) - steps_s[0]
    claps = [1.0, *range(60, seconds - 30, 60), seconds - 1.0]
    shown = [int(np.searchsorted(times, clap - 1e-6)) for clap in claps]
    with VideoWriter(video, fps=None) as writer:
        for number, time_s in enumerate(times):
            level = 255 if number in shown else 0
            writer.write(np.full((48, 48, 3), level, np.uint8), float(time_s))
    clicks = np.zeros(seconds * RATE, np.int16)
    for number in shown:
        at = round(float(times[number]) * RATE)
        clicks[at : at + 480] = 26_000 * np.sin(2 * np.pi * 1000 * np.arange(480) / RATE)
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(clicks.tobytes())
    return video, sound


@pytest.mark.parametrize(
    ("seconds", "steps_s"),
    [
        (12, [0.04]),
        (12, [0.02, 0.06, 0.03]),
        # Ten minutes in big steps: times do not depend on how many frames there are.
        pytest.param(600, [0.5, 0.7, 0.3], marks=pytest.mark.slow),
    ],
)
def test_flashes_and_clicks_stay_together(
    seconds: int, steps_s: list[float], tiny_weights: Path, tmp_path: Path
) -> None:
    video, sound = clapped(tmp_path, seconds, steps_s)
    out = tmp_path / "dubbed.mp4"
    report = dub(video, sound, out, weights=tiny_weights)
    flashes = np.array([frame.time_s for frame in read_video(out) if frame.image.mean() > 128])
    heard = np.abs(read_audio(out, sample_rate=RATE))
    loud = np.flatnonzero(heard > 0.2) / RATE
    clicks = loud[np.diff(loud, prepend=-1.0) > 0.5]
    assert len(flashes) == len(clicks) >= 2
    assert flashes[0] <= 1.7
    assert flashes[-1] >= seconds - 1
    assert np.abs(clicks - flashes).max() < FRAME_S
    # Measured: a tenth of that.
    assert np.abs(clicks - flashes).max() < 0.004
    assert abs(len(heard) / RATE - report.duration_s) < FRAME_S
