"""Videos that a player has to turn: the result is upright, and the face in it is dubbed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc import dub
from pdfgc.dubbing import Done
from pdfgc.media import probe, read_video


@pytest.fixture(params=[90, 180, -90], ids=lambda degrees: f"{degrees} degrees")
def lying(
    request: pytest.FixtureRequest, portrait: NDArray[np.uint8], tmp_path: Path
) -> tuple[Path, NDArray[np.uint8]]:
    """A file whose frames lie on their side, with a note to turn them; and the upright frame."""
    upright = np.ascontiguousarray(portrait[:, :192])
    path = tmp_path / "lying.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "8"})
        # A picture that is turned clockwise by so much is shown upright when turned back.
        stored = np.ascontiguousarray(np.rot90(upright, -request.param // 90))
        stream.height, stream.width = stored.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.set_display_rotation(request.param)
        for index in range(8):
            frame = av.VideoFrame.from_ndarray(stored, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path, upright


def test_a_turned_file_comes_out_upright(
    lying: tuple[Path, NDArray[np.uint8]], speech: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    video, upright = lying
    out = tmp_path / "out.mp4"
    report = dub(video, speech, out, weights=tiny_weights)
    assert [segment.done for segment in report.segments] == [Done.DUBBED]
    assert (report.width, report.height, report.frames) == (192, 256, 8)
    made = probe(out)
    assert (made.width, made.height, made.rotation_deg) == (192, 256, 0)
    apart = np.abs(next(read_video(out)).image.astype(int) - upright).mean(-1)
    # The mouth is redrawn, all else is the upright picture but for the coding.
    assert apart[:60].mean() < 4
    assert apart[60:115, 85:145].mean() > 1.5 * apart[:60].mean()
