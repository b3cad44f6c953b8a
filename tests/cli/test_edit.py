"""`pdfgc edit` changes what is named, and leaves a file or nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pdfgc import Avatar, Motion
from pdfgc.media import probe
from tests.cli.asking import refusal, told


def test_edit(
    capsys: pytest.CaptureFixture[str],
    face_image: Path,
    speech: Path,
    tiny_weights: Path,
    tmp_path: Path,
) -> None:
    made, codes, voice = (tmp_path / n for n in ("a.mp4", "a.motion.safetensors", "voice.wav"))
    soundfile.write(voice, soundfile.read(speech)[0][:16_000], 16_000)
    same = ("--source", face_image, "--weights", tiny_weights, "--device", "cpu", "--crop")
    told(capsys, "animate", *same, "--audio", voice, "-o", made, "--save-motion", codes)
    out, after, plot = (tmp_path / n for n in ("b.mp4", "b.motion.safetensors", "b.png"))
    answer = told(
        capsys,
        *("edit", codes, *same, "--gaze", "0:0,0; 0.9:-20,10 smooth", "--sound", made),
        *("--offset", "pose=10,0,0", "--zoom", "1.1", "--save-motion", after),
        *("--plot", plot, "-o", out),
    )
    assert answer["changed"] == ["pose", "gaze"]
    info = probe(out)
    assert answer["frames"] == info.n_frames == 25
    assert info.has_audio
    assert plot.is_file()
    before, edited = Motion.load(codes), Motion.load(after)
    assert edited.lip.tobytes() == before.lip.tobytes()
    assert edited.rows("blink").tobytes() == before.rows("blink").tobytes()
    np.testing.assert_allclose(edited.gaze[-1], np.radians([-20, 10]), atol=1e-6)
    shift = [math.radians(10), 0, 0, 0, 0, math.log(1.1)]
    np.testing.assert_allclose(edited.pose - before.pose, [shift] * 25, atol=1e-5)


def test_edit_refuses_in_one_sentence(
    capsys: pytest.CaptureFixture[str],
    face_image: Path,
    face_clip: Path,
    tiny_weights: Path,
    tmp_path: Path,
) -> None:
    codes, out = tmp_path / "a.motion.safetensors", tmp_path / "out.mp4"
    same = ("--source", face_image, "--weights", tiny_weights, "-o", out)
    assert "no such motion file" in refusal(capsys, "edit", codes, *same)
    lip, rest = np.ones(8) / 8**0.5, np.zeros(30)
    Motion.rest(frames=3, lip=lip, expression=rest, fps=25, model_id="m").save(codes)
    assert "was made with model m" in refusal(capsys, "edit", codes, *same, "--gaze", "0,0")
    avatar = Avatar.from_images(face_image, weights=tiny_weights, device="cpu")
    avatar.motion(duration_s=0.2).save(codes)
    assert "Nothing is to be changed" in refusal(capsys, "edit", codes, *same)
    silent = (*same, "--gaze", "0,0", "--sound", face_clip)
    assert "has no sound" in refusal(capsys, "edit", codes, *silent)
    assert "no such file" in refusal(capsys, "edit", codes, *same, "--gaze", "nix.csv")
    assert not out.exists()
