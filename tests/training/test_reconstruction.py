"""What a generator's picture is held to, and where."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pdfgc.config import PRESETS
from pdfgc.model import build_model
from pdfgc.tracking import topology_of
from pdfgc.training.batches import PairBatch
from pdfgc.training.objectives import AppearanceObjective
from pdfgc.training.sampler import Sampler
from pdfgc.training.stages import STAGES

N = 4


@pytest.fixture(scope="module")
def objective(toy_sampler: Sampler) -> AppearanceObjective:
    model = build_model(PRESETS["tiny"]).eval()
    return AppearanceObjective(model, toy_sampler, STAGES["appearance"].defaults)


@pytest.fixture(scope="module")
def batch(toy_sampler: Sampler) -> PairBatch:
    return toy_sampler.pairs(0, N, 1, 13)


def _losses(
    objective: AppearanceObjective, batch: PairBatch, trust: Tensor | None
) -> dict[str, float]:
    model = objective.model
    with torch.no_grad():
        appearance = objective.look(batch.source.image, batch.shots)
        codes = torch.zeros(N, model.generator.driver.width)
        made = model.generator(appearance, codes[:, None], codes)
        losses = objective.picture_losses(batch, made, appearance, adversarial=False, trust=trust)
    return {name: float(value) for name, value in losses.items()}


def test_all_of_the_picture_counts_where_all_is_trusted(
    objective: AppearanceObjective, batch: PairBatch
) -> None:
    assert _losses(objective, batch, torch.ones(N)) == _losses(objective, batch, None)


@pytest.mark.parametrize(("part", "counts"), [("lips", False), ("brows", True)])
def test_a_mouth_that_is_not_trusted_hardly_counts(
    objective: AppearanceObjective, batch: PairBatch, part: str, counts: bool
) -> None:
    topology = topology_of(batch.driving.points.shape[1])
    points = {"lips": topology.outer_lips, "brows": topology.brows}[part]
    painted = _painted(batch, torch.from_numpy(points))
    low = torch.full((N,), 0.1)
    costs = []
    for trust in (None, low):
        before, after = (_losses(objective, each, trust) for each in (batch, painted))
        costs.append(after["reconstruction"] - before["reconstruction"])
    assert (costs[1] / costs[0] > 0.8) == counts
    assert (costs[1] / costs[0] < 0.5) == (not counts)


def test_chin_and_lips_may_go_elsewhere_where_they_are_not_trusted(
    objective: AppearanceObjective, batch: PairBatch
) -> None:
    points = batch.driving.points.clone()
    points[:, objective.below_nose, 1] += 0.2
    opened = replace(batch, driving=replace(batch.driving, points=points))
    costs = [
        _losses(objective, opened, trust)["flow"] - _losses(objective, batch, trust)["flow"]
        for trust in (None, torch.full((N,), 0.05))
    ]
    assert abs(costs[1]) < 0.3 * abs(costs[0])


def _painted(batch: PairBatch, points: Tensor) -> PairBatch:
    """The same batch with a red spot around a part of the driving faces."""
    image = batch.driving.image.clone()
    side = image.shape[-1]
    centres = ((batch.driving.points[:, points, :2].mean(1) + 1) / 2 * side).long()
    red = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
    for picture, (x, y) in zip(image, centres.clamp(3, side - 4).tolist(), strict=True):
        picture[:, y - 2 : y + 3, x - 2 : x + 3] = red
    return replace(batch, driving=replace(batch.driving, image=image))
