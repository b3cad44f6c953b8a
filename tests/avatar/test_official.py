"""The released networks behind the same avatar: alignment, sound, defaults and refusals.

The networks are narrow here and their weights random; what they compute is tested beside their
importer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pdfgc import Avatar, InputError, Motion
from pdfgc.avatar import Control, Controls
from pdfgc.avatar.official import OfficialReader, over_neighbours
from pdfgc.compositor import Compositor
from pdfgc.config import PRESETS
from pdfgc.evaluation.control import set_value
from pdfgc.evaluation.rendering import CropRenderer, Drive, renderer_for
from pdfgc.generator import ModulatedGenerator
from pdfgc.media import (
    official_level,
    official_mel,
    official_windows,
    read_audio,
    read_image,
    read_video,
)
from pdfgc.motion import EYE_WIDTH, FACTORS
from pdfgc.tracking import aligned_crops, track_image, track_video, turned_image, whole_frame
from pdfgc.weights import load_model
from tests.official import narrow

OFFICIAL = PRESETS["pdfgc-official"]
assert OFFICIAL.official is not None


@pytest.fixture(scope="module")
def avatar(face_image: Path, official_weights: Path) -> Avatar:
    return Avatar.from_images(face_image, weights=official_weights, device="cpu")


@pytest.fixture(scope="module")
def driven(avatar: Avatar, face_clip: Path) -> Motion:
    return avatar._reader.file(face_clip)


# Where the networks look -------------------------------------------------------------------------


def test_eyes_and_mouth_are_brought_to_their_places(face_image: Path) -> None:
    config = OFFICIAL.official
    assert config is not None
    track = track_image(read_image(face_image))
    crop = aligned_crops(track, config)[0]
    frame = whole_frame(crop, config)
    x, y, side, angle = frame
    scheme, points = track.topology, track.landmarks[0, :, :2]

    def place(indices: np.ndarray) -> np.ndarray:
        offset = points[indices].mean(axis=0) - (x, y)
        back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return back @ offset * config.frame_size / side + config.frame_size / 2 - 0.5

    np.testing.assert_allclose(place(scheme.inner_lips), config.mouth, atol=1e-3)
    right, left = place(scheme.right_eye.contour), place(scheme.left_eye.contour)
    # Three points fix a similarity but for their own proportions.
    np.testing.assert_allclose(right, config.right_eye, atol=6)
    np.testing.assert_allclose(left, config.left_eye, atol=6)
    assert abs(right[1] - left[1]) < 3


def test_a_clip_is_aligned_by_its_mean_and_follows_the_mouth(face_clip: Path) -> None:
    config = OFFICIAL.official
    assert config is not None
    track = track_video(face_clip)
    crops = aligned_crops(track, config)
    assert crops.shape == (len(track), 4)
    assert np.ptp(crops[:, 2]) == 0
    assert np.ptp(crops[:, 3]) == 0
    mouth = track.landmarks[:, track.topology.inner_lips, :2].mean(axis=1)
    moved = crops[:, :2] - crops[0, :2] - (mouth - mouth[0])
    assert np.abs(moved).max() < 0.3 * np.abs(np.diff(mouth, axis=0)).max() + 0.1


@pytest.mark.parametrize("angle", [0.0, 0.3, -1.1])
def test_what_was_cut_out_turned_is_pasted_back(face_image: Path, angle: float) -> None:
    image = read_image(face_image)
    crop = np.array([240.0, 160.0, 190.0, angle])
    pasted = Compositor(image, crop).paste(turned_image(image, crop, 190))
    change = np.abs(pasted.astype(int) - image)
    assert change.mean() < 0.3
    assert np.percentile(change, 99.5) < 14
    # A head of another size and colour lies in the turned square only.
    white = Compositor(image, crop).paste(np.full((64, 64, 3), 255, np.uint8))
    rows, columns = np.nonzero((white != image).any(axis=-1))
    u = np.cos(angle) * (columns + 0.5 - 240) + np.sin(angle) * (rows + 0.5 - 160)
    assert np.abs(u).max() < 96
    assert (white[150:170, 230:250] == 255).all()


def test_outside_the_image_it_is_black() -> None:
    image = np.full((50, 60, 3), 200, np.uint8)
    cut = turned_image(image, np.array([0.0, 25.0, 40.0, 0.0]), 40)
    assert not cut[:, :18].any()
    assert (cut[:, 22:] == 200).all()


# What drives -------------------------------------------------------------------------------------


def test_factors_from_their_own_videos_with_the_defaults_of_the_release(
    avatar: Avatar, driven: Motion, face_clip: Path, speech: Path
) -> None:
    sound = read_audio(speech)[:16_000]
    clip = avatar.animate(
        audio=sound, pose_video=face_clip, gaze_video=face_clip, expression_video=face_clip
    )
    motion, config = clip.motion, OFFICIAL.official
    assert config is not None
    assert motion.own_units
    assert len(motion) == 25
    audio = avatar.model.config.audio
    windows = official_windows(official_mel(official_level(sound), audio), 0, 25, audio)
    with torch.inference_mode():
        lip = avatar.model.encoders.speech(windows).numpy()
    expected = over_neighbours(1.5 * lip, config.lip_smoothing)
    np.testing.assert_allclose(motion.lip, expected, atol=1e-5)
    np.testing.assert_allclose(motion.eye, 1.2 * driven.eye[:25], atol=1e-5)
    np.testing.assert_allclose(motion.expression, 1.2 * driven.expression[:25], atol=1e-5)
    mean = (driven.pose[:-2] + driven.pose[1:-1] + driven.pose[2:]) / 3
    np.testing.assert_allclose(motion.pose[1:24], mean[:23], atol=1e-5)
    np.testing.assert_allclose(motion.pose[0], driven.pose[:2].mean(axis=0), atol=1e-5)
    frames = list(clip.frames())
    assert {frame.shape for frame in frames} == {(512, 512, 3)}


def test_shares_of_neighbours_count_where_they_are() -> None:
    rows = np.array([[1.0], [2.0], [6.0]], np.float32)
    mixed = over_neighbours(rows, (1 / 3, 1 / 3, 1 / 3))
    np.testing.assert_allclose(mixed[:, 0], [1.5, 3, 4], atol=1e-6)
    np.testing.assert_allclose(over_neighbours(rows[:1], (0.2, 0.6, 0.2)), rows[:1], atol=1e-6)


def test_own_strength_and_smoothing_go_before_the_defaults(
    avatar: Avatar, driven: Motion, face_clip: Path
) -> None:
    controls = Controls(
        expression=Control(strength=1), pose=Control(strength=0.5, smooth_s=0), gaze=Control(0.0)
    )
    motion = avatar.motion(expression=face_clip, pose=face_clip, gaze=face_clip, controls=controls)
    np.testing.assert_allclose(motion.expression, driven.expression, atol=1e-6)
    np.testing.assert_allclose(motion.pose, 0.5 * driven.pose, atol=1e-6)
    np.testing.assert_array_equal(motion.gaze, np.zeros((30, 2)))


def test_without_drivers_all_is_kept(avatar: Avatar) -> None:
    motion = avatar.motion(duration_s=0.2)
    for factor in ("pose", "eye", "expression"):
        kept = np.repeat(getattr(avatar.source, factor), 5, axis=0)
        np.testing.assert_array_equal(getattr(motion, factor), kept)
    assert not motion.lip.any()


def test_saved_motions_are_not_strengthened_again(
    avatar: Avatar, face_clip: Path, tmp_path: Path
) -> None:
    motion = avatar.motion(pose=face_clip, gaze=face_clip, expression=face_clip, lip=face_clip)
    path = tmp_path / "m.motion.safetensors"
    motion.save(path)
    again = avatar.animate(motion=path).motion
    assert again.own_units
    for factor in FACTORS:
        np.testing.assert_array_equal(getattr(again, factor), getattr(motion, factor))
    one = avatar.motion(expression=path, pose=path)
    np.testing.assert_array_equal(one.expression, motion.expression)


def test_lips_from_a_video_through_the_head_that_the_release_does_not_use(
    avatar: Avatar, driven: Motion, face_clip: Path
) -> None:
    motion = avatar.motion(lip_video=face_clip)
    assert OFFICIAL.official is not None
    expected = over_neighbours(1.5 * driven.lip, OFFICIAL.official.lip_smoothing)
    np.testing.assert_allclose(motion.lip, expected, atol=1e-5)
    assert np.ptp(np.linalg.norm(driven.lip, axis=1)) > 0


def test_lips_are_in_step_or_as_the_release_has_them(avatar: Avatar, speech: Path) -> None:
    sound = read_audio(speech)[:32_000]
    plain = Control(smooth_s=0)
    right = avatar.motion(audio=sound, controls=Controls(lip=plain))
    released = avatar.motion(audio=sound, controls=Controls(lip=plain, lip_lead_s=0.08))
    np.testing.assert_array_equal(released.lip[:-2], right.lip[2:])
    with pytest.raises(InputError, match="lip_lead_s"):
        Controls(lip_lead_s=2)


@pytest.mark.parametrize("driver", [{"pose": (0.1, 0, 0)}, {"gaze": (0.1, 0)}, {"blink": 0.5},
                                    {"pose": np.zeros((5, 6))}, {"blink": "auto"}])  # fmt: skip
def test_numbers_are_refused(avatar: Avatar, driver: dict[str, object]) -> None:
    with pytest.raises(InputError, match="order and units of their codes are not published"):
        avatar.motion(**driver)


def test_offsets_are_refused(avatar: Avatar) -> None:
    with pytest.raises(InputError, match="offset of pose"):
        avatar.motion(controls=Controls(pose=Control(offset=(0.1, 0, 0))))
    with pytest.raises(InputError, match="offset of expression"):
        avatar.motion(controls=Controls(expression=Control(offset=(0.0, 0.1))))


def test_other_models_motions_are_refused_both_ways(
    avatar: Avatar, face_image: Path, tiny_weights: Path
) -> None:
    other = Avatar.from_images(face_image, weights=tiny_weights, device="cpu")
    with pytest.raises(InputError, match="make it again"):
        avatar.motion(pose=other.source)
    with pytest.raises(InputError, match="its codes mean nothing here"):
        other.motion(pose=avatar.source)


# The picture -------------------------------------------------------------------------------------


def test_the_same_file_gives_the_same_picture(avatar: Avatar, face_image: Path) -> None:
    again = Avatar.from_images(face_image, weights=avatar._loaded.path, device="cpu")
    first, second = (
        next(each.animate(duration_s=0.1, crop=True).frames()) for each in (avatar, again)
    )
    np.testing.assert_array_equal(first, second)
    assert first.shape == (224, 224, 3)


def test_an_avatar_is_saved_and_loaded(avatar: Avatar, tmp_path: Path) -> None:
    path = tmp_path / "me.avatar.safetensors"
    avatar.save(path)
    again = Avatar.load(path, weights=avatar._loaded.path, device="cpu")
    assert again.source.own_units
    np.testing.assert_array_equal(again._sources.crops, avatar._sources.crops)
    assert isinstance(avatar._reader, OfficialReader)


def test_an_avatar_moves_between_the_kinds_of_models(
    avatar: Avatar, tiny_weights: Path, tmp_path: Path
) -> None:
    path, back = tmp_path / "official.avatar.safetensors", tmp_path / "tiny.avatar.safetensors"
    avatar.save(path)
    tiny = Avatar.load(path, weights=tiny_weights, device="cpu")
    assert not tiny.source.own_units
    assert tiny._sources.crops.shape == (1, 3)
    tiny.save(back)
    again = Avatar.load(back, weights=avatar._loaded.path, device="cpu")
    np.testing.assert_allclose(again._sources.crops, avatar._sources.crops, atol=1e-3)


def test_codes_stand_in_the_order_of_the_release() -> None:
    generator = ModulatedGenerator(narrow().generator, 20)
    lip, eye, pose = torch.arange(20), 100 + torch.arange(EYE_WIDTH), 200 + torch.arange(6)
    joined = torch.cat([lip, eye, pose, 300 + torch.arange(30)])[None].float()
    ordered = generator.style_codes(joined)[0]
    assert ordered[20:50].tolist() == list(range(300, 330))
    assert ordered[50:56].tolist() == [102, 103, 100, 101, 104, 105]
    assert ordered[56:].tolist() == list(range(200, 206))


# Evaluation --------------------------------------------------------------------------------------


def test_protocols_go_by_way_of_the_avatar(
    avatar: Avatar, tiny_weights: Path, face_clip: Path, speech: Path
) -> None:
    render = renderer_for(avatar._loaded)
    frames = np.stack([frame.image for frame in read_video(face_clip)])[:3]
    made = render(Drive(frames[0], frames, read_audio(speech)[: 4 * 640]))
    assert made.shape == (3, render.side, render.side, 3)
    assert isinstance(renderer_for(load_model(tiny_weights, "cpu")), CropRenderer)
    with pytest.raises(InputError, match="cannot be set"):
        set_value(avatar.source, "yaw", np.zeros(1))


@pytest.mark.gpu
def test_cpu_and_gpu_give_the_same_picture(
    avatar: Avatar, face_image: Path, face_clip: Path, speech: Path
) -> None:
    moved = load_model(avatar._loaded.path, "cuda")
    other = Avatar.from_images(face_image, weights=moved)
    sound = read_audio(speech)[16_000 : 16_000 + 3 * 640]
    first, second = (
        np.stack(list(each.animate(audio=sound, pose_video=face_clip, crop=True).frames()))
        for each in (avatar, other)
    )
    assert len(first) == 3
    assert np.abs(first.astype(float) - second).max() <= 0.01 * 255


def test_streams_have_the_level_and_the_neighbours_that_were_heard(
    avatar: Avatar, speech: Path
) -> None:
    samples = read_audio(speech)[8_000:16_000]
    made = []
    for size in (250, 8_000):
        stream = avatar.stream(np.split(samples, len(samples) // size), crop=True)
        made.append(np.stack([frame.image for frame in stream]))
    assert len(made[0]) == 13
    assert np.array_equal(made[0], made[1])
    # Level and smoothing look back only, so codes differ from those of the clip, but not by much.
    stream = avatar.stream([samples], crop=True)
    rows = []
    while stream.pull() is not None:
        rows.append(stream._shown)
    wanted = avatar.motion(audio=samples).lip
    apart = np.linalg.norm(np.stack(rows) - wanted) / np.linalg.norm(wanted)
    assert 0 < apart < 0.5
