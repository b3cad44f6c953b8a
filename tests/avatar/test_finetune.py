from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pdfgc.avatar import Avatar
from pdfgc.config import PRESETS
from pdfgc.errors import InputError
from pdfgc.model import build_model
from pdfgc.training.finetuning import Shots, Tuning, TuningPlan
from pdfgc.weights import load_model, save_model
from tests.cli.asking import refusal, told


@pytest.fixture(scope="module")
def three(face_image: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The portrait, brighter and darker: three images of one person."""
    folder = tmp_path_factory.mktemp("three")
    paths = []
    with Image.open(face_image) as image:
        for number, gain in enumerate((1.0, 0.8, 0.9)):
            paths.append(folder / f"{number}.png")
            image.convert("RGB").point(lambda v, g=gain: int(v * g)).save(paths[-1])
    return paths


@pytest.fixture
def pixels_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The teachers take most of the time."""
    monkeypatch.setattr("pdfgc.training.finetuning.own_teachers", list)


def shots(count: int) -> Shots:
    torch.manual_seed(1)
    width = 8 + 6 + 6 + 30
    return Shots(torch.rand(count, 3, 64, 64), 0.1 * torch.randn(count, width), tuple(range(count)))


def tuning(count: int, plan: TuningPlan) -> Tuning:
    torch.manual_seed(0)
    model = build_model(PRESETS["tiny"]).eval()
    sources = torch.rand(1, 1, 3, 64, 64)
    return Tuning(model, sources, torch.zeros(1, 1, 50), shots(count), plan)


def test_tuning_lowers_the_error_and_leaves_what_reads_motion_alone(
    tiny_weights: Path, face_image: Path, tmp_path: Path
) -> None:
    loaded = load_model(tiny_weights, "cpu")
    avatar = Avatar.from_images(face_image, weights=loaded)
    motion = avatar.source
    calls: list[tuple[str, int, int | None]] = []
    # Random weights answer to anything.
    plan = TuningPlan(steps=6, check_every=3, batch_size=2, learning_rate=1e-3, liveliness=0.0)
    result = avatar.finetune(face_image, plan=plan, progress=lambda *a: calls.append(a))
    assert result.error_after < result.error_before
    assert [done for _, done, _ in calls] == list(range(1, result.steps + 1))
    assert avatar.model is not loaded.model
    for name in ("encoders.pose", "encoders.lip", "generator.driver", "generator.head_flow"):
        before, after = (m.get_submodule(name).state_dict() for m in (loaded.model, avatar.model))
        assert all(torch.equal(before[key], after[key]) for key in before), name
    # Motions fit as before, and what was learned is kept.
    assert avatar.model_id == loaded.model_id
    path = tmp_path / "me.avatar.safetensors"
    avatar.save(path)
    again = Avatar.load(path, weights=loaded)
    for one, other in zip(
        avatar.animate(motion=motion).frames(), again.animate(motion=motion).frames(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    torch.manual_seed(5)
    save_model(build_model(PRESETS["tiny"]), tmp_path / "other.safetensors", {})
    with pytest.raises(InputError, match="was tuned with weights"):
        Avatar.load(path, weights=tmp_path / "other.safetensors")


@pytest.mark.usefixtures("pixels_only")
def test_the_held_out_image_is_never_learned() -> None:
    plan = TuningPlan(steps=1)
    whole = tuning(5, plan)
    assert whole.held_out == 2
    assert 2 not in whole.shots.image
    assert whole.judged.image == (2,)
    assert tuning(2, plan).held_out is None


@pytest.mark.usefixtures("pixels_only")
def test_it_ends_when_the_held_out_image_gets_no_better() -> None:
    # Noise cannot be learned from other noise.
    plan = TuningPlan(steps=400, check_every=2, patience=2, learning_rate=3e-3, liveliness=0.0)
    result = tuning(4, plan).run()
    assert result.reason == "held-out"
    assert result.steps < 400
    assert result.kept_step <= result.steps - 2 * plan.check_every
    assert result.error_after <= result.error_before


@pytest.mark.usefixtures("pixels_only")
def test_it_ends_before_the_face_stops_moving() -> None:
    made = tuning(1, TuningPlan(steps=50, check_every=1, liveliness=0.9))
    # One picture for every code: the shortest way is to ignore the codes.
    responses = iter([1.0, 0.95, 0.8, 0.8])
    made._response = lambda: next(responses)  # type: ignore[method-assign]
    result = made.run()
    assert (result.reason, result.steps, result.kept_step) == ("liveliness", 2, 1)


@pytest.mark.usefixtures("pixels_only")
def test_the_budget_grows_with_the_images() -> None:
    assert TuningPlan.budget(1, 4) == 40
    assert TuningPlan.budget(8, 4) == 80
    assert TuningPlan.budget(32, 8) == 160
    short = replace(TuningPlan(), check_every=1000, batch_size=1)
    steps: list[int] = []
    tuning(1, short).run(lambda step, total, _: steps.append(total))
    assert set(steps) == {40}


def test_finetune_on_the_command_line(
    capsys: pytest.CaptureFixture[str], tiny_weights: Path, three: list[Path], tmp_path: Path
) -> None:
    out, preview = tmp_path / "me.avatar.safetensors", tmp_path / "preview.png"
    answer = told(
        capsys, "finetune", "--source", *three, "--out", out, "--steps", "2",
        "--weights", tiny_weights, "--preview", preview, "--device", "cpu",
    )  # fmt: skip
    assert answer["steps"] == 2
    assert answer["seconds"] > 0  # type: ignore[operator]
    with Image.open(preview) as picture:
        assert picture.size == (256, 64)
    Avatar.load(out, weights=tiny_weights)
    complaint = refusal(
        capsys, "finetune", "--source", out, "--out", out, "--weights", tiny_weights
    )
    assert "give --images" in complaint
    assert "at least 1" in refusal(
        capsys, "finetune", "--source", three[0], "--out", tmp_path / "x.avatar.safetensors",
        "--steps", "0", "--weights", tiny_weights,
    )  # fmt: skip
    assert not (tmp_path / "x.avatar.safetensors").exists()
