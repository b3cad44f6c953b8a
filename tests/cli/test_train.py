"""`pdfgc train` on painted faces: the whole chain, twice, and what it would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdfgc.cli import run
from tests.cli.asking import told
from tests.training.conftest import toy_pack  # noqa: F401 - the fixture

SETTINGS = """
steps = 2
batch_size = 4
adversary_start = 1
log_every = 1
precision = "32-true"
[appearance]
trunk_steps = 1
"""
CHAIN = ["teachers", "appearance", "lip", "eye", "pose", "expression"]


def test_all_runs_the_chain_and_goes_on(
    capsys: pytest.CaptureFixture[str],
    toy_pack: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    settings = tmp_path / "run.toml"
    settings.write_text(SETTINGS)
    given = (
        *("--data", toy_pack, "--out", tmp_path / "run", "--preset", "tiny"),
        *("--settings", settings, "--device", "cpu"),
    )
    planned = told(capsys, "train", "all", *given, "--dry-run")["stages"]
    assert isinstance(planned, list)
    assert [stage["stage"] for stage in planned] == CHAIN
    assert not (tmp_path / "run").exists(), "a dry run leaves nothing"
    for stage in planned:
        assert stage["why_no_trial"] == "", stage
        assert stage["trial"]["gflops_per_sample"] > 0
        assert stage["hours"] > 0
        assert stage["samples"] == 8
    assert planned[2]["starts_from"] == {"appearance": "missing"}
    done = told(capsys, "train", "all", *given)["stages"]
    assert isinstance(done, list)
    assert [stage["stage"] for stage in done] == CHAIN
    for stage in done:
        left = "teachers" if stage["stage"] == "teachers" else "weights"
        assert (Path(stage["out"]) / f"{left}.safetensors").is_file()
        assert stage["scalars"]
    before = {stage: (tmp_path / "run" / stage / "state.pt").stat().st_mtime for stage in CHAIN}
    again = told(capsys, "train", "all", *given)["stages"]
    assert isinstance(again, list)
    assert all(not stage["scalars"] for stage in again), "what is finished is passed over"
    after = {stage: (tmp_path / "run" / stage / "state.pt").stat().st_mtime for stage in CHAIN}
    assert before == after
    assert run(["train", "lip", *map(str, given), "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "appearance (done)" in text
    assert "contrast 1" in text
    assert "0 samples to go" in text
