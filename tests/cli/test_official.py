"""Every command with the released networks, narrow: what works, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from pdfgc import Avatar, InputError, Motion
from pdfgc.avatar.official import reader_for
from pdfgc.cli import run
from pdfgc.dubbing import Dubbing, Footage, Length, Region, Speaker
from pdfgc.dubbing.speaker import Lips
from pdfgc.evaluation import speed
from pdfgc.media import probe, read_audio, read_video, write_video
from pdfgc.motion import CONTROLLED
from pdfgc.weights import load_model
from tests.cli.asking import refusal, told

Ask = Callable[..., dict[str, object]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("asked")


@pytest.fixture(scope="module")
def clips(face_clip: Path, folder: Path) -> dict[str, Path]:
    """For each factor another piece of the moved portrait, seven frames long."""
    frames = [frame.image for frame in read_video(face_clip)]
    paths = {}
    for number, factor in enumerate(("pose", "gaze", "blink", "expression", "lip")):
        paths[factor] = folder / f"{factor}.mp4"
        write_video(paths[factor], iter(frames[5 * number : 5 * number + 7]), fps=25)
    return paths


@pytest.fixture(scope="module")
def sound(speech: Path, folder: Path) -> Path:
    """Speech of seven frames."""
    path = folder / "speech.wav"
    soundfile.write(path, read_audio(speech)[16_000 : 16_000 + 7 * 640], 16_000)
    return path


@pytest.fixture
def system(face_image: Path, official_weights: Path) -> list[object]:
    return ["--source", face_image, "--weights", official_weights, "--device", "cpu"]


@pytest.fixture
def moved(
    capsys: pytest.CaptureFixture[str], system: list[object], tmp_path: Path
) -> Callable[..., Motion]:
    """The motion of a clip that `animate` makes."""

    def animate(*arguments: object) -> Motion:
        out, motion = tmp_path / "out.mp4", tmp_path / "out.motion.safetensors"
        told(capsys, "animate", *system, *arguments, "-o", out, "--save-motion", motion)
        assert probe(out).n_frames == len(Motion.load(motion))
        return Motion.load(motion)

    return animate


def test_every_factor_has_a_video_of_its_own(
    moved: Callable[..., Motion], clips: dict[str, Path]
) -> None:
    together = moved(*[part for f, path in clips.items() for part in (f"--{f}-video", path)])
    assert together.own_units
    assert len(together) == 7
    alone = {factor: moved(f"--{factor}-video", path) for factor, path in clips.items()}
    for factor in CONTROLLED:
        rows = together.rows(factor)
        np.testing.assert_array_equal(rows, alone[factor].rows(factor))
        assert np.ptp(rows, axis=0).max() > 0
        # Another factor's clip leaves it alone; only lids go with the gaze's.
        other = "expression" if factor != "expression" else "pose"
        assert not np.array_equal(rows, alone[other].rows(factor))
        assert np.ptp(alone[other].rows(factor), axis=0).max() == 0


def test_lips_from_a_video_move_the_picture(
    face_image: Path, official_weights: Path, clips: dict[str, Path]
) -> None:
    avatar = Avatar.from_images(face_image, weights=official_weights, device="cpu")
    frames = [f.astype(int) for f in avatar.animate(lip_video=clips["lip"], crop=True).frames()]
    assert all(np.abs(one - two).max() > 0 for one, two in pairwise(frames))


def test_a_saved_motion_gives_the_same_file_again(
    capsys: pytest.CaptureFixture[str], system: list[object], clips: dict[str, Path], tmp_path: Path
) -> None:
    motion, changed = tmp_path / "m.motion.safetensors", tmp_path / "e.motion.safetensors"
    paths = [tmp_path / name for name in ("one.mp4", "two.mp4", "three.mp4")]
    told(capsys, "animate", *system, "--pose-video", clips["pose"], "-o", paths[0],
         "--save-motion", motion)  # fmt: skip
    told(capsys, "animate", *system, "--motion", motion, "-o", paths[1])
    one, two = ([f.image for f in read_video(path)] for path in paths[:2])
    assert len(one) == 7
    np.testing.assert_array_equal(one, two)
    answer = told(capsys, "edit", motion, *system, "--strength", "pose=0.5", "-o", paths[2],
                  "--save-motion", changed)  # fmt: skip
    assert answer["changed"] == ["pose"]
    np.testing.assert_allclose(Motion.load(changed).pose, 0.5 * Motion.load(motion).pose, rtol=1e-6)


def test_lips_in_step_or_as_released(moved: Callable[..., Motion], sound: Path) -> None:
    right = moved("--audio", sound)
    released = moved("--audio", sound, "--lip-lead", "0.08")
    # The last two frames hear the end of the sound, and smoothing mixes neighbours.
    np.testing.assert_array_equal(released.lip[1:4], right.lip[3:6])
    assert not np.array_equal(released.lip[1:4], right.lip[1:4])


# Dubbing -----------------------------------------------------------------------------------------


def test_dubbed_lips_are_those_of_animate_at_any_lead(
    face_image: Path, official_weights: Path, sound: Path
) -> None:
    avatar = Avatar.from_images(face_image, weights=official_weights, device="cpu")
    reader, waveform = reader_for(avatar._loaded), read_audio(sound)
    times = np.arange(7) / 25
    wanted = avatar.motion(audio=waveform).lip
    lips = Lips(waveform, reader, avatar.source, gate=False)
    np.testing.assert_allclose(lips.at(times), wanted, atol=1e-5)
    released = Lips(waveform, reader, avatar.source, gate=False, lead_s=0.08)
    np.testing.assert_allclose(released.at(times)[:5], wanted[2:], atol=1e-5)
    with pytest.raises(InputError, match="lip_lead_s"):
        Lips(waveform, reader, avatar.source, gate=False, lead_s=3)


def test_a_dubbed_face_is_pasted_back(face_clip: Path, official_weights: Path, sound: Path) -> None:
    loaded = load_model(official_weights, "cpu")
    dubbing = Dubbing(
        Footage(face_clip, Length.AUDIO, 7 / 25),
        [Speaker(sound)],
        [read_audio(sound)],
        reader_for(loaded),
        region=Region.JAW,
        references=2,
        gate=True,
        lip_lead_s=0.08,
    )
    before = [frame.image for frame in read_video(face_clip)]
    made = [frame.image for frame in dubbing.frames()]
    assert len(made) == 7
    changed: NDArray[np.bool_] = np.any(
        [(old != new).any(-1) for old, new in zip(before, made, strict=False)], axis=0
    )
    rows, columns = np.nonzero(changed)
    # Mouth and chin of the portrait, and not a pixel elsewhere.
    assert 110 < rows.min() < rows.max() < 260
    assert 140 < columns.min() < columns.max() < 310
    assert changed[145:185, 200:245].mean() > 0.9


def test_dub_writes_a_video_with_the_new_sound(
    capsys: pytest.CaptureFixture[str],
    clips: dict[str, Path],
    official_weights: Path,
    sound: Path,
    tmp_path: Path,
) -> None:
    out, report = tmp_path / "dubbed.mp4", tmp_path / "report.json"
    call = ["dub", clips["pose"], "--audio", sound, "--weights", official_weights, "-o", out]
    told(capsys, *call, "--device", "cpu", "--report", report, "--lip-lead", "0.08")
    info = probe(out)
    assert (info.width, info.height, info.n_frames, info.has_audio) == (512, 512, 7, True)
    assert [s["done"] for s in json.loads(report.read_text())["segments"]] == ["dubbed"]


# Evaluation and speed ----------------------------------------------------------------------------


def test_evaluate_scores_them(
    capsys: pytest.CaptureFixture[str],
    clips: dict[str, Path],
    official_weights: Path,
    tmp_path: Path,
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    frames = [frame.image for frame in read_video(clips["pose"])]
    write_video(raw / "clip.mp4", (frames[n % 7] for n in range(50)), fps=25)
    call = ["evaluate", raw, "--weights", official_weights, "--device", "cpu", "--frames", 4]
    answer = told(capsys, *call, "--protocols", "self", "-o", tmp_path / "results")
    rows = answer["protocols"]["self"]["rows"]  # type: ignore[index]
    assert set(rows) == {"real", "held still", "model"}
    assert (tmp_path / "results" / "index.html").is_file()


def test_bench_sets_them_beside_another_preset(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    face_image: Path,
    official_weights: Path,
    sound: Path,
) -> None:
    monkeypatch.setattr(speed, "_LEAST_S", 0.0)
    monkeypatch.setattr(speed, "_LEAST_RUNS", 1)
    call = ["bench", "--source", face_image, "--audio", sound, "--presets", "tiny"]
    assert run([*map(str, call), "--weights", str(official_weights), "--no-work"]) == 0
    text = capsys.readouterr().out
    head, rest = text.split("\n\n")[:2]
    assert head.startswith("**Per second, and in brackets the ratio** (")
    assert rest.startswith("|  | pdfgc-official | tiny |")
    rows = {line.split(" | ")[0][2:]: line.split(" | ")[1:] for line in rest.splitlines()}
    cell = r"\d+\.\d\d \(\d+\.\d\d\)"
    for what in ("generator, ms per frame, batch 1", "appearance encoder, ms per source"):
        assert all(re.fullmatch(cell, each.strip(" |")) for each in rows[what])
    assert rows["trunk with all heads, ms per frame, batch 8"][1].strip(" |") == ""


# Refusals ----------------------------------------------------------------------------------------


ASKED = ["--pose 10,0,0", "--pose auto", "--gaze 5,0", "--gaze camera", "--blink 0.2",
         "--blink auto", "--expression auto", "--offset pose=0,5,0", "--offset blink=-0.2",
         "--move 0.1,0", "--zoom 1.1"]  # fmt: skip


def refused(sentence: str, out: Path) -> bool:
    why = "order and units of their codes are not published"
    remedy = "give a video, an image, a saved motion or keep"
    return why in sentence and remedy in sentence and not out.exists()


@pytest.mark.parametrize("asked", [*ASKED, "--pose 0:0,0,0;1:20,0,0"])
def test_what_needs_units_is_refused(
    capsys: pytest.CaptureFixture[str], system: list[object], tmp_path: Path, asked: str
) -> None:
    out = tmp_path / "out.mp4"
    assert refused(refusal(capsys, "animate", *system, *asked.split(" "), "-o", out), out)


@pytest.mark.parametrize("asked", ["--gaze camera", "--pose 5,0,0", "--offset gaze=3,0"])
def test_what_needs_units_is_not_edited_in(
    capsys: pytest.CaptureFixture[str],
    face_image: Path,
    official_weights: Path,
    system: list[object],
    tmp_path: Path,
    asked: str,
) -> None:
    motion, out = tmp_path / "m.motion.safetensors", tmp_path / "out.mp4"
    avatar = Avatar.from_images(face_image, weights=official_weights, device="cpu")
    avatar.motion(duration_s=0.08).save(motion)
    call = ["edit", motion, *system, *asked.split(" "), "-o", out]
    assert refused(refusal(capsys, *call), out)


def test_keyframes_of_a_file_are_refused(
    capsys: pytest.CaptureFixture[str], system: list[object], tmp_path: Path
) -> None:
    table = tmp_path / "pose.csv"
    table.write_text("time_s,yaw_deg,pitch_deg,roll_deg\n0,0,0,0\n1,20,0,0\n")
    sentence = refusal(capsys, "animate", *system, "--pose", table, "-o", tmp_path / "out.mp4")
    assert "not published" in sentence


@pytest.mark.parametrize("part", ["angles", "gaze", "expression"])
def test_what_cannot_be_relative_says_so(
    capsys: pytest.CaptureFixture[str], system: list[object], tmp_path: Path, part: str
) -> None:
    sentence = refusal(capsys, "animate", *system, "--relative", part, "-o", tmp_path / "out.mp4")
    assert f"Relative {part} cannot be used" in sentence


def test_numbers_are_not_written_into_their_motions(
    face_image: Path, official_weights: Path
) -> None:
    motion = Avatar.from_images(face_image, weights=official_weights, device="cpu").source
    for given in ({"gaze": (0.2, 0.0)}, {"openness": (0.5, 0.5)}):
        with pytest.raises(InputError, match="units of its codes are not known"):
            motion.replace(**given)
    assert torch.from_numpy(motion.replace(eye=2 * motion.eye).eye).isfinite().all()
