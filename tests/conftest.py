"""What every test may use: the bundled example, a short clip made of it, a tiny model."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import torch
from PIL import Image

if TYPE_CHECKING:
    from pdfgc.model import TalkingHead

ROOT = Path(__file__).resolve().parents[1]

# Tests run beside other work on few cores; one thread is also what makes sums repeatable.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real clips beside the checkout; skips where there is none."""
    folder = ROOT.parent / "shared" / "data"
    if not (folder / "manifest.csv").is_file():
        pytest.skip("no real clips: ../shared/data is not there")
    return folder


@pytest.fixture(scope="session")
def face_image() -> Path:
    """A portrait, 512 x 512 RGB JPEG, one face looking at the camera."""
    return ROOT / "examples" / "astronaut.jpg"


@pytest.fixture(scope="session")
def speech() -> Path:
    """A speech recording, FLAC, 16 kHz mono, 6.8 s, one voice, no noise."""
    return ROOT / "examples" / "speech.flac"


@pytest.fixture(scope="session")
def face_clip(face_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait moved by a slow similarity: H.264, 512 x 512, 25 fps, 30 frames, no sound.

    In frame t the picture is rolled clockwise by 4 degrees x s about the point between the eyes,
    grown by 4 % x s and moved right by 12 px x s and down by 6 px x s, with s = sin(2 pi t / 30):
    frame 0 is the portrait itself.
    """
    n_frames, size, margin = 30, 512, 64
    centre_x, centre_y = 225.0, 120.0  # between the eyes, px
    with Image.open(face_image) as image:
        pixels = np.asarray(image.convert("RGB"))
    padded = Image.fromarray(
        np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), "reflect")
    )
    path = tmp_path_factory.mktemp("clip") / "face.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "16", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = size, size, "yuv420p"
        for index in range(n_frames):
            swing = math.sin(2 * math.pi * index / n_frames)
            scale, angle = 1 + 0.04 * swing, math.radians(4 * swing)
            cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
            to_x, to_y = centre_x + 12 * swing, centre_y + 6 * swing
            # Pillow asks for the map from the new picture to the old one.
            inverse = (
                *(cosine, sine, margin + centre_x - cosine * to_x - sine * to_y),
                *(-sine, cosine, margin + centre_y + sine * to_x - cosine * to_y),
            )
            moved = padded.transform(
                (size, size), Image.Transform.AFFINE, inverse, Image.Resampling.BICUBIC
            )
            container.mux(stream.encode(av.VideoFrame.from_image(moved)))
        container.mux(stream.encode())
    return path


@pytest.fixture
def tiny_model() -> TalkingHead:
    """The `tiny` preset with random weights from seed 0, in eval mode; a new one for each test."""
    from pdfgc.config import PRESETS
    from pdfgc.model import build_model

    torch.manual_seed(0)
    return build_model(PRESETS["tiny"]).eval()


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the `tiny` preset with random weights from seed 0."""
    from pdfgc.config import PRESETS
    from pdfgc.model import build_model
    from pdfgc.weights import save_model

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_model(build_model(PRESETS["tiny"]), path, {"steps": 0})
    return path


@pytest.fixture(scope="session")
def official_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of `pdfgc-official` with few channels and random weights from seed 0."""
    from pdfgc.model import build_model
    from pdfgc.weights import save_model
    from tests.official import narrow

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("official") / "narrow.safetensors"
    save_model(build_model(narrow()).eval(), path, {}, half=False)
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped and why, so that a skip is never silent."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        if isinstance(report.longrepr, tuple)
        else str(report.longrepr)
        for report in reports
    )
    terminalreporter.section(f"skipped: {len(reports)}")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5d}  {reason}")
