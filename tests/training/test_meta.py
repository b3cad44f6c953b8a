from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pdfgc.config import PRESETS, TrainConfig
from pdfgc.encoders.landmarks import LandmarkSpace
from pdfgc.encoders.placing import looking_ahead
from pdfgc.encoders.target import TargetLook
from pdfgc.errors import InputError
from pdfgc.generator.drawing import LandmarkDriver
from pdfgc.generator.identity import Flow
from pdfgc.model import LandmarkEncoders, build_model
from pdfgc.training.clips import load_clips
from pdfgc.training.episodes import draw_episodes
from pdfgc.training.meta import MetaObjective, UnmatchedObjective, both_flows
from pdfgc.training.sampler import Sampler
from pdfgc.training.stages import STAGES
from pdfgc.training.trainer import train, train_all, trained_model

SHORT = TrainConfig(
    steps=2, batch_size=2, shots=2, precision="32-true", log_every=1, adversary_steps=2
)


@pytest.fixture(scope="module")
def run_of(toy_pack: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of both landmark presets, all their stages for two steps."""
    runs = {}
    for preset in ("fewshot-tiny", "marionette-tiny"):
        out = tmp_path_factory.mktemp(preset)
        for stage in ("landmarks", "meta"):
            train(stage, toy_pack, out, PRESETS[preset], SHORT, device="cpu")
        runs[preset] = out
    return runs


@pytest.mark.parametrize("preset", ["fewshot-tiny", "marionette-tiny"])
def test_stages_run_one_after_the_other_and_leave_a_critic(
    run_of: dict[str, Path], preset: str
) -> None:
    model, facts = trained_model(run_of[preset], "meta")
    assert facts["done"]
    assert isinstance(model.encoders, LandmarkEncoders)
    assert bool(model.encoders.landmarks.fitted)
    before = build_model(PRESETS[preset]).critic
    assert model.critic is not None
    assert before is not None
    state = torch.load(run_of[preset] / "meta" / "state.pt", weights_only=True)["state"]
    kept = state["objective"]["adversary.discriminator.critic.common"]
    torch.testing.assert_close(model.critic.common, kept)
    # The bases are data, not a running mean of it.
    first, _ = trained_model(run_of[preset], "landmarks")
    mean = first.get_buffer("encoders.landmarks.mean")
    torch.testing.assert_close(mean, model.get_buffer("generator.landmarks.space.mean"))
    assert float(first.get_buffer("encoders.landmarks.lip_basis").abs().max()) > 0.005


def test_meta_learning_lowers_its_loss(toy_pack: Path, run_of: dict[str, Path]) -> None:
    out = run_of["fewshot-tiny"].parent / "learns"
    model = PRESETS["fewshot-tiny"]
    seen: list[float] = []
    train("landmarks", toy_pack, out, model, SHORT, device="cpu")
    config = replace(SHORT, steps=40, learning_rate=2e-3, warmup_steps=1, batch_size=4)
    train(
        "meta-ff", toy_pack, out, model, config, device="cpu",
        report=lambda step, steps, scalars: seen.append(scalars["l1"]),
    )  # fmt: skip
    assert np.mean(seen[-5:]) < 0.75 * seen[0]


def test_episodes_keep_the_target_outside_the_sources(toy_pack: Path) -> None:
    config = PRESETS["fewshot-tiny"]
    bank = load_clips(toy_pack, 64, config.audio)
    assert config.landmarks is not None
    driver = LandmarkDriver(LandmarkSpace(config.landmarks, config.encoders.lip_width))
    sampler = Sampler(bank, 64, seed=0)
    for step in range(5):
        batch = draw_episodes(sampler, driver, step, 3, 8)
        sources = batch.source.row.view(3, 8)
        assert not (sources == batch.driving.row[:, None]).any()
        clip = [sum(c.start <= int(row) for c in bank.clips) for row in batch.driving.row]
        for own, rows in zip(clip, sources, strict=True):
            assert all(sum(c.start <= int(r) for c in bank.clips) == own for r in rows)
    again = draw_episodes(sampler, driver, 4, 3, 8)
    torch.testing.assert_close(again.driving_drawing, batch.driving_drawing)
    # Lines, on black.
    assert float((batch.driving_drawing > -1).any(dim=1).float().mean()) > 0.02
    assert float((batch.driving_drawing == -1).all(dim=1).float().mean()) > 0.5


def test_rows_of_w_follow_the_embeddings_until_the_adversary_comes(toy_pack: Path) -> None:
    config = PRESETS["fewshot-tiny"]
    sampler = Sampler(load_clips(toy_pack, 80, config.audio), 64, seed=0)
    person, vector = torch.tensor([0, 0]), torch.full((2, 32), 5.0)
    for objective, follows in ((MetaObjective, True), (UnmatchedObjective, False)):
        made = objective(build_model(config), sampler, SHORT)
        assert made.adversary is not None
        before = float(made.matching(vector, person))
        for _ in range(30):
            made.acquaint(vector, person)
        distance = float(made.adversary.match(vector, person).detach())
        assert (distance < 0.05) == follows
        assert (before > 4) == follows


def test_exact_flows_leave_nothing_to_learn() -> None:
    """Both of MarioNETte's steps, each a shift, and what is left when one of them is off."""
    ahead = torch.from_numpy(looking_ahead())
    source, driving = ahead + torch.tensor([0.1, 0.0]), ahead + torch.tensor([0.0, 0.2])
    first = torch.tensor([0.1, 0.0]).view(1, 1, 2, 1, 1).expand(1, 1, 2, 16, 16)
    whole = torch.tensor([0.1, -0.2]).view(1, 1, 2, 1, 1).expand(1, 1, 2, 16, 16)
    empty = torch.zeros(1, 1, 1, 16, 16)
    picture = torch.zeros(1, 1, 3, 16, 16)
    look = TargetLook(picture, empty, (), picture, first)
    points = source[None, None], driving[None]
    assert float(both_flows([Flow(whole, empty, empty)], look, *points, ahead)) < 1e-5
    off = replace(look, flow=first + 0.1)
    found = float(both_flows([Flow(whole, empty, empty)], off, *points, ahead))
    assert found == pytest.approx(0.2, abs=1e-4)


def test_stages_of_the_other_driver_are_refused_and_passed_over(
    toy_pack: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="its stages are landmarks, meta, meta-ff"):
        train("lip", toy_pack, tmp_path, PRESETS["fewshot-tiny"], SHORT)
    with pytest.raises(InputError, match="driven by codes"):
        train("meta", toy_pack, tmp_path, PRESETS["tiny"], SHORT)
    with pytest.raises(InputError, match="starts from stage landmarks"):
        train("meta", toy_pack, tmp_path, PRESETS["fewshot-tiny"], SHORT)
    ran: list[str] = []
    one = replace(SHORT, steps=1)
    train_all(
        toy_pack, tmp_path, PRESETS["fewshot-tiny"], dict.fromkeys(STAGES, one), device="cpu",
        report=lambda stage, *rest: ran.append(stage),
    )  # fmt: skip
    assert ran == ["landmarks", "meta", "meta-ff"]


def test_the_rows_are_the_papers() -> None:
    meta, forward = STAGES["meta"], STAGES["meta-ff"]
    assert (meta.weights["match"], meta.weights["feature_matching"]) == (80, 10)
    assert meta.defaults.shots == 8
    assert meta.defaults.adversary_steps == 2
    assert (meta.defaults.learning_rate, meta.defaults.adversary_learning_rate) == (5e-5, 2e-4)
    # FF trains twice as long, without the match term.
    assert forward.defaults.steps == 2 * meta.defaults.steps
