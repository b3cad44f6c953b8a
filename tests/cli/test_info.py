from __future__ import annotations

from pathlib import Path

import pytest

from pdfgc.cli import run
from pdfgc.config import PRESETS
from pdfgc.cost import cost_of
from tests.cli.asking import refusal, told


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_info_of_a_preset(capsys: pytest.CaptureFixture[str], preset: str) -> None:
    answer = told(capsys, "info", "--preset", preset)
    parts = answer["parts"]
    assert isinstance(parts, list)
    names = {part["name"] for part in parts}
    read = {"transformer"} if PRESETS[preset].landmarks else {"motion", "eye", "pose", "speech"}
    assert names == {"appearance", "generator"} | read
    assert answer["parameters"] == sum(part["parameters"] for part in parts)
    assert answer["within_budget"] is True
    assert run(["info", "--preset", preset]) == 0
    assert "generator" in capsys.readouterr().out


def test_costs_are_those_of_the_layers() -> None:
    cost = {part.name: part for part in cost_of(PRESETS["tiny"]).parts}
    # The first layer of the eye encoder alone: 3 -> 8 channels, 3 x 3, at 32 x 32.
    assert cost["eye"].gflops > 2 * 32 * 32 * 9 * 3 * 8 / 1e9
    assert cost["generator"].gflops < 0.5
    budget = {part.name: part.budget_gflops for part in cost_of(PRESETS["fast"]).parts}
    assert budget["generator"] == 8


def test_info_of_weights_and_of_the_installation(
    capsys: pytest.CaptureFixture[str], tiny_weights: Path
) -> None:
    answer = told(capsys, "info", "--weights", tiny_weights)
    assert answer["training"] == {"steps": 0}
    answer = told(capsys, "info")
    assert answer["presets"] == list(PRESETS)
    assert "cpu" in answer["devices"]  # type: ignore[operator]
    assert "no preset 'huge'" in refusal(capsys, "info", "--preset", "huge")
