"""`examples/stream.py` with a microphone, a window and a camera that are not there."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc.avatar import person as persons
from pdfgc.media import read_audio

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "stream.py"


class Microphone:
    """Ten seconds of a recording, then silence; refuses what a sound card would."""

    def __init__(self, rate: float, *, channels: int, dtype: str) -> None:
        assert (rate, channels, dtype) == (16_000, 1, "float32")
        self.n_read, self.is_open = 0, False
        microphones.append(self)

    def __enter__(self) -> Self:
        self.is_open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_open = False

    def read(self, frames: int) -> tuple[NDArray[np.float32], bool]:
        assert self.is_open
        piece = VOICE[self.n_read : self.n_read + frames]
        self.n_read += frames
        return np.pad(piece, (0, frames - len(piece)))[:, None], False


microphones: list[Microphone] = []
VOICE = read_audio(EXAMPLE.with_name("speech.flac"))[:8_000]


class Camera:
    """Takes frames as pyvirtualcam does."""

    def __init__(self, width: int, height: int, fps: float) -> None:
        self.size, self.fps, self.is_open = (height, width, 3), fps, False
        shown.clear()

    def __enter__(self) -> Self:
        self.is_open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_open = False

    def send(self, frame: NDArray[np.uint8]) -> None:
        assert self.is_open
        assert frame.dtype == np.uint8
        assert frame.shape == self.size
        shown.append(frame)


shown: list[NDArray[np.uint8]] = []


class Label:
    """Shows pictures when it is brought up to date, as Tk's does."""

    packed, picture = False, None

    def pack(self) -> None:
        self.packed = True

    def configure(self, *, image: PhotoImage) -> None:
        self.picture = image

    def update(self) -> None:
        assert self.packed
        assert self.picture is not None
        shown.append(self.picture.pixels)


class PhotoImage:
    """Reads a binary portable pixmap."""

    def __init__(self, *, data: bytes) -> None:
        kind, width, height, most, pixels = data.split(b" ", 4)
        assert (kind, most) == (b"P6", b"255")
        self.pixels = np.frombuffer(pixels, np.uint8).reshape(int(height), int(width), 3)


def fake(name: str, *parts: type) -> ModuleType:
    module = ModuleType(name)
    for part in parts:
        setattr(module, part.__name__, part)
    return module


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tiny_weights: Path) -> None:
    loaded = persons._loaded
    monkeypatch.setattr(persons, "_loaded", lambda _, device: loaded(tiny_weights, device))
    shown.clear()


def run(monkeypatch: pytest.MonkeyPatch, sound: str, place: str) -> None:
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), sound, place])
    runpy.run_path(str(EXAMPLE), run_name="__main__")


def test_a_microphone_to_a_virtual_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    sounddevice = fake("sounddevice")
    sounddevice.InputStream = Microphone
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)
    monkeypatch.setitem(sys.modules, "pyvirtualcam", fake("pyvirtualcam", Camera))
    run(monkeypatch, "microphone", "camera")
    assert microphones[-1].n_read == 160_000
    assert not microphones[-1].is_open
    assert len(shown) == 250
    assert (shown[0] != shown[8]).any()


def test_a_recording_to_a_window(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tkinter", fake("tkinter", Label, PhotoImage))
    run(monkeypatch, str(EXAMPLE.with_name("speech.flac")), "window")
    assert len(shown) == 25
    assert "algorithmic_ms=120" in capsys.readouterr().out
