from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageFilter

from pdfgc.cli import run
from pdfgc.media import read_image, write_video
from tests.cli.asking import told


def _findings(capsys: pytest.CaptureFixture[str], *files: Path, status: int = 0) -> list[str]:
    answer = told(capsys, "check", *files, status=status)
    assert answer["usable"] is (status == 0)
    assert isinstance(answer["files"], list)
    return [found["text"] for file in answer["files"] for found in file["findings"]]


def test_check_of_good_input(
    capsys: pytest.CaptureFixture[str], face_image: Path, face_clip: Path, speech: Path
) -> None:
    found = _findings(capsys, face_image, face_clip, speech)
    assert not [text for text in found if "blur" in text or "turned" in text or "noise" in text]
    assert run(["check", str(speech)]) == 0
    assert "fine" in capsys.readouterr().out


def test_check_of_images(
    capsys: pytest.CaptureFixture[str], face_image: Path, tmp_path: Path
) -> None:
    portrait = Image.fromarray(read_image(face_image))
    path = tmp_path / "image.png"

    def findings(image: Image.Image, status: int = 0) -> str:
        image.save(path)
        return " ".join(_findings(capsys, path, status=status))

    assert "the face is blurred" in findings(portrait.filter(ImageFilter.GaussianBlur(4)))
    assert "tilted" in findings(portrait.rotate(30, fillcolor=(128, 128, 128)))
    assert "no face" in findings(Image.new("RGB", (200, 200)), 2)
    both = Image.fromarray(np.concatenate([np.asarray(portrait)] * 2, axis=1))
    assert "2 faces of similar size" in findings(both, 2)
    left, top, right, bottom = 170, 30, 280, 175
    assert "touches the border" in findings(portrait.crop((left, top, right, bottom)))
    small = Image.new("RGB", (300, 300), (120, 120, 120))
    small.paste(portrait.resize((160, 160), Image.Resampling.LANCZOS), (70, 70))
    assert "at least 40 px are needed" in findings(small, 2)


def test_check_of_recordings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    times = np.arange(32_000) / 16_000
    speech = 0.3 * np.sin(2 * np.pi * 200 * times) * (np.sin(2 * np.pi * 2 * times) > 0)

    def findings(wave: np.ndarray, rate: int = 16_000) -> str:
        soundfile.write(path, wave, rate, subtype="FLOAT")
        return " ".join(_findings(capsys, path))

    assert findings(speech) == ""
    assert "all of it is silence" in findings(0 * speech)
    assert "quiet" in findings(0.01 * speech)
    assert "clipped" in findings(np.clip(10 * speech, -1, 1))
    assert "8000 Hz" in findings(speech[::2], 8_000)
    assert "above the quiet ones" in findings(np.sin(2 * np.pi * 200 * times))
    assert "long" in findings(speech[:2_000])


def test_check_of_clips(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "wall.mp4"
    write_video(path, [np.full((64, 64, 3), 99, np.uint8)] * 3, 10)
    found = " ".join(_findings(capsys, path, status=2))
    assert "no face was found" in found
    assert "10 frames per second" in found
    assert "only 0.30 s long" in found


def test_check_of_broken_files(
    capsys: pytest.CaptureFixture[str], face_clip: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(face_clip.read_bytes()[:-5_000])
    found = _findings(capsys, cut, tmp_path / "nix.jpg", status=2)
    assert len(found) == 2
