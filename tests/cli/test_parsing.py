from __future__ import annotations

import math

import pytest

from pdfgc import InputError
from pdfgc.avatar import Controls
from pdfgc.cli.parsing import controls_of, driver_of, face_of
from pdfgc.tracking import FaceChoice


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
