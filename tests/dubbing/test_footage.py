"""How long the result is, and when its frames are shown."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pdfgc import InputError
from pdfgc.dubbing import Footage, Length
from pdfgc.media import VideoWriter, read_video

N = 6


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of growing grey at 10 frames per second."""
    path = tmp_path_factory.mktemp("footage") / "grey.mp4"
    with VideoWriter(path, fps=10, crf=0) as writer:
        for number in range(N):
            writer.write(np.full((32, 32, 3), 20 + 40 * number, np.uint8))
    return path


def shown(footage: Footage) -> tuple[list[int], list[float]]:
    frames = list(islice(footage.frames(), 100))
    numbers = [round((int(frame.image.mean()) - 20) / 40) for frame in frames]
    assert [frame.index for frame in frames] == list(range(len(frames)))
    return numbers, [frame.time_s for frame in frames]


@pytest.mark.parametrize(
    ("length", "sound_s", "numbers"),
    [
        (Length.VIDEO, 9.0, [0, 1, 2, 3, 4, 5]),
        (Length.AUDIO, 0.4, [0, 1, 2, 3]),
        (Length.LOOP, 1.4, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1]),
        (Length.PINGPONG, 1.4, [0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, 1, 2, 3]),
        (Length.FREEZE, 0.9, [0, 1, 2, 3, 4, 5, 5, 5, 5]),
    ],
)
def test_order_and_times(
    counting: Path, length: Length, sound_s: float, numbers: list[int]
) -> None:
    order, times = shown(Footage(counting, length, sound_s))
    assert order == numbers
    np.testing.assert_allclose(times, np.arange(len(numbers)) / 10, atol=1e-4)


def test_short_video_for_long_sound_is_refused(counting: Path) -> None:
    with pytest.raises(InputError, match=r"lasts 0\.60 s.*loop"):
        list(Footage(counting, Length.AUDIO, 2.0).frames())


def test_video_is_passed_as_it_is(counting: Path) -> None:
    times = [frame.time_s for frame in read_video(counting)]
    assert shown(Footage(counting, Length.VIDEO, 0.1))[1] == times


def test_backwards_in_small_parts(counting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdfgc.dubbing.footage._BACKWARDS_BYTES", 2 * 32 * 32 * 3)
    assert shown(Footage(counting, Length.PINGPONG, 1.0))[0] == [0, 1, 2, 3, 4, 5, 4, 3, 2, 1]
