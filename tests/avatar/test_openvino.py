"""Frames drawn with OpenVINO are those that torch draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdfgc import Avatar, Motion


def there() -> None:
    for name in ("openvino", "onnxscript"):
        pytest.importorskip(name, reason=f"{name} is not installed")


@pytest.mark.slow
def test_the_picture_of_the_released_networks_stays(
    face_image: Path, face_clip: Path, official_weights: Path
) -> None:
    there()
    avatar = Avatar.from_images(face_image, weights=official_weights, device="cpu")
    motion = avatar.motion(pose=face_clip).slice(0, 3)
    wanted = np.stack(list(avatar.animate(motion=motion, crop=True).frames()))
    avatar.accelerate()
    made = np.stack(list(avatar.animate(motion=motion, crop=True).frames()))
    assert np.abs(made.astype(int) - wanted).max() <= 1


@pytest.mark.slow
def test_the_picture_stays(face_image: Path, tiny_weights: Path, driven: Motion) -> None:
    there()
    images = [face_image, face_image]
    avatar = Avatar.from_images(images, weights=tiny_weights, device="cpu")
    clip = avatar.animate(motion=driven.slice(0, 5), crop=True)
    wanted = np.stack(list(clip.frames()))
    avatar.accelerate()
    made = np.stack(list(avatar.animate(motion=driven.slice(0, 5), crop=True).frames()))
    assert np.abs(made.astype(int) - wanted).max() <= 1
    assert np.abs(np.diff(made.astype(int), axis=0)).max() > 0
