"""Every factor takes what it is said to take; edits touch what is named and nothing else."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pdfgc import Avatar, InputError, Motion
from pdfgc.avatar import Control, Controls, Curve, Eye
from pdfgc.avatar.look import look_at_camera
from pdfgc.media import read_audio, read_image, read_video
from pdfgc.motion import CONTROLLED, PLACE, face_of_expression

WIDTHS = {"pose": 6, "gaze": 2, "blink": 2, "expression": 30, "lip": 8}


@pytest.fixture(scope="module")
def made(avatar: Avatar, face_clip: Path) -> Motion:
    """The motion of a clip."""
    return avatar.motion(pose_video=face_clip, expression_video=face_clip, seed=5)


def changed(one: Motion, other: Motion) -> set[str]:
    """Factors whose codes differ in any bit."""
    return {
        factor
        for factor in CONTROLLED
        if one.rows(factor).tobytes() != other.rows(factor).tobytes()
    }


@pytest.mark.parametrize("factor", CONTROLLED)
def test_every_factor_takes_every_kind_of_driver(
    avatar: Avatar, face_clip: Path, face_image: Path, made: Motion, tmp_path: Path, factor: str
) -> None:
    saved = tmp_path / "made.motion.safetensors"
    made.save(saved)
    frames = np.stack([frame.image for frame in read_video(face_clip)][:3])
    codes = np.linspace(0.1, 0.2, 4 * WIDTHS[factor], dtype=np.float32).reshape(4, -1)
    for driver in (
        face_clip, str(face_clip), face_image, read_image(face_image), frames, codes, made, saved,
        "auto", "keep",
    ):  # fmt: skip
        motion = avatar.motion(**{factor: driver}, duration_s=0.2)
        assert len(motion) == 5
    if factor in ("pose", "gaze", "blink"):
        numbers = (0.1,) * WIDTHS[factor]
        for driver in (numbers, [(0, numbers), (1, numbers)], Curve.of(numbers)):
            rows = avatar.motion(**{factor: driver}, duration_s=0.2).rows(factor)
            np.testing.assert_allclose(rows[:, : len(numbers)], 0.1, atol=1e-6)
    else:
        keys = tmp_path / "keys.csv"
        keys.write_text("time_s,openness\n0,1\n")
        with pytest.raises(InputError, match=f"{factor} cannot be given as numbers"):
            avatar.motion(**{factor: keys})


def test_keyframes_come_from_files(avatar: Avatar, tmp_path: Path) -> None:
    path = tmp_path / "look.csv"
    path.write_text("time_s,yaw_deg,pitch_deg,easing\n0,0,0,\n1,90,0,smooth\n")
    motion = avatar.motion(gaze=path)
    assert len(motion) == 26
    assert motion.gaze[-1, 0] == pytest.approx(math.pi / 2)
    assert motion.gaze[1, 0] < 0.1 * motion.gaze[-1, 0] / 2


def test_arrays_come_from_files(avatar: Avatar, tmp_path: Path) -> None:
    path = tmp_path / "gaze.npy"
    gaze = np.linspace(-0.2, 0.2, 20).reshape(10, 2)
    np.save(path, gaze)
    np.testing.assert_allclose(avatar.motion(gaze=path).gaze, gaze, atol=1e-6)
    path.write_bytes(b"no array")
    with pytest.raises(InputError, match=r"gaze\.npy: is no readable array"):
        avatar.motion(gaze=path)
    with pytest.raises(InputError, match="no such file"):
        avatar.motion(gaze=tmp_path / "nix.npy")


def test_eyes_hold_the_camera_from_the_pose_as_it_is_driven(avatar: Avatar) -> None:
    turn = [(0, (-0.3, 0, 0)), (1, (0.3, 0.1, 0))]
    controls = Controls(pose=Control(strength=0.5, offset=(0.1, 0, 0), smooth_s=0.2))
    motion = avatar.motion(pose=turn, gaze="camera", controls=controls)
    np.testing.assert_array_equal(motion.gaze, look_at_camera(motion.pose))
    assert np.ptp(motion.gaze[:, 0]) > 0.2
    plain = avatar.motion(pose=turn, controls=controls)
    assert changed(motion, plain) == {"gaze"}
    auto = avatar.motion(gaze="camera", seed=3)
    np.testing.assert_array_equal(auto.gaze, look_at_camera(auto.pose))
    half = avatar.motion(pose=turn, gaze="camera", controls=Controls(gaze=Control(strength=0)))
    np.testing.assert_allclose(half.gaze, np.repeat(avatar.source.gaze, 26, 0), atol=1e-6)


def test_a_wink_leaves_the_other_eye_open(avatar: Avatar) -> None:
    motion = avatar.motion(blink=Curve.wink(Eye.RIGHT, 0.4, closed_s=0.2), duration_s=1)
    assert motion.openness[:, 0].min() == 1
    assert motion.openness[10:15, 1].max() == 0


def test_move_and_zoom_come_on_top_of_any_pose(avatar: Avatar, face_clip: Path) -> None:
    plain = avatar.motion(pose_video=face_clip)
    moved = avatar.motion(pose_video=face_clip, controls=Controls(move=(0.05, -0.1), zoom=1.2))
    assert changed(plain, moved) == {"pose"}
    difference = moved.pose - plain.pose
    np.testing.assert_allclose(difference[:, :3], 0, atol=1e-6)
    np.testing.assert_allclose(
        difference[:, PLACE], [[0.05, -0.1, math.log(1.2)]] * len(plain), atol=1e-6
    )
    with pytest.raises(InputError, match="zoom is 0"):
        Controls(zoom=0)
    with pytest.raises(InputError, match="move is"):
        Controls(move=(0.0, 3.0))


def test_brows_and_smile_come_by_number(avatar: Avatar) -> None:
    controls = Controls(expression=Control(offset=(0.06, -0.03)))
    plain, moved = (avatar.motion(duration_s=0.2, controls=c) for c in (Controls(), controls))
    assert changed(plain, moved) == {"expression"}
    apart = torch.from_numpy(moved.expression - plain.expression)
    face = torch.tensor([[0.06, -0.03]]).expand(len(moved), -1)
    torch.testing.assert_close(face_of_expression(apart), face, atol=1e-6, rtol=0)
    assert apart[:, 2:].abs().max() == 0


def test_expression_relative_to_the_source(avatar: Avatar, face_clip: Path) -> None:
    clip = avatar.motion(expression_video=face_clip).expression
    controls = Controls(relative_expression=True)
    rows = avatar.motion(expression_video=face_clip, controls=controls).expression
    np.testing.assert_allclose(np.median(rows, 0), avatar.source.expression[0], atol=1e-5)
    np.testing.assert_allclose(rows - rows[0], clip - clip[0], atol=1e-5)


def test_another_faces_brows_are_followed_from_where_the_sources_are(
    avatar: Avatar, face_clip: Path
) -> None:
    follows = avatar.motion(expression_video=face_clip).expression
    given = Controls(relative_brows=False)
    taken = avatar.motion(expression_video=face_clip, controls=given).expression
    np.testing.assert_array_equal(follows[:, 1:], taken[:, 1:])
    assert np.median(follows[:, 0]) == pytest.approx(avatar.source.expression[0, 0], abs=1e-5)
    np.testing.assert_allclose(follows[:, 0] - follows[0, 0], taken[:, 0] - taken[0, 0], atol=1e-5)
    half = Controls(expression=Control(strength=0.0))
    calm = avatar.motion(expression_video=face_clip, controls=half).expression
    np.testing.assert_allclose(calm[:, 0], avatar.source.expression[0, 0], atol=1e-6)


def test_automatic_expression_lies_between_neutral_and_the_sources_own(avatar: Avatar) -> None:
    rows = avatar.motion(expression="auto", duration_s=20).expression
    own, rest = avatar.source.expression[0], avatar.model.rest_expression.numpy().copy()
    # The brows of a portrait are taken to rest.
    rest[0] = own[0]
    np.testing.assert_allclose(rows[0], own, atol=1e-6)
    shares = (rows - rest) @ (own - rest) / ((own - rest) @ (own - rest))
    np.testing.assert_allclose(rest + shares[:, None] * (own - rest), rows, atol=1e-5)
    assert 0.65 < shares.min() < 0.95
    assert shares.max() <= 1.0001


def test_automatic_lips_follow_the_audio_or_rest(avatar: Avatar, speech: Path) -> None:
    voice = read_audio(speech)[:16_000]
    plain = avatar.motion(audio=voice)
    assert changed(avatar.motion(audio=voice, lip="auto"), plain) == set()
    assert changed(avatar.motion(motion=plain, audio=voice, lip="auto"), plain) == set()
    still = avatar.motion(motion=plain, lip="auto")
    np.testing.assert_allclose(still.lip, [avatar.model.rest_lip.numpy()] * 25, atol=1e-6)


# Edits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ({"gaze": (0.2, 0.0)}, {"gaze"}),
        ({"gaze": "camera"}, {"gaze"}),
        ({"blink": Curve.wink(Eye.LEFT, 0.4)}, {"blink"}),
        ({"pose": (0.1, 0, 0), "blink": "keep"}, {"pose", "blink"}),
        ({"controls": Controls(pose=Control(strength=0.5))}, {"pose"}),
        ({"controls": Controls(zoom=1.1)}, {"pose"}),
        ({"controls": Controls(lip=Control(smooth_s=0.2)), "expression": "keep"},
         {"lip", "expression"}),
        ({"controls": Controls(blink=Control(offset=(-0.2, 0)))}, {"blink"}),
        ({"audio": np.sin(np.arange(8_000) / 9).astype(np.float32)}, {"lip"}),
    ],
)  # fmt: skip
def test_an_edit_touches_what_is_named_and_not_a_bit_else(
    avatar: Avatar, made: Motion, edit: dict[str, object], named: set[str]
) -> None:
    # Lips that move, and openness beyond what a motion composed anew would be limited to.
    lip = np.roll(np.eye(8, dtype=np.float32), 1, 0)[np.arange(len(made)) % 8]
    base = made.replace(lip=lip, openness=made.openness + 3)
    edited = avatar.edit(base, **edit).motion  # type: ignore[arg-type]
    assert changed(edited, base) == named
    assert (len(edited), edited.fps, edited.model_id) == (len(base), base.fps, base.model_id)


def test_a_clip_that_drives_gaze_leaves_the_lids_of_an_edit(
    avatar: Avatar, made: Motion, face_clip: Path
) -> None:
    assert changed(avatar.edit(made, gaze_video=face_clip).motion, made) == {"gaze"}
    with pytest.raises(InputError, match="Nothing is to be changed"):
        avatar.edit(made)
    with pytest.raises(InputError, match="Both gaze and gaze_video"):
        avatar.edit(made, gaze="keep", gaze_video=face_clip)


def test_edits_keep_rate_and_length(avatar: Avatar, made: Motion, tmp_path: Path) -> None:
    other = made.resample(30)
    path = tmp_path / "made.motion.safetensors"
    other.save(path)
    edited = avatar.edit(path, pose=[(0, (0, 0, 0)), (9, (0.3, 0, 0))])
    assert (len(edited), edited.fps) == (36, 30)
    assert changed(edited.motion, other) == {"pose"}


def test_new_speech_in_an_edit(avatar: Avatar, made: Motion, speech: Path) -> None:
    voice = read_audio(speech)[:8_000]
    edited = avatar.edit(made, audio=voice, sound=speech)
    spoken = avatar.motion(audio=voice)
    np.testing.assert_array_equal(edited.motion.lip[:13], spoken.lip)
    rest = avatar.model.rest_lip.numpy()
    np.testing.assert_allclose(edited.motion.lip[13:], [rest] * (len(made) - 13), atol=1e-6)
    sound = edited.audio
    assert sound is not None
    assert len(sound) == round(len(made) / 25 * edited.sample_rate)
    with pytest.raises(InputError, match="The speech lasts"):
        avatar.edit(made, audio=speech)


def test_a_clip_is_plotted_with_its_frames(avatar: Avatar, made: Motion, tmp_path: Path) -> None:
    clip = avatar.edit(made, gaze="camera", crop=True)
    picture = clip.plot(tmp_path / "clip.png")
    assert picture.shape[0] > clip.motion.plot().shape[0] + 100
    assert (tmp_path / "clip.png").is_file()
