from __future__ import annotations

import math

import pytest

from pdfgc import InputError
from pdfgc.avatar import Controls, Curve, Easing
from pdfgc.cli.controlling import Controlling
from pdfgc.cli.driving import driver_of
from pdfgc.cli.parsing import face_of
from pdfgc.tracking import FaceChoice


def test_numbers_are_degrees() -> None:
    assert driver_of("-20,0,10", degrees=3) == pytest.approx(
        (math.radians(-20), 0, math.radians(10))
    )
    assert driver_of("90,0,0,0.1,0.2,0.3", degrees=3) == pytest.approx(
        (math.pi / 2, 0, 0, 0.1, 0.2, 0.3)
    )
    assert driver_of("0.5", degrees=0) == (0.5,)
    curve = driver_of("0: 0,0; 1.5: 90,0 smooth;", degrees=2)
    assert isinstance(curve, Curve)
    assert curve.times_s == (0, 1.5)
    assert curve.values == ((0, 0), (pytest.approx(math.pi / 2), 0))
    assert curve.easings == (Easing.LINEAR, Easing.SMOOTH)
    assert driver_of("nod.mp4", degrees=3) == "nod.mp4"
    assert driver_of("auto", degrees=3) == "auto"
    assert driver_of(None) is None
    with pytest.raises(InputError, match="no list of numbers"):
        driver_of("1,,2")
    with pytest.raises(InputError, match="'fast' is no way to a keyframe"):
        driver_of("0:0,0; 1:1,1 fast")


@pytest.mark.parametrize("name", ["2024-05-01.mp4", "a:b.mp4", "c", "e.e", "0:1 e.mp4", "-"])
def test_what_is_no_number_is_a_name(name: str) -> None:
    assert driver_of(name, degrees=3) == name


def test_choices_and_controls() -> None:
    assert face_of("largest") is FaceChoice.LARGEST
    assert face_of("1") == 1
    assert face_of("1,2,3.5,4") == (1, 2, 3.5, 4)
    with pytest.raises(InputError, match="--face is '1,2'"):
        face_of("1,2")


def test_controls() -> None:
    assert Controlling().controls() == Controls()
    controls = Controlling(strength="pose=0.5, lip=1.2", smooth="pose=0.3").controls()
    assert (controls.pose.strength, controls.pose.smooth_s) == (0.5, 0.3)
    assert controls.lip.strength == 1.2
    controls = Controlling(offset="pose=0,90,0,0.1,0.2,0.3; gaze=-90,0,blink=-0.2").controls()
    assert controls.pose.offset == pytest.approx((0, math.pi / 2, 0, 0.1, 0.2, 0.3))
    assert controls.gaze.offset == pytest.approx((-math.pi / 2, 0))
    assert controls.blink.offset == (-0.2,)
    controls = Controlling(relative="angles, expression", absolute="place").controls()
    assert (controls.relative_angles, controls.relative_expression) == (True, True)
    assert (controls.relative_place, controls.relative_openness) == (False, True)
    controls = Controlling(move="-0.1,0.05", zoom=1.2, lip_lead=0.08).controls()
    assert (controls.move, controls.zoom, controls.lip_lead_s) == ((-0.1, 0.05), 1.2, 0.08)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"strength": "nose=1"}, "--strength: 'nose=1' is not understood"),
        ({"strength": "pose=1,2"}, "several numbers"),
        ({"smooth": "pose=x"}, "--smooth: 'x' is no list of numbers"),
        ({"offset": "lip=1"}, "offset of lip"),
        ({"relative": "lip"}, "there is no 'lip'"),
        ({"relative": "gaze", "absolute": "gaze"}, "gaze is named by --relative and --absolute"),
        ({"move": "1"}, 'give "X,Y"'),
        ({"zoom": 9.0}, "zoom is 9"),
    ],
)
def test_controls_are_refused_in_one_sentence(typed: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Controlling(**typed).controls()  # type: ignore[arg-type]
