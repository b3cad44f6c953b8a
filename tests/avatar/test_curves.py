"""Keyframes: easings, winks, files, and eyes that hold the camera."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from pdfgc import InputError
from pdfgc.avatar import Curve, Easing, Eye
from pdfgc.avatar.curve_file import read_curve
from pdfgc.avatar.look import REACH, look_at_camera
from pdfgc.avatar.prior import natural_ebb, natural_gaze
from pdfgc.tracking import gaze_of
from tests.tracking.faces import head

TIMES = np.linspace(0, 1, 101)


@pytest.mark.parametrize("easing", list(Easing))
def test_every_easing_leaves_and_arrives(easing: Easing) -> None:
    shares = easing.shares(TIMES)
    assert (shares[0], shares[-1]) == pytest.approx((0, 1), abs=1e-12)
    assert shares.shape == TIMES.shape
    if easing is not Easing.OVERSHOOT:
        assert (np.diff(shares) >= 0).all()


def test_easings_are_what_they_are_called() -> None:
    def speed(easing: Easing) -> np.ndarray:
        return np.diff(easing.shares(TIMES))

    assert np.ptp(speed(Easing.LINEAR)) < 1e-12
    assert Easing.STEP.shares(TIMES)[:-1].max() == 0
    for soft in (Easing.SMOOTH, Easing.SMOOTHER):
        np.testing.assert_allclose(speed(soft), speed(soft)[::-1], atol=1e-12)
        assert max(speed(soft)[[0, -1]]) < 0.1 * speed(soft).max()
    assert speed(Easing.SMOOTHER)[0] < 0.1 * speed(Easing.SMOOTH)[0]
    assert speed(Easing.IN)[0] < 0.01 * speed(Easing.IN)[-1]
    np.testing.assert_allclose(speed(Easing.OUT), speed(Easing.IN)[::-1], atol=1e-12)
    assert Easing.OVERSHOOT.shares(TIMES).max() == pytest.approx(1.1, abs=0.01)


def test_each_keyframe_has_an_easing_of_its_own() -> None:
    curve = Curve((0, 1, 2), ((0.0,), (1.0,), (0.0,)), (Easing.LINEAR, Easing.STEP, Easing.SMOOTH))
    values = curve.at(np.array([0.5, 0.99, 1.0, 1.25, 1.5, 3.0]))[:, 0]
    np.testing.assert_allclose(values, [0, 0, 1, 1 - 0.15625, 0.5, 0], atol=1e-6)
    with pytest.raises(InputError, match="2 keyframes have 1 easings"):
        Curve((0, 1), ((0.0,), (1.0,)), (Easing.STEP,))


@pytest.mark.parametrize(("eye", "column"), [(Eye.LEFT, 0), (Eye.RIGHT, 1)])
def test_a_wink_closes_one_eye_for_a_moment(eye: Eye, column: int) -> None:
    openness = Curve.wink(eye, 0.5, closed_s=0.2).at(np.arange(0, 1.5, 0.01))
    assert (openness[:, 1 - column] == 1).all()
    assert (openness[50:70, column] == 0).all()
    assert (openness[:42, column] == 1).all()
    assert (openness[87:, column] == 1).all()
    with pytest.raises(InputError, match="wink at 0 s"):
        Curve.wink(eye, 0)


# Files -------------------------------------------------------------------------------------------


def test_keyframes_from_csv_and_json(tmp_path: Path) -> None:
    csv, js = tmp_path / "nod.csv", tmp_path / "nod.json"
    csv.write_text(
        "# a nod\ntime_s, yaw_deg, pitch_deg, roll_deg, easing\n0, 0, 0, 0,\n1, 0, -90, 0, out\n"
    )
    keys = [
        {"time_s": 0, "yaw_deg": 0, "pitch_deg": 0, "roll_deg": 0},
        {"time_s": 1, "yaw_deg": 0, "pitch_deg": -90, "roll_deg": 0, "easing": "out"},
    ]
    js.write_text(json.dumps(keys))
    curve = read_curve(csv, "pose")
    assert curve == read_curve(js, "pose")
    assert curve.values[1] == pytest.approx((0, -math.pi / 2, 0))
    assert curve.easings == (Easing.LINEAR, Easing.OUT)


@pytest.mark.parametrize(
    ("factor", "columns", "row", "value"),
    [
        ("pose", "yaw_rad,pitch_rad,roll_rad", "0.1,0.2,0.3", (0.1, 0.2, 0.3)),
        (
            "pose",
            "x,y,log_scale,roll_deg,yaw_deg,pitch_deg",
            "1,2,3,180,90,0",
            (math.pi / 2, 0, math.pi, 1, 2, 3),
        ),
        ("gaze", "pitch_deg,yaw_deg", "90,180", (math.pi, math.pi / 2)),
        ("blink", "openness", "0.5", (0.5,)),
        ("blink", "right,left", "1,0", (0, 1)),
    ],
)
def test_columns_are_found_by_name(
    tmp_path: Path, factor: str, columns: str, row: str, value: tuple[float, ...]
) -> None:
    path = tmp_path / "keys.csv"
    path.write_text(f"time_s,{columns}\n0,{row}\n")
    assert read_curve(path, factor).values == (pytest.approx(value),)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("k.csv", "time_s,yaw_deg\n0,1\n", "for gaze give time_s, yaw_deg, pitch_deg"),
        ("k.csv", "time_s,yaw_deg,pitch_rad\n0,1,1\n", "for gaze give"),
        ("k.csv", "time_s,yaw_deg,pitch_deg\n0,1,x\n", "pitch_deg of keyframe 0 is 'x'"),
        ("k.csv", "time_s,yaw_deg,pitch_deg\n0,1\n", "pitch_deg of keyframe 0 is None"),
        ("k.csv", "time_s,yaw_deg,pitch_deg\n0,1,2,3\n", "more values than"),
        ("k.csv", "yaw_deg,pitch_deg\n0,1\n", "time_s of keyframe 0 is None"),
        ("k.csv", "time_s,yaw_deg,pitch_deg\n1,0,0\n0,0,0\n", "do not grow"),
        ("k.csv", "time_s,yaw_deg,pitch_deg\n", "no keyframe"),
        ("k.csv", "time_s,yaw_deg,pitch_deg,easing\n0,1,1,fast\n", "choose one of linear"),
        ("k.json", "{", "is no JSON"),
        ("k.json", "{}", "no list of keyframes"),
        ("k.json", '[{"time_s": true, "yaw_deg": 0, "pitch_deg": 0}]', "time_s of keyframe 0"),
        ("k.json", '[{"time_s": 0, "yaw_deg": NaN, "pitch_deg": 0}]', "not finite"),
    ],
)
def test_bad_files_are_refused_with_their_name(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_curve(path, "gaze")
    assert str(path) in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        read_curve(tmp_path / "missing.csv", "gaze")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        read_curve(path, "gaze")


# The camera, and what eyes do by themselves -------------------------------------------------------


def test_eyes_on_the_camera_make_up_for_the_head() -> None:
    degrees = np.array([[15, 0, 0], [0, 10, 0], [0, 0, 20], [-12, 8, -10], [0, 0, 0]])
    pose = np.radians(degrees)
    gaze = look_at_camera(pose)
    np.testing.assert_allclose(gaze[0], [-pose[0, 0], 0], atol=1e-6)
    np.testing.assert_allclose(gaze[1], [0, -pose[1, 1]], atol=1e-6)
    np.testing.assert_allclose(gaze[[2, 4]], 0, atol=1e-6)
    # A drawn head whose eyes are turned so is measured as looking at the camera all the same.
    for angles, look in zip(pose, gaze, strict=True):
        seen = gaze_of(head(*angles, gaze=tuple(look)))
        np.testing.assert_allclose(seen, look, atol=np.radians(0.5))
    far = look_at_camera(np.radians([[80.0, 0, 0], [0, -70.0, 0]]))
    np.testing.assert_allclose(far, [[-REACH[0], 0], [0, REACH[1]]], atol=1e-6)


def test_natural_eyes_jump_and_rest() -> None:
    gaze = np.degrees(natural_gaze(25 * 120, 25, 1))
    assert (gaze[:5] == 0).all()
    moving = (np.abs(np.diff(gaze, axis=0)) > 1e-4).any(1)
    assert 0.02 < moving.mean() < 0.15
    assert (gaze.std(0) > 0.5).all()
    assert (gaze.std(0) < 5).all()
    np.testing.assert_array_equal(natural_gaze(300, 25, 5)[:100], natural_gaze(100, 25, 5))
    ebb = natural_ebb(25 * 120, 25, 1)
    assert ebb[0] == 1
    assert (ebb.min() >= 0.7, ebb.max() <= 1) == (True, True)
    assert ebb.std() > 0.03
    assert np.abs(np.diff(ebb)).max() < 0.03
