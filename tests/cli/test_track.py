from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdfgc.media import write_video
from pdfgc.tracking import FaceTrack
from tests.cli.asking import refusal, told


def test_track(
    capsys: pytest.CaptureFixture[str], face_clip: Path, face_image: Path, tmp_path: Path
) -> None:
    out = tmp_path / "clip.track.safetensors"
    answer = told(capsys, "track", face_clip, "-o", out)
    assert answer["frames"] == answer["good_frames"] == len(FaceTrack.load(out)) == 30
    assert told(capsys, "track", face_clip, "-o", out, "--fps", 12.5)["frames"] == 15
    assert told(capsys, "track", face_image, "-o", out)["frames"] == 1
    wall = tmp_path / "wall.mp4"
    write_video(wall, [np.full((64, 64, 3), 99, np.uint8)] * 3, 25)
    assert "no face was found" in refusal(capsys, "track", wall, "-o", out)
