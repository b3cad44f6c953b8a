"""Drivers become a motion as documented, and a motion becomes frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pdfgc import Avatar, InputError, Motion
from pdfgc.avatar import Control, Controls, Curve, Easing, encoding
from pdfgc.avatar.composing import DEFAULT_DURATION_S
from pdfgc.avatar.playing import to_and_fro
from pdfgc.avatar.prior import natural_blinks, natural_pose
from pdfgc.compositor import soft_mask
from pdfgc.config import PRESETS
from pdfgc.media import log_mel, mel_windows, probe, read_audio, read_image, read_video
from pdfgc.model import build_model
from pdfgc.motion import BLINK, FACTORS, PLACE
from pdfgc.weights import load_model, save_model


def possible(avatar: Avatar, openness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Openness as it is limited: to 0..2, but never beyond the source's own."""
    own = avatar.source.openness[0]
    return np.clip(openness, np.minimum(own, 0), np.maximum(own, 2))


def same(one: Motion, other: Motion) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FACTORS)


# Defaults ----------------------------------------------------------------------------------------


def test_defaults_with_audio(avatar: Avatar, speech: Path) -> None:
    motion = avatar.motion(audio=speech)
    waveform = read_audio(speech)
    assert len(motion) == -(-len(waveform) // 640)
    assert motion.fps == 25
    assert motion.model_id == avatar.model_id
    source = avatar.source
    np.testing.assert_array_equal(motion.gaze, np.repeat(source.gaze, len(motion), 0))
    np.testing.assert_array_equal(motion.expression, np.repeat(source.expression, len(motion), 0))
    assert 0.005 < motion.pose[:, 0].std() < 0.15
    np.testing.assert_array_equal(motion.pose[0], source.pose[0])
    assert np.ptp(motion.lip, axis=0).max() > 0
    np.testing.assert_allclose(np.linalg.norm(motion.lip, axis=1), 1, atol=1e-5)


def test_without_audio_lips_rest_and_the_length_is_given(avatar: Avatar) -> None:
    motion = avatar.motion()
    assert len(motion) == DEFAULT_DURATION_S * 25
    rest = avatar.model.rest_lip.numpy()
    np.testing.assert_allclose(motion.lip, np.repeat(rest[None], len(motion), 0), atol=1e-6)
    assert len(avatar.motion(duration_s=1.5, fps=30)) == 45
    with pytest.raises(InputError, match="not both"):
        avatar.motion(audio=np.zeros(640, np.float32), duration_s=1)


def test_speech_in_pieces_equals_speech_at_once(
    avatar: Avatar, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waveform = read_audio(speech)[: 16_000 * 3 + 123]
    config = avatar.model.config.audio
    count = -(-len(waveform) // config.samples_per_frame)
    windows = mel_windows(log_mel(torch.from_numpy(waveform), config), count, config)
    with torch.inference_mode():
        whole = avatar.model.encoders.speech(windows.contiguous()).numpy()
    monkeypatch.setattr(encoding, "_PIECE_FRAMES", 17)
    pieces = avatar._reader.speech(waveform)
    assert pieces.shape == whole.shape
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


def test_silence_leaves_the_lips_at_rest(avatar: Avatar) -> None:
    motion = avatar.motion(audio=np.zeros(16_000, np.float32))
    rest = avatar.model.rest_lip.numpy()
    np.testing.assert_allclose(motion.lip, np.repeat(rest[None], 25, 0), atol=1e-6)


def test_length_follows_audio_at_other_rates(avatar: Avatar, speech: Path) -> None:
    samples = len(read_audio(speech))
    for fps in (24, 29.97, 60):
        count = len(avatar.motion(audio=speech, fps=fps))
        assert 0 <= count / fps - samples / 16_000 < 1 / fps


# Natural motion ----------------------------------------------------------------------------------


def test_seed_decides_natural_motion(avatar: Avatar) -> None:
    assert same(avatar.motion(seed=3), avatar.motion(seed=3))
    assert not same(avatar.motion(seed=3), avatar.motion(seed=4))


def test_longer_natural_motion_begins_as_the_shorter() -> None:
    np.testing.assert_array_equal(natural_pose(300, 25, 5)[:100], natural_pose(100, 25, 5))
    np.testing.assert_array_equal(natural_blinks(300, 25, 5)[:100], natural_blinks(100, 25, 5))


def test_natural_motion_is_that_of_people() -> None:
    blinks, degrees = [], []
    for seed in range(5):
        closed = natural_blinks(25 * 120, 25, seed)
        assert closed.min() == 0
        assert closed.max() <= 1
        starts = np.flatnonzero((closed[1:] > 0.3) & (closed[:-1] <= 0.3))
        assert np.diff(starts).min() > 12
        blinks.append(len(starts) / 2)
        assert (closed > 0).mean() < 0.2
        pose = natural_pose(25 * 120, 25, seed)
        assert (pose[0] == 0).all()
        degrees.append(np.degrees(pose[:, :3]).std(0))
        assert np.abs(np.degrees(np.diff(pose[:, :3], axis=0))).max() * 25 < 40  # per second
    assert 10 < np.mean(blinks) < 25  # per minute
    assert (np.mean(degrees, 0) < 4).all()
    assert (np.mean(degrees, 0) > 0.5).all()


# Numbers -----------------------------------------------------------------------------------------


def test_numbers(avatar: Avatar) -> None:
    motion = avatar.motion(pose=(0.1, -0.2, 0.3), gaze=(0.2, 0.1), blink=0.25, duration_s=0.4)
    np.testing.assert_allclose(motion.pose[:, :3], [[0.1, -0.2, 0.3]] * 10, atol=1e-6)
    np.testing.assert_array_equal(
        motion.pose[:, PLACE], np.repeat(avatar.source.pose[:, PLACE], 10, 0)
    )
    np.testing.assert_allclose(motion.gaze, [[0.2, 0.1]] * 10, atol=1e-6)
    np.testing.assert_allclose(motion.openness, 0.25)
    free = avatar.model.free_eye.numpy()
    np.testing.assert_array_equal(motion.eye[:, 4:], np.repeat(free[None], 10, 0))
    six = avatar.motion(pose=(0, 0, 0, 0.1, 0.2, 0.3), blink=(1, 0), duration_s=0.1)
    np.testing.assert_allclose(six.pose[0], [0, 0, 0, 0.1, 0.2, 0.3], atol=1e-6)
    np.testing.assert_allclose(six.openness[0], [1, 0])


def test_keyframes(avatar: Avatar) -> None:
    motion = avatar.motion(gaze=[(0, (0, 0)), (1, (0.5, 0))])
    assert len(motion) == 26
    np.testing.assert_allclose(motion.gaze[:, 0], np.linspace(0, 0.5, 26), atol=1e-6)
    eased = avatar.motion(gaze=Curve.of([(0, (0, 0)), (1, (0.5, 0))], easing=Easing.SMOOTH))
    assert eased.gaze[1, 0] < 0.3 * motion.gaze[1, 0]
    np.testing.assert_allclose(eased.gaze[-1], motion.gaze[-1])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"gaze": (1, 2, 3)}, "gaze takes 2 numbers"),
        ({"pose": 1.0}, "pose takes 3 or 6"),
        ({"blink": [(1, 1), (0, 1)]}, "do not grow"),
        ({"blink": [(0, 1), (1, (1, 1))]}, "differ in width"),
        ({"blink": float("nan")}, "not finite"),
        ({"lip": (0, 1)}, "lip cannot be given as numbers"),
        ({"expression": 0.5}, "expression cannot be given as numbers"),
        ({"pose": "camera"}, "only gaze can"),
        ({"gaze": {}}, "is no driver"),
        ({"fps": 0}, "fps is 0"),
        ({"duration_s": -1}, "duration_s"),
    ],
)
def test_wrong_numbers_are_refused(
    avatar: Avatar, numbers: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        avatar.motion(**numbers)  # type: ignore[arg-type]


def test_arrays_are_codes_per_frame(avatar: Avatar) -> None:
    gaze = np.linspace(-0.2, 0.2, 10)[:, None].repeat(2, 1)
    motion = avatar.motion(gaze=gaze, blink=np.linspace(0, 1, 10), duration_s=0.8)
    np.testing.assert_allclose(motion.gaze, gaze[to_and_fro(10, 20)], atol=1e-6)
    np.testing.assert_allclose(motion.openness[:10, 0], np.linspace(0, 1, 10), atol=1e-6)
    lip = np.eye(8, dtype=np.float32)
    np.testing.assert_allclose(avatar.motion(lip=lip).lip, lip)
    with pytest.raises(InputError, match="not finite in frame 1"):
        avatar.motion(gaze=np.array([[0, 0], [np.nan, 0]]))
    with pytest.raises(InputError, match="codes of one row per frame"):
        avatar.motion(gaze=np.zeros((3, 5)))


# Clips -------------------------------------------------------------------------------------------


def test_angles_absolute_place_relative(avatar: Avatar, driven: Motion, face_clip: Path) -> None:
    motion = avatar.motion(pose_video=face_clip)
    assert len(motion) == len(driven) == 30
    np.testing.assert_array_equal(motion.pose[:, :3], driven.pose[:, :3])
    place = (
        avatar.source.pose[0, PLACE] + driven.pose[:, PLACE] - np.median(driven.pose[:, PLACE], 0)
    )
    np.testing.assert_allclose(motion.pose[:, PLACE], place, atol=1e-6)
    other = Controls(relative_angles=True, relative_place=False)
    motion = avatar.motion(pose_video=face_clip, controls=other)
    np.testing.assert_array_equal(motion.pose[:, PLACE], driven.pose[:, PLACE])
    np.testing.assert_allclose(
        np.median(motion.pose[:, :3], 0), avatar.source.pose[0, :3], atol=1e-6
    )


def test_gaze_drives_blink_unless_it_has_its_own(
    avatar: Avatar, driven: Motion, face_clip: Path
) -> None:
    motion = avatar.motion(gaze_video=face_clip)
    np.testing.assert_array_equal(motion.gaze, driven.gaze)
    own = avatar.source.openness[0] + driven.openness - np.median(driven.openness, 0)
    np.testing.assert_allclose(motion.openness, possible(avatar, own), atol=1e-6)
    np.testing.assert_array_equal(motion.eye[:, 4:], driven.eye[:, 4:])
    motion = avatar.motion(gaze_video=face_clip, blink="keep")
    np.testing.assert_array_equal(
        motion.eye[:, BLINK], np.repeat(avatar.source.eye[:, BLINK], 30, 0)
    )
    absolute = avatar.motion(gaze_video=face_clip, controls=Controls(relative_openness=False))
    np.testing.assert_allclose(absolute.openness, possible(avatar, driven.openness))


def from_own_brows(avatar: Avatar, expression: np.ndarray) -> np.ndarray:
    """Expression codes of a clip whose brows move from where the source has its own."""
    moved = expression.copy()
    moved[:, 0] += avatar.source.expression[0, 0] - np.median(expression[:, 0])
    return moved


def test_shorter_clips_play_to_and_fro(
    avatar: Avatar, driven: Motion, face_clip: Path, speech: Path
) -> None:
    motion = avatar.motion(audio=speech, expression_video=face_clip, lip_video=face_clip)
    order = to_and_fro(30, len(motion))
    assert order[:60].tolist() == [*range(30), *range(28, -1, -1), 1]
    expression = from_own_brows(avatar, driven.expression)
    np.testing.assert_allclose(motion.expression, expression[order], atol=1e-4)
    np.testing.assert_allclose(motion.lip, driven.lip[order], atol=1e-6)


def test_image_and_frames_as_drivers(
    avatar: Avatar, driven: Motion, face_image: Path, face_clip: Path
) -> None:
    image = read_image(face_image)
    one = avatar.motion(pose=face_image, gaze=image, duration_s=0.2)
    np.testing.assert_allclose(one.pose, np.repeat(avatar.source.pose, 5, 0), atol=1e-5)
    np.testing.assert_allclose(one.eye, np.repeat(avatar.source.eye, 5, 0), atol=1e-5)
    frames = np.stack([frame.image for frame in read_video(face_clip)])
    many = avatar.motion(expression=frames)
    expression = from_own_brows(avatar, driven.expression)
    np.testing.assert_allclose(many.expression, expression, atol=1e-4)


def test_clip_is_read_at_the_models_rate(avatar: Avatar, face_clip: Path, driven: Motion) -> None:
    given = Controls(relative_brows=False)
    motion = avatar.motion(expression_video=face_clip, fps=50, controls=given)
    assert len(motion) == 60
    np.testing.assert_allclose(motion.expression[::2], driven.expression, atol=1e-6)


def test_video_and_factor_exclude_each_other(avatar: Avatar, face_clip: Path) -> None:
    with pytest.raises(InputError, match="Both pose and pose_video"):
        avatar.motion(pose="keep", pose_video=face_clip)


# Controls ----------------------------------------------------------------------------------------


def test_no_strength_is_rest(avatar: Avatar, face_clip: Path) -> None:
    none = Control(strength=0)
    controls = Controls(pose=none, gaze=none, blink=none, expression=none, lip=none)
    motion = avatar.motion(
        pose_video=face_clip,
        gaze_video=face_clip,
        expression_video=face_clip,
        lip_video=face_clip,
        controls=controls,
    )
    np.testing.assert_allclose(motion.pose, np.repeat(avatar.source.pose, 30, 0), atol=1e-6)
    np.testing.assert_allclose(motion.eye, np.repeat(avatar.source.eye, 30, 0), atol=1e-6)
    rest = avatar.model.rest_expression.numpy().copy()
    # A portrait's brows are taken to rest.
    rest[0] = avatar.source.expression[0, 0]
    np.testing.assert_allclose(motion.expression, np.repeat(rest[None], 30, 0), atol=1e-6)
    rest = avatar.model.rest_lip.numpy()
    np.testing.assert_allclose(motion.lip, np.repeat(rest[None], 30, 0), atol=1e-6)


def test_offset_and_smooth(avatar: Avatar, driven: Motion, face_clip: Path) -> None:
    controls = Controls(
        gaze=Control(offset=(0.1, -0.1)), pose=Control(smooth_s=0.4), blink=Control(offset=(-0.1,))
    )
    motion = avatar.motion(pose_video=face_clip, gaze_video=face_clip, controls=controls)
    np.testing.assert_allclose(motion.gaze, driven.gaze + np.array([0.1, -0.1]), atol=1e-6)
    rough = np.abs(np.diff(driven.pose[:, 0], n=2)).mean()
    assert np.abs(np.diff(motion.pose[:, 0], n=2)).mean() < 0.5 * rough
    with pytest.raises(InputError, match="offset of lip has 1 numbers; it takes no"):
        Controls(lip=Control(offset=(1.0,)))
    with pytest.raises(InputError, match="strength of pose"):
        Controls(pose=Control(strength=float("nan")))


# Motions -----------------------------------------------------------------------------------------


def test_saved_motion_again_with_one_factor_changed(
    avatar: Avatar, face_clip: Path, tmp_path: Path
) -> None:
    motion = avatar.motion(pose_video=face_clip)
    path = tmp_path / "talk.motion.safetensors"
    motion.save(path)
    assert same(avatar.animate(motion=motion).motion, motion)
    changed = avatar.animate(motion=path, gaze=(0.2, 0.0)).motion
    np.testing.assert_allclose(changed.gaze, [[0.2, 0.0]] * 30, atol=1e-6)
    np.testing.assert_array_equal(changed.pose, motion.pose)
    np.testing.assert_array_equal(changed.openness, motion.openness)
    nod = avatar.motion(pose=path, duration_s=1)
    np.testing.assert_array_equal(nod.pose[:25, :3], motion.pose[:25, :3])


def test_audio_moves_the_lips_of_a_motion(avatar: Avatar, speech: Path, face_clip: Path) -> None:
    motion = avatar.motion(expression_video=face_clip)
    spoken = avatar.motion(motion=motion, audio=speech)
    np.testing.assert_array_equal(spoken.lip, avatar.motion(audio=speech).lip)
    order = to_and_fro(30, len(spoken))
    np.testing.assert_array_equal(spoken.expression, motion.expression[order])
    kept = avatar.motion(motion=motion, lip=motion, audio=speech)
    np.testing.assert_allclose(kept.lip, motion.lip[order], atol=1e-6)


def test_another_models_latent_codes_are_refused(avatar: Avatar, driven: Motion) -> None:
    stranger = replace(driven, model_id="f" * 16)
    for drivers in ({"lip": stranger}, {"expression": stranger}, {"motion": stranger}):
        with pytest.raises(InputError, match="was made with model ffffffffffffffff"):
            avatar.motion(**drivers)
    motion = avatar.motion(pose=stranger, gaze=stranger)
    np.testing.assert_array_equal(motion.pose[:, :3], driven.pose[:, :3])
    free = avatar.model.free_eye.numpy()
    np.testing.assert_array_equal(motion.eye[:, 4:], np.repeat(free[None], 30, 0))


# Frames ------------------------------------------------------------------------------------------


def test_frames_are_the_source_with_another_head(avatar: Avatar, face_image: Path) -> None:
    clip = avatar.animate(pose=(0.3, 0, 0), duration_s=0.2)
    portrait = read_image(face_image)
    frames = list(clip.frames())
    assert len(frames) == len(clip) == 5
    assert clip.size == (512, 512)
    x, y, side = avatar._sources.crops[0]
    columns = (np.arange(512) + 0.5 - (x - side / 2)) / side
    rows = (np.arange(512) + 0.5 - (y - side / 2)) / side
    outside = soft_mask(columns[None], rows[:, None]) == 0
    for frame in frames:
        assert frame.shape == (512, 512, 3)
        assert frame.dtype == np.uint8
        assert np.array_equal(frame[outside], portrait[outside])
        assert not np.array_equal(frame, portrait)


def test_batches_change_nothing(avatar: Avatar) -> None:
    one, many = (
        np.stack(list(avatar.animate(duration_s=0.4, crop=True, batch=b).frames())).astype(int)
        for b in (1, 7)
    )
    assert one.shape == (10, 64, 64, 3)
    assert np.abs(one - many).max() <= 1


@pytest.mark.gpu
def test_a_gpu_draws_the_same(avatar: Avatar, face_image: Path, tiny_weights: Path) -> None:
    there = Avatar.from_images(face_image, weights=tiny_weights, device="cuda")
    one, other = (
        np.stack(list(each.animate(duration_s=0.4, crop=True).frames())).astype(int)
        for each in (avatar, there)
    )
    assert np.abs(one - other).mean() < 0.5


def test_nothing_is_drawn_before_it_is_asked_for(
    avatar: Avatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = avatar.animate(duration_s=60, crop=True, batch=2)
    drawn = []
    original = type(clip._painter).heads

    def heads(painter: object, driving: torch.Tensor) -> NDArray[np.uint8]:
        drawn.append(len(driving))
        return original(clip._painter, driving)

    monkeypatch.setattr(type(clip._painter), "heads", heads)
    frames = clip.frames()
    assert drawn == []
    for _ in range(3):
        next(frames)
    assert drawn == [2, 2]


def test_saved_clip_has_sound_and_picture_of_one_length(
    avatar: Avatar, speech: Path, tmp_path: Path
) -> None:
    path = tmp_path / "talk.mp4"
    told: list[tuple[str, int, int | None]] = []
    clip = avatar.animate(audio=speech, crop=True)
    clip.save(path, progress=lambda *state: told.append(state))
    info = probe(path)
    assert info.n_frames == len(clip)
    assert info.has_audio
    assert (info.width, info.height) == (64, 64)
    assert abs(info.duration_s - len(read_audio(path)) / 16_000) <= 1 / 25
    assert told[-1] == ("drawing", len(clip), len(clip))
    assert clip.audio is not None
    assert clip.sample_rate == 16_000
    assert [each.name for each in tmp_path.iterdir()] == ["talk.mp4"]


def test_failure_while_drawing_leaves_nothing(
    avatar: Avatar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = avatar.animate(duration_s=1, crop=True, batch=4)
    original = type(clip._painter).heads
    calls = []

    def heads(painter: object, driving: torch.Tensor) -> NDArray[np.uint8]:
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return original(clip._painter, driving)

    monkeypatch.setattr(type(clip._painter), "heads", heads)
    with pytest.raises(KeyboardInterrupt):
        clip.save(tmp_path / "half.mp4")
    assert list(tmp_path.iterdir()) == []


# Avatars -----------------------------------------------------------------------------------------


def test_save_and_load(
    avatar: Avatar, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "me.avatar.safetensors"
    avatar.save(path)
    with monkeypatch.context() as patch:
        patch.setattr(encoding.CodeReader, "images", None)  # codes come from the file
        again = Avatar.load(path, weights=tiny_weights, device="cpu")
    assert same(again.source, avatar.source)
    frames = [next(each.animate(crop=True).frames()) for each in (avatar, again)]
    assert np.array_equal(*frames)

    torch.manual_seed(1)
    other = tmp_path / "other.safetensors"
    save_model(build_model(PRESETS["tiny"]), other, {})
    moved = Avatar.load(path, weights=other, device="cpu")
    assert moved.model_id != avatar.model_id
    assert moved.source.model_id == moved.model_id
    assert not np.array_equal(moved.source.expression, avatar.source.expression)
    with pytest.raises(InputError, match="holds no avatar"):
        Avatar.load(other, weights=other, device="cpu")


def test_several_sources(avatar: Avatar, face_image: Path, tiny_weights: Path) -> None:
    portrait = read_image(face_image)
    loaded = load_model(tiny_weights, "cpu")
    two = Avatar.from_images([face_image, portrait[:, ::-1].copy()], weights=loaded)
    assert len(two.source) == 2
    np.testing.assert_allclose(two.source.pose[0], avatar.source.pose[0], atol=1e-6)
    kept = two.motion(pose="keep", duration_s=0.1)
    np.testing.assert_array_equal(kept.pose[0], two.source.pose[0])
    frame = next(two.animate(duration_s=0.1).frames())
    assert frame.shape == portrait.shape


def test_encoders_are_public_and_usable_alone(avatar: Avatar) -> None:
    encoders = avatar.model.encoders
    image = torch.zeros(2, 3, 64, 64)
    feature = encoders.features(image)
    assert encoders.lip(image).shape == (2, 8)
    assert encoders.eye(image).shape == (2, 6)
    assert encoders.pose(image).shape == (2, 6)
    assert encoders.expression(feature[None]).shape == (1, 30)
    assert encoders.speech(torch.zeros(2, 80, 36)).shape == (2, 8)
    assert encoders.appearance(image[:, None]).vector.shape == (2, 32)
