"""A run that is killed in the middle of a step ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pdfgc.training.checkpoint import load_checkpoint

SETTINGS = """
steps = 12
batch_size = 4
trunk_steps = 2
adversary_start = 3
warmup_steps = 1
log_every = 1
sample_every = 12
checkpoint_every = 4
precision = "32-true"
"""


def command(pack: Path, out: Path, folder: Path) -> list[str]:
    settings = folder / "settings.toml"
    settings.write_text(SETTINGS)
    return [
        *(sys.executable, "-m", "pdfgc", "train", "appearance", "--preset", "tiny"),
        *("--data", str(pack), "--out", str(out), "--settings", str(settings), "--device", "cpu"),
    ]


def lines(out: Path) -> list[str]:
    path = out / "appearance" / "scalars.jsonl"
    return path.read_text().splitlines() if path.is_file() else []


@pytest.mark.slow
def test_kill_minus_nine_and_resume(toy_pack: Path, tmp_path: Path) -> None:
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    subprocess.run(command(toy_pack, whole, tmp_path), env=one_thread, check=True, timeout=240)

    process = subprocess.Popen(command(toy_pack, cut, tmp_path), env=one_thread)
    deadline = time.monotonic() + 200
    # After step 6 is written step 7 is under way, and the checkpoint is that of step 4.
    while len(lines(cut)) < 6 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    found = load_checkpoint(cut / "appearance")
    assert found is not None
    assert 4 <= found[1]["step"] < 12
    # What a kill in the middle of a write leaves is cleared away.
    (cut / "appearance" / ".state.1234.partial.pt").write_bytes(b"half")

    subprocess.run(command(toy_pack, cut, tmp_path), env=one_thread, check=True, timeout=240)
    first, second = load_checkpoint(whole / "appearance"), load_checkpoint(cut / "appearance")
    assert first is not None
    assert second is not None
    for part in ("model", "average", "objective"):
        for name, value in first[0][part].items():
            assert torch.equal(value, second[0][part][name]), f"{part}.{name}"
    assert [json.loads(line)["step"] for line in lines(cut)] == list(range(1, 13))
    assert not list((cut / "appearance").glob(".*.partial*"))
