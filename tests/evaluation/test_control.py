from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pdfgc.errors import InputError
from pdfgc.evaluation.channels import CHANNELS, channels
from pdfgc.evaluation.control import LATENT, SWEEPS, ControlResult, control, set_value
from pdfgc.evaluation.control_report import control_markdown, control_sheet, summarise_control
from pdfgc.evaluation.measuring import Measured
from pdfgc.evaluation.moving import NOTHING, Moved
from pdfgc.evaluation.rendering import CropRenderer
from pdfgc.evaluation.report import write_json
from pdfgc.motion import Motion
from pdfgc.tracking import MediaPipeBackend
from pdfgc.weights import load_model
from tests.tracking.faces import head


def test_sweeps_reach_both_ends() -> None:
    for sweep in SWEEPS:
        asked = sweep.asked()
        assert asked[0] == pytest.approx(sweep.middle)
        assert asked[6] == asked.max() == pytest.approx(sweep.middle + sweep.reach)
        assert asked[18] == asked.min() == pytest.approx(sweep.middle - sweep.reach)


@pytest.mark.parametrize("factor", [sweep.factor for sweep in SWEEPS])
def test_one_value_is_set_alone(factor: str) -> None:
    rest = Motion.rest(frames=3, lip=np.ones(4) / 2, expression=np.zeros(30), fps=25, model_id="m")
    moved = set_value(rest, factor, np.array([0.0, 0.5, 1.0]))
    changed = {
        name: np.abs(getattr(moved, name) - getattr(rest, name)).max(axis=0) > 1e-9
        for name in ("lip", "eye", "pose", "expression")
    }
    columns = sum(int(each.sum()) for each in changed.values())
    assert columns == (2 if factor == "openness" else 1)
    assert changed["eye" if factor.startswith(("gaze", "open")) else "pose"].any()


def _seen(**given: float) -> Measured:
    points = np.stack([head(scale=0.5, x=0, y=0, **given)] * 3)
    return Measured.of_track(points, np.zeros((3, 2)), np.ones(3))


def test_channels_follow_their_own_factor() -> None:
    rest = _seen()
    base = channels(rest, rest.open_eye())
    assert set(base) == set(CHANNELS)
    turned = channels(_seen(yaw=0.2), rest.open_eye())
    assert (turned["yaw"] - base["yaw"])[0] == pytest.approx(np.rad2deg(0.2), abs=0.1)
    for name in ("pitch", "roll", "mouth", "brow", "corners", "openness"):
        assert turned[name] == pytest.approx(base[name], abs=0.02), name
    spoken = channels(_seen(mouth=0.2), rest.open_eye())
    assert spoken["mouth"][0] > base["mouth"][0] + 0.1


@pytest.fixture(scope="module")
def result(
    pack: Path, backend: MediaPipeBackend, tmp_path_factory: pytest.TempPathFactory
) -> ControlResult:
    import torch

    from pdfgc.config import PRESETS
    from pdfgc.model import build_model
    from pdfgc.weights import save_model

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_model(build_model(PRESETS["tiny"]), path, {})
    return control(pack, CropRenderer(load_model(path, "cpu")), backend=backend, persons=1)


def test_every_factor_is_moved(result: ControlResult, tmp_path: Path) -> None:
    factors = [each.factor for each in result.moved]
    assert factors == [NOTHING, *(sweep.factor for sweep in SWEEPS), *LATENT]
    still: Moved = result.of(NOTHING)[0]
    assert np.isnan([still.gain, still.r]).all()
    assert np.isnan([each.gain for each in result.moved if each.factor in LATENT]).all()
    summary = summarise_control(result)
    assert [each["asked_deg"] for each in summary["yaw_row"]] == pytest.approx([-20, 0, 20])
    write_json(summary, tmp_path / "control.json")
    kept = json.loads((tmp_path / "control.json").read_text())
    assert set(kept["leakage"]) == set(factors)
    assert set(kept["coupling"]["yaw"]) == set(CHANNELS)
    text = control_markdown(summary)
    assert "-20" in text
    assert "expression" in text
    # Source, three of yaw, two of each other factor.
    assert control_sheet(result, 64).shape == (64, 64 * (1 + 3 + 2 * 7), 3)


def test_one_person_is_not_enough(
    pack: Path, backend: MediaPipeBackend, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pdfgc.evaluation import control as module

    def one(*given: object) -> list[object]:
        return [next(iter(module_read(pack, 12)))]

    module_read = module.read_clips
    monkeypatch.setattr(module, "read_clips", one)
    with pytest.raises(InputError, match="one person"):
        control(pack, CropRenderer(load_model(tiny_weights, "cpu")), backend=backend)
