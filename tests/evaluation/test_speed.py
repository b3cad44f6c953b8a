from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch

from pdfgc.errors import InputError
from pdfgc.evaluation import speed
from pdfgc.evaluation.speed import (
    Memory,
    Timing,
    as_lines,
    peak_memory,
    processor,
    time_all,
    time_ms,
)
from pdfgc.media import read_audio, read_image
from pdfgc.weights import load_model

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_LEAST_S", 0.0)
    monkeypatch.setattr(speed, "_LEAST_RUNS", 1)


def test_work_is_warmed_up_and_timed() -> None:
    calls: list[int] = []
    times = time_ms(lambda: calls.append(1), CPU)
    assert len(calls) == len(times) + 1
    assert (times >= 0).all()


def test_every_piece_is_timed_beside_the_fixed_operation(
    tiny_weights: Path, face_image: Path, speech: Path
) -> None:
    loaded = load_model(tiny_weights, "cpu")
    timings = list(time_all(loaded, read_image(face_image), read_audio(speech)[:3200]))
    named = {each.what.split(",")[0]: each for each in timings}
    assert set(named) >= {"generator", "speech encoder", "first frame of a new avatar"}
    assert {"speech to mp4", "stage-1 trunk"} <= set(named)
    fixed = timings[-1]
    assert fixed.what.startswith("fixed operation")
    assert fixed.ratio == 1
    for each in timings:
        assert 0 < each.best_ms <= each.ms
        assert each.ratio > 0


def test_lines_are_json() -> None:
    entries = iter([Timing("x", 1.23456789, 1.0, 2.0, 5), Memory(10.0, 512.0, 3.0)])
    lines = [json.loads(line) for line in as_lines(entries, processor(CPU))]
    assert lines[0]["ms"] == 1.2346
    assert lines[1]["peak_mb"] == 512
    assert all(line["device"] == "cpu" and line["threads"] for line in lines)


@pytest.mark.slow
def test_peak_memory_of_a_process(tiny_weights: Path, face_image: Path, speech: Path) -> None:
    sound = read_audio(speech)
    used = peak_memory(face_image, str(tiny_weights), sound, 0.4, device="cpu")
    assert used.audio_s == 0.4
    # Whatever the memory of the process that asks.
    assert 50 < used.peak_mb < 3000
    assert used.seconds > 0


@pytest.mark.slow
def test_a_failed_process_is_an_error(face_image: Path, speech: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="failed"):
        peak_memory(
            face_image, str(tmp_path / "no.safetensors"), read_audio(speech), 0.4, device="cpu"
        )


def test_long_work_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        time.sleep(0.01)

    monkeypatch.setattr(speed, "_LEAST_RUNS", 5)
    assert len(time_ms(work, CPU)) >= 5
    monkeypatch.setattr(speed, "_MOST_S", 0.001)
    calls.clear()
    assert len(time_ms(work, CPU)) == 1
    assert len(calls) == 2
