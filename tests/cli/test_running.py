from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pdfgc.avatar.clip import Painter
from pdfgc.cli import run
from pdfgc.media import probe

ROOT = Path(__file__).resolve().parents[2]


def test_interrupt_leaves_nothing(face_image: Path, tiny_weights: Path, tmp_path: Path) -> None:
    call = [sys.executable, "-m", "pdfgc", "animate", "--source", str(face_image)]
    call += ["--weights", str(tiny_weights), "--duration", "3000", "-o", str(tmp_path / "out.mp4")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        call,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # A job in the background is born deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    ) as process:
        deadline = time.monotonic() + 120
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list(tmp_path.iterdir()), "it never began to write"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "pdfgc: stopped.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["animate", "edit"])
def test_what_is_kept_is_what_is_told(
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    face_image: Path,
    tiny_weights: Path,
    tmp_path: Path,
) -> None:
    same = ["--source", face_image, "--weights", tiny_weights, "--device", "cpu", "--crop"]
    codes, out = tmp_path / "a.motion.safetensors", tmp_path / "b.mp4"
    whole = ["animate", *same, "--duration", 1.2, "-o", tmp_path / "a.mp4", "--save-motion", codes]
    assert run([str(each) for each in whole]) == 0
    capsys.readouterr()
    paint, painted = Painter.paint, 0

    def until_ctrl_c(self: Painter, driving: torch.Tensor) -> Iterator[NDArray[np.uint8]]:
        nonlocal painted
        for frame in paint(self, driving):
            if painted == 10:
                signal.raise_signal(signal.SIGINT)
            painted += 1
            yield frame

    monkeypatch.setattr(Painter, "paint", until_ctrl_c)
    changed = ["animate", "--motion", codes] if command == "animate" else ["edit", codes]
    call = [*changed, *same, "--gaze", "5,0", "--keep-partial", "--json", "-o", out]
    assert run([str(each) for each in call]) == 130
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == probe(out).n_frames == 10
    assert not told["whole"]


def test_help_is_quick() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "pdfgc", "--help"], env=environment, check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time: wall time would measure what else runs here.
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert seconds < 0.5


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip()
