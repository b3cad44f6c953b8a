"""Ctrl-C while a video is written: a playable file of what was done, or nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc.media import read_audio, read_video, write_video
from pdfgc.media.shielding import shielded


def stopped_after(n_frames: int) -> Iterator[NDArray[np.uint8]]:
    for number in range(100):
        if number == n_frames:
            signal.raise_signal(signal.SIGINT)
        yield np.full((32, 32, 3), number, np.uint8)


def test_a_playable_file_of_what_was_done(tmp_path: Path) -> None:
    sound = np.sin(np.arange(64_000) / 10) * 0.5
    whole = write_video(
        tmp_path / "part.mp4", stopped_after(30), 25, sound, sample_rate=16_000, keep_partial=True
    )
    assert not whole
    assert len(list(read_video(tmp_path / "part.mp4"))) == 30
    assert abs(len(read_audio(tmp_path / "part.mp4")) / 16_000 - 30 / 25) < 0.04


def test_nothing_where_nothing_was_asked_for_or_done(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "part.mp4", stopped_after(30), 25)
    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "part.mp4", stopped_after(0), 25, keep_partial=True)
    assert list(tmp_path.iterdir()) == []


def test_it_waits_for_the_end_of_a_step() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with shielded():
            signal.raise_signal(signal.SIGINT)
            steps.append("done")
        steps.append("never")
    assert steps == ["done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
