"""Every stage runs, freezes what it must, and goes on exactly where it stopped."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from pdfgc.config import PRESETS, TrainConfig
from pdfgc.errors import InputError
from pdfgc.model import build_model
from pdfgc.training import objectives
from pdfgc.training.batches import Batch
from pdfgc.training.checkpoint import load_checkpoint
from pdfgc.training.objectives import Outcome
from pdfgc.training.plan import names_of
from pdfgc.training.stages import STAGES, freeze_all_but
from pdfgc.training.trainer import train, train_all, trained_model

TINY = PRESETS["tiny"]
CHAIN = names_of("all", "codes")
QUICK = TrainConfig(
    steps=4,
    batch_size=4,
    trunk_steps=1,
    adversary_start=2,
    warmup_steps=1,
    log_every=1,
    sample_every=4,
    checkpoint_every=2,
    precision="32-true",
)


def run(stage: str, pack: Path, out: Path, config: TrainConfig = QUICK) -> Path:
    return train(stage, pack, out, TINY, config, device="cpu")


@pytest.fixture(scope="module")
def chain(toy_pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    train_all(toy_pack, out, TINY, dict.fromkeys(STAGES, QUICK), device="cpu")
    return out


def test_the_chain_leaves_a_model_with_its_rest_codes(chain: Path) -> None:
    model, facts = trained_model(chain, "expression")
    assert facts["done"]
    assert facts["persons"] == 3
    fresh = build_model(TINY)
    for name in ("rest_lip", "rest_expression", "free_eye"):
        assert not torch.equal(getattr(model, name), getattr(fresh, name)), name


@pytest.mark.parametrize("stage", [name for name in CHAIN if STAGES[name].trains])
def test_a_stage_trains_its_parts_and_only_them(chain: Path, stage: str) -> None:
    before = STAGES[stage].starts_from
    if before:
        old, _ = trained_model(chain, before[-1])
    else:
        torch.manual_seed(QUICK.seed)
        old = build_model(TINY)
    new, _ = trained_model(chain, stage)
    changed = {
        name
        for (name, a), b in zip(old.named_parameters(), new.parameters(), strict=True)
        if not torch.equal(a, b)
    }
    assert changed
    assert all(name.startswith(STAGES[stage].trains) for name in changed)
    if before:
        for part in STAGES[stage].trains:
            assert any(name.startswith(part) for name in changed), part
        still = [n for n, _ in old.named_buffers() if not n.startswith(STAGES[stage].trains)]
        named = dict(new.named_buffers())
        for name in still:
            if "." in name:
                assert torch.equal(dict(old.named_buffers())[name], named[name]), name


def test_every_loss_is_logged_by_the_name_of_its_weight(chain: Path) -> None:
    for name in CHAIN:
        stage = STAGES[name]
        lines = (chain / name / "scalars.jsonl").read_text().splitlines()
        logged = {key for line in lines for key in json.loads(line)}
        assert set(stage.weights) <= logged, name


def test_a_killed_run_goes_on_as_if_nothing_had_happened(toy_pack: Path, tmp_path: Path) -> None:
    whole = run("appearance", toy_pack, tmp_path / "whole")

    class Killed(BaseException):
        pass

    def kill(step: int, steps: int, scalars: dict[str, float]) -> None:
        if step == 3:
            raise Killed

    with pytest.raises(Killed):
        train("appearance", toy_pack, tmp_path / "cut", TINY, QUICK, device="cpu", report=kill)
    found = load_checkpoint(tmp_path / "cut" / "appearance")
    assert found is not None
    assert found[1]["step"] == 2
    cut = run("appearance", toy_pack, tmp_path / "cut")
    first, second = load_checkpoint(whole), load_checkpoint(cut)
    assert first is not None
    assert second is not None
    for part in ("model", "average", "objective"):
        for key, value in first[0][part].items():
            assert torch.equal(value, second[0][part][key]), f"{part}.{key}"
    steps = [json.loads(line)["step"] for line in (cut / "scalars.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]


def test_the_loss_falls(toy_pack: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(
        QUICK, steps=60, batch_size=18, learning_rate=2e-3, sample_every=60
    )
    folder = run("pose", toy_pack, _with_stages_before(toy_pack, tmp_path), config)
    lines = [json.loads(line) for line in (folder / "scalars.jsonl").read_text().splitlines()]
    first = sum(line["pose"] for line in lines[:5]) / 5
    last = sum(line["pose"] for line in lines[-5:]) / 5
    assert last < 0.7 * first


def test_a_loss_that_is_not_finite_stops_before_it_does_harm(
    toy_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = objectives.PoseObjective.forward
    steps = []

    def spoil(self: objectives.PoseObjective, batch: Batch, *, adversarial: bool) -> Outcome:
        steps.append(1)
        outcome = real(self, batch, adversarial=adversarial)
        bad = {
            name: value * (torch.nan if len(steps) == 4 else 1)
            for name, value in outcome.losses.items()
        }
        return dataclasses.replace(outcome, losses=bad)

    monkeypatch.setattr(objectives.PoseObjective, "forward", spoil)
    out = _with_stages_before(toy_pack, tmp_path)
    # Logged and saved less often than it is looked at.
    config = dataclasses.replace(QUICK, steps=8, log_every=5, checkpoint_every=3)
    with pytest.raises(FloatingPointError, match=r"step 4: loss, pose, .*not finite; the check"):
        run("pose", toy_pack, out, config)
    found = load_checkpoint(out / "pose")
    assert found is not None
    assert found[1]["step"] == 3
    assert all(torch.isfinite(v).all() for v in found[0]["model"].values())


def test_waiting_is_logged(chain: Path) -> None:
    for line in (chain / "pose" / "scalars.jsonl").read_text().splitlines():
        assert 0 <= json.loads(line)["waiting"] <= 1


def test_a_batch_that_processes_cannot_share_is_refused(toy_pack: Path, tmp_path: Path) -> None:
    run("appearance", toy_pack, tmp_path, dataclasses.replace(QUICK, parts=2, steps=2))
    with pytest.raises(InputError, match="multiple of 2"):
        run("appearance", toy_pack, tmp_path, dataclasses.replace(QUICK, batch_size=5))


def _with_stages_before(pack: Path, out: Path) -> Path:
    one = dataclasses.replace(QUICK, steps=1, sample_every=1, checkpoint_every=1)
    for stage in ("appearance", "lip", "eye"):
        run(stage, pack, out, one)
    return out


def test_a_stage_without_its_forerunner_says_what_to_run(toy_pack: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pdfgc train appearance first"):
        run("lip", toy_pack, tmp_path)


def test_another_model_is_refused(chain: Path, toy_pack: Path) -> None:
    other = dataclasses.replace(TINY, expression_window=5)
    with pytest.raises(InputError, match="preset"):
        train("expression", toy_pack, chain, other, QUICK, device="cpu")


def test_an_unknown_stage_is_refused(toy_pack: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no stage 'eyes'"):
        run("eyes", toy_pack, tmp_path)


def test_freezing_freezes_parameters_and_statistics() -> None:
    model = build_model(TINY)
    learning = freeze_all_but(model, ("encoders.eye",))
    assert learning
    assert {id(p) for p in model.parameters() if p.requires_grad} == {id(p) for p in learning}
    assert model.encoders.eye.training
    assert not model.encoders.motion.training
