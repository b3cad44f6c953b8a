from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pdfgc import Motion
from pdfgc.cli import run
from pdfgc.media import probe, read_video
from tests.cli.asking import refusal, told


def test_animate(
    capsys: pytest.CaptureFixture[str],
    face_image: Path,
    speech: Path,
    face_clip: Path,
    tiny_weights: Path,
    tmp_path: Path,
) -> None:
    out, codes = tmp_path / "out.mp4", tmp_path / "talk.motion.safetensors"
    voice = tmp_path / "short.wav"
    soundfile.write(voice, soundfile.read(speech)[0][: 16_000 * 2], 16_000)
    answer = told(
        capsys,
        *("animate", "--source", face_image, "--audio", voice, "--weights", tiny_weights),
        *("--device", "cpu", "--pose", "-20,0,0", "--gaze-video", face_clip, "--crop"),
        *("--expression-video", face_clip, "--strength", "expression=0.5", "--seed", 3),
        *("--save-motion", codes, "-o", out),
    )
    info = probe(out)
    assert answer["frames"] == info.n_frames == 50
    assert (answer["width"], answer["height"]) == (info.width, info.height) == (64, 64)
    assert info.has_audio
    motion = Motion.load(codes)
    np.testing.assert_allclose(motion.pose[:, 0], math.radians(-20), atol=1e-6)
    assert answer["model_id"] == motion.model_id


def test_animate_in_other_forms(
    capsys: pytest.CaptureFixture[str],
    face_image: Path,
    tiny_weights: Path,
    tmp_path: Path,
) -> None:
    gif = tmp_path / "out.gif"
    same = ("animate", "--source", face_image, face_image, "--weights", tiny_weights)
    answer = told(capsys, *same, "--duration", 0.4, "--fps", 10, "--crop", "--out", gif)
    assert answer["frames"] == len(list(read_video(gif))) == 4
    assert run([*map(str, same), "--duration", "0.2", "-o", str(tmp_path / "frames")]) == 0
    assert "5 frames, 512 x 512, 25 fps" in capsys.readouterr().out
    assert len(list((tmp_path / "frames").glob("*.png"))) == 5


def test_animate_refuses_in_one_sentence(
    capsys: pytest.CaptureFixture[str], face_image: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    same = ("animate", "--source", face_image, "--weights", tiny_weights)
    out = ("-o", tmp_path / "out.mp4")
    assert "no such file" in refusal(capsys, "animate", "--source", "nix.jpg",
                                     "--weights", tiny_weights, *out)  # fmt: skip
    assert "no such file" in refusal(capsys, *same, "--audio", "nix.wav", *out)
    assert "pose takes 3 or 6 numbers" in refusal(capsys, *same, "--pose", "1,2", *out)
    assert "write FACTOR=NUMBER" in refusal(capsys, *same, "--strength", "nose=1", *out)
    assert "does not exist" in refusal(capsys, *same, "-o", tmp_path / "no" / "out.mp4")
    assert "--bogus" in refusal(capsys, *same, "--bogus", *out)
    assert "--out" in refusal(capsys, *same)
    assert "is a pickle" in _with_pickled_weights(capsys, face_image, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pth"]


def _with_pickled_weights(
    capsys: pytest.CaptureFixture[str], face_image: Path, tmp_path: Path
) -> str:
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"PK\x03\x04" + bytes(100))
    out = tmp_path / "out.mp4"
    return refusal(capsys, "animate", "--source", face_image, "--weights", weights, "-o", out)
