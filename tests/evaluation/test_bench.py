from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pdfgc.cli import run
from pdfgc.errors import InputError
from pdfgc.evaluation import speed
from pdfgc.evaluation.bench import as_table, run_bench, sizes
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_LEAST_S", 0.0)
    monkeypatch.setattr(speed, "_LEAST_RUNS", 1)


def _gate() -> Any:
    import importlib.util

    spec = importlib.util.spec_from_file_location("gate", ROOT / "benchmarks" / "gate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_writes_lines_that_make_the_table(
    face_image: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench.jsonl"
    call = ["bench", "--source", face_image, "--audio", speech, "--presets", "tiny"]
    assert run([*map(str, call), "--seconds", "0.2", "--no-work", "-o", str(out)]) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert capsys.readouterr().out.strip() == as_table(lines).strip()
    assert all(line["preset"] == "tiny" and line["device"] for line in lines)
    whats = {line["what"].split(",")[0] for line in lines}
    assert {"generator", "first frame of a new avatar", "speech to mp4", "all"} <= whats


def test_sizes_sum_up() -> None:
    found = list(sizes("tiny"))
    assert found[-1].what == "all"
    per_frame = sum(each.gflops for each in found[:-1] if each.per.endswith("frame"))
    assert found[-1].gflops == pytest.approx(per_frame)
    assert found[-1].parameters == sum(each.parameters for each in found[:-1])


def test_unknown_presets_are_refused(face_image: Path, speech: Path) -> None:
    with pytest.raises(InputError, match="no preset"):
        list(run_bench(face_image, speech, weights=[], presets=["x"]))


def test_the_gate_lets_noise_pass_and_names_what_became_worse() -> None:
    gate = _gate()
    accepted = json.loads((ROOT / "benchmarks" / "accepted.json").read_text())
    assert set(accepted["presets"]) == set(gate.PRESETS)
    names = list(accepted["presets"]["tiny"])
    found = {preset: dict(values) for preset, values in accepted["presets"].items()}
    assert gate.worse(found, accepted) == []
    ratio = next(name for name in names if name.startswith("ratio"))
    size = next(name for name in names if name.startswith("parameters"))
    found["tiny"][ratio] *= 0.95 * accepted["tolerance"]
    found["tiny"][size] *= 1.005
    assert gate.worse(found, accepted) == []
    found["tiny"][ratio] *= 1.2
    found["tiny"][size] *= 1.02
    lines = gate.worse(found, accepted)
    assert len(lines) == 2
    assert any(ratio in line for line in lines)
    del found["fast"][ratio.replace("64 px", "256 px")]
    assert len(gate.worse(found, accepted)) == 3
    calm = gate.best_of(found, {p: dict(v) for p, v in accepted["presets"].items()} | found)
    assert calm["tiny"][ratio] == found["tiny"][ratio]
