"""An avatar on the `tiny` preset, and what drives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdfgc import Avatar, Motion


@pytest.fixture(scope="session")
def avatar(face_image: Path, tiny_weights: Path) -> Avatar:
    return Avatar.from_images(face_image, weights=tiny_weights, device="cpu")


@pytest.fixture(scope="session")
def driven(avatar: Avatar, face_clip: Path) -> Motion:
    """The driving clip's own codes."""
    return avatar._reader.file(face_clip)
