"""The commands: what they print, what they leave, and how they end."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageFilter

from pdfgc import InputError, Motion
from pdfgc.avatar import Controls
from pdfgc.cli import run
from pdfgc.cli.parsing import controls_of, driver_of, face_of
from pdfgc.config import PRESETS
from pdfgc.cost import cost_of
from pdfgc.media import probe, read_image, read_video, write_video
from pdfgc.tracking import FaceChoice, FaceTrack

ROOT = Path(__file__).resolve().parents[1]


def told(
    capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0
) -> dict[str, object]:
    """Run a command with --json and read what it printed."""
    assert run([*map(str, arguments), "--json"]) == status
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    answer: dict[str, object] = json.loads(out)
    return answer


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that must fail, and give its one line."""
    assert run(list(map(str, arguments))) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pdfgc: ")
    assert captured.err.count("\n") == 1
    return captured.err


# animate -----------------------------------------------------------------------------------------


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


def test_numbers_are_degrees() -> None:
    assert driver_of("-20,0,10", degrees=3) == pytest.approx(
        (math.radians(-20), 0, math.radians(10))
    )
    assert driver_of("90,0,0,0.1,0.2,0.3", degrees=3) == pytest.approx(
        (math.pi / 2, 0, 0, 0.1, 0.2, 0.3)
    )
    assert driver_of("0.5", degrees=0) == (0.5,)
    assert driver_of("0: 0,0; 1.5: 90,0", degrees=2) == [
        (0.0, (0.0, 0.0)),
        (1.5, (pytest.approx(math.pi / 2), 0.0)),
    ]
    assert driver_of("nod.mp4", degrees=3) == "nod.mp4"
    assert driver_of("auto", degrees=3) == "auto"
    assert driver_of(None) is None
    with pytest.raises(InputError, match="no list of numbers"):
        driver_of("1,,2")


def test_choices_and_controls() -> None:
    assert face_of("largest") is FaceChoice.LARGEST
    assert face_of("1") == 1
    assert face_of("1,2,3.5,4") == (1, 2, 3.5, 4)
    with pytest.raises(InputError, match="--face is '1,2'"):
        face_of("1,2")
    controls = controls_of("pose=0.5, lip=1.2", "pose=0.3")
    assert (controls.pose.strength, controls.pose.smooth_s) == (0.5, 0.3)
    assert controls.lip.strength == 1.2
    assert controls_of("", "") == Controls()


def test_interrupt_leaves_nothing(face_image: Path, tiny_weights: Path, tmp_path: Path) -> None:
    call = [sys.executable, "-m", "pdfgc", "animate", "--source", str(face_image)]
    call += ["--weights", str(tiny_weights), "--duration", "3000", "-o", str(tmp_path / "out.mp4")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env=environment) as process:
        deadline = time.monotonic() + 120
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list(tmp_path.iterdir()), "it never began to write"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "pdfgc: stopped.\n"
    assert list(tmp_path.iterdir()) == []


# track, info, check, help ------------------------------------------------------------------------


def test_track(
    capsys: pytest.CaptureFixture[str], face_clip: Path, face_image: Path, tmp_path: Path
) -> None:
    out = tmp_path / "clip.track.safetensors"
    answer = told(capsys, "track", face_clip, "-o", out)
    assert answer["frames"] == answer["good_frames"] == len(FaceTrack.load(out)) == 30
    assert told(capsys, "track", face_clip, "-o", out, "--fps", 12.5)["frames"] == 15
    assert told(capsys, "track", face_image, "-o", out)["frames"] == 1
    wall = tmp_path / "wall.mp4"
    write_video(wall, [np.full((64, 64, 3), 99, np.uint8)] * 3, 25)
    assert "no face was found" in refusal(capsys, "track", wall, "-o", out)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_info_of_a_preset(capsys: pytest.CaptureFixture[str], preset: str) -> None:
    answer = told(capsys, "info", "--preset", preset)
    parts = answer["parts"]
    assert isinstance(parts, list)
    names = {part["name"] for part in parts}
    assert names == {"appearance", "motion", "eye", "pose", "speech", "generator"}
    assert answer["parameters"] == sum(part["parameters"] for part in parts)
    assert answer["within_budget"] is True
    assert run(["info", "--preset", preset]) == 0
    assert "generator" in capsys.readouterr().out


def test_costs_are_those_of_the_layers() -> None:
    cost = {part.name: part for part in cost_of(PRESETS["tiny"]).parts}
    # The first layer of the eye encoder alone: 3 -> 8 channels, 3 x 3, at 32 x 32.
    assert cost["eye"].gflops > 2 * 32 * 32 * 9 * 3 * 8 / 1e9
    assert cost["generator"].gflops < 0.5
    budget = {part.name: part.budget_gflops for part in cost_of(PRESETS["fast"]).parts}
    assert budget["generator"] == 8


def test_info_of_weights_and_of_the_installation(
    capsys: pytest.CaptureFixture[str], tiny_weights: Path
) -> None:
    answer = told(capsys, "info", "--weights", tiny_weights)
    assert answer["training"] == {"steps": 0}
    answer = told(capsys, "info")
    assert answer["presets"] == list(PRESETS)
    assert "cpu" in answer["devices"]  # type: ignore[operator]
    assert "no preset 'huge'" in refusal(capsys, "info", "--preset", "huge")


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


def test_help_is_quick() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "pdfgc", "--help"], env=environment, check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time: wall time would measure what else runs here.
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert seconds < 0.5


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip()


def test_pack_and_train_refuse_what_is_not_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert "is no folder" in refusal(capsys, "pack", tmp_path / "nix", "--out", out)
    assert "holds no video" in refusal(capsys, "pack", tmp_path, "--out", out)
    assert "no such file" in refusal(capsys, "pack", tmp_path, "--manifest", "m.csv", "--out", out)
    train = ("--data", tmp_path, "--out", out)
    assert "no stage 'all'" in refusal(capsys, "train", "all", *train)
    assert "no preset 'x'" in refusal(capsys, "train", "lip", *train, "--preset", "x")
    assert "steps" in refusal(capsys, "train", "lip", *train, "--steps", 0)
