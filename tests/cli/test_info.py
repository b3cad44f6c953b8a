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
    read = (
        {"transformer"} if PRESETS[preset].landmarks else {"motion", "lip", "eye", "pose", "speech"}
    )
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


# The release, counted while its own code ran: parameters that inference uses, and GFLOPs
# (2 x multiply-adds) per image, frame or window.
RELEASED = {
    "appearance": (24_028_992, 8.58),
    "motion": (8_252_891, 12.66),
    "speech": (7_630_144, 0.945),
    "generator": (37_310_877, 69.39),
}


def test_the_released_networks_cost_what_the_release_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = told(capsys, "info", "--preset", "pdfgc-official")
    parts = {part["name"]: part for part in answer["parts"]}  # type: ignore[attr-defined]
    # One trunk bears all heads. The lip head is not used in the release: Linear 512 -> 512, batch
    # norm, Linear 512 -> 512, Linear 512 -> 500.
    lip = 2 * (512 * 512 + 512) + 2 * 512 + 512 * 500 + 500
    for name in ("eye", "pose"):
        for key in ("parameters", "gflops"):
            parts["motion"][key] += parts[name][key]
    assert parts["lip"]["parameters"] == lip
    for name, (parameters, gflops) in RELEASED.items():
        assert parts[name]["parameters"] == parameters
        assert parts[name]["gflops"] == pytest.approx(gflops, rel=5e-3)
    # A frame with clips of their own for pose, eyes and expression.
    driven, each = answer["gflops_per_frame"], answer["gflops_per_driving_frame"]
    assert isinstance(driven, float)
    assert isinstance(each, float)
    assert driven + 3 * each == pytest.approx(108, rel=5e-3)
    assert run(["info", "--preset", "pdfgc-official"]) == 0
    assert "A frame takes 70.34 GFLOPs, and for each clip" in capsys.readouterr().out


def test_info_of_weights_and_of_the_installation(
    capsys: pytest.CaptureFixture[str], tiny_weights: Path
) -> None:
    answer = told(capsys, "info", "--weights", tiny_weights)
    assert answer["training"] == {"steps": 0}
    answer = told(capsys, "info")
    assert answer["presets"] == list(PRESETS)
    assert "cpu" in answer["devices"]  # type: ignore[operator]
    assert "no preset 'huge'" in refusal(capsys, "info", "--preset", "huge")
