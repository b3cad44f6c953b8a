"""Avatars of the landmark presets, on a model with random weights and fitted landmarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pdfgc.avatar import Avatar, Control, Controls
from pdfgc.config import PRESETS
from pdfgc.errors import InputError
from pdfgc.generator.drawing import draw_landmarks
from pdfgc.media import read_image
from pdfgc.model import LandmarkEncoders, build_model
from pdfgc.tracking import track_image
from pdfgc.tracking.contours import CONTOURS
from pdfgc.training.finetuning import TuningPlan
from pdfgc.weights import LoadedModel, load_model, save_model
from tests.encoders.test_landmarks import faces
from tests.training.fitted import fit_landmarks

LANDMARK_PRESETS = ("fewshot-tiny", "marionette-tiny")


@pytest.fixture(autouse=True)
def _pixels_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The teachers take most of the time; test_finetune.py has them."""
    monkeypatch.setattr("pdfgc.training.finetuning.own_teachers", list)


@pytest.fixture(scope="module")
def landmark_weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedModel]:
    """Loaded weights of both presets by name."""
    found = {}
    for preset in LANDMARK_PRESETS:
        torch.manual_seed(0)
        model = build_model(PRESETS[preset])
        fit_landmarks(model, *faces(np.random.default_rng(0))[:3])
        path = tmp_path_factory.mktemp("weights") / f"{preset}.safetensors"
        save_model(model, path, {})
        found[preset] = load_model(path, "cpu")
    return found


@pytest.mark.parametrize("preset", LANDMARK_PRESETS)
def test_a_driving_video_moves_the_source(
    preset: str, landmark_weights: dict[str, LoadedModel], face_image: Path, face_clip: Path
) -> None:
    loaded = landmark_weights[preset]
    avatar = Avatar.from_images([face_image], weights=loaded)
    clip = avatar.animate(pose_video=face_clip, crop=True)
    assert len(clip) == 30
    frames = list(clip.frames())
    assert frames[0].shape == (64, 64, 3)
    # The portrait rolls by 4 degrees in the clip.
    rolls = np.rad2deg(clip.motion.pose[:, 2])
    assert np.ptp(rolls) == pytest.approx(8, abs=2)
    encoders = loaded.model.encoders
    assert isinstance(encoders, LandmarkEncoders)
    from pdfgc.avatar.encoding import joined

    points = encoders.landmarks.points(joined(clip.motion, torch.device("cpu")))
    corners = points[:, CONTOURS.corners[0][0], :2] - points[:, CONTOURS.corners[1][0], :2]
    drawn = np.rad2deg(np.arctan2(-corners[:, 1], -corners[:, 0]))
    assert np.corrcoef(drawn, rolls)[0, 1] > 0.99
    assert float(np.abs(frames[0].astype(int) - frames[8]).mean()) > 0


def test_codes_of_a_picture_draw_its_landmarks(
    landmark_weights: dict[str, LoadedModel], face_image: Path
) -> None:
    loaded = landmark_weights["fewshot-tiny"]
    avatar = Avatar.from_images([face_image], weights=loaded)
    encoders = loaded.model.encoders
    assert isinstance(encoders, LandmarkEncoders)
    from pdfgc.avatar.encoding import joined

    points = encoders.landmarks.points(joined(avatar.source, torch.device("cpu")))[0]
    image = read_image(face_image)
    track = track_image(image, crop=loaded.model.config.crop)
    true = track.crop_landmarks()[0, CONTOURS.mesh, :2]
    error = np.linalg.norm(points[: len(CONTOURS.mesh), :2] - true, axis=1)
    # The bases are of made-up faces: the real one is met to a few pixels of 64.
    assert float(np.median(error)) < 0.08
    assert draw_landmarks(points, 64).any()


@pytest.mark.parametrize("preset", ["fewshot-tiny", "marionette-tiny"])
def test_brows_and_smile_have_no_numbers(
    landmark_weights: dict[str, LoadedModel], face_image: Path, preset: str
) -> None:
    avatar = Avatar.from_images(face_image, weights=landmark_weights[preset])
    smile = Controls(expression=Control(offset=(0.0, 0.1)))
    with pytest.raises(InputError, match="no numbers for brows and smile"):
        avatar.motion(duration_s=0.2, controls=smile)


def test_speech_is_refused_and_lips_take_a_video(
    landmark_weights: dict[str, LoadedModel], face_image: Path, face_clip: Path, speech: Path
) -> None:
    avatar = Avatar.from_images(face_image, weights=landmark_weights["fewshot-tiny"])
    with pytest.raises(InputError, match=r"no speech encoder; drive the lips with a video"):
        avatar.animate(audio=speech)
    clip = avatar.animate(audio=speech, lip_video=face_clip)
    assert clip.audio is not None
    assert len(clip) > 100


def test_the_sources_geometry_is_kept_unless_it_is_not_wanted(
    landmark_weights: dict[str, LoadedModel], face_image: Path, face_clip: Path
) -> None:
    loaded = landmark_weights["fewshot-tiny"]
    avatar = Avatar.from_images(face_image, weights=loaded)
    expressions = PRESETS["fewshot-tiny"].landmarks
    assert expressions is not None
    n = expressions.face_expressions
    own = avatar.source.expression[0, n:]
    changed = avatar.source.expression.copy()
    changed[:, n:] += 1
    other = replace(avatar.source, expression=changed)
    kept = avatar.motion(expression=other, duration_s=0.2)
    np.testing.assert_allclose(kept.expression[:, n:], np.tile(own, (5, 1)), atol=1e-5)
    taken = avatar.motion(
        expression=other, duration_s=0.2, controls=Controls(relative_geometry=False)
    )
    np.testing.assert_allclose(taken.expression[:, n:], np.tile(own + 1, (5, 1)), atol=1e-5)


def test_factors_are_driven_apart(
    landmark_weights: dict[str, LoadedModel], face_image: Path, face_clip: Path
) -> None:
    avatar = Avatar.from_images(face_image, weights=landmark_weights["marionette-tiny"])
    motion = avatar.motion(pose=(0.3, 0, 0), gaze=(0.1, 0), blink=0.2, lip_video=face_clip)
    source = avatar.source
    np.testing.assert_allclose(motion.pose[:, 0], 0.3, atol=1e-6)
    np.testing.assert_allclose(motion.eye[:, 2:4], 0.2, atol=1e-6)
    np.testing.assert_allclose(
        motion.expression, np.repeat(source.expression, len(motion), 0), atol=1e-5
    )


def test_unfitted_weights_are_refused(tmp_path: Path, face_image: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_model(build_model(PRESETS["fewshot-tiny"]), path, {})
    with pytest.raises(InputError, match="landmark bases are not fitted"):
        Avatar.from_images(face_image, weights=path)


@pytest.mark.parametrize("preset", LANDMARK_PRESETS)
def test_tuning_draws_the_person_better_and_is_kept(
    preset: str, landmark_weights: dict[str, LoadedModel], face_image: Path, tmp_path: Path
) -> None:
    loaded = landmark_weights[preset]
    before = {n: v.clone() for n, v in loaded.model.state_dict().items()}
    avatar = Avatar.from_images(face_image, weights=loaded)
    seen: list[int] = []
    # Random weights answer to anything.
    plan = TuningPlan(steps=6, check_every=3, batch_size=2, learning_rate=1e-3, liveliness=0.0)
    result = avatar.finetune(face_image, plan=plan, preview=lambda step, picture: seen.append(step))
    assert seen == [3, 6][: len(seen)]
    assert result.error_after < result.error_before
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} of the weights themselves was changed"
    avatar.save(tmp_path / "me.avatar.safetensors")
    again = Avatar.load(tmp_path / "me.avatar.safetensors", weights=loaded)
    drive = {"pose": (0.2, 0.0, 0.0), "duration_s": 0.08, "crop": True, "blink": 1.0}
    for one, other in zip(
        avatar.animate(**drive).frames(), again.animate(**drive).frames(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
