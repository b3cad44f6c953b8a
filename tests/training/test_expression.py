"""The expression stage: what drives while expression itself is kept."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pdfgc.config import PRESETS, TrainConfig
from pdfgc.model import build_model
from pdfgc.motion import EXPRESSION_WIDTH
from pdfgc.training.objectives import ExpressionObjective
from pdfgc.training.sampler import Sampler


def test_brows_and_corners_follow_where_all_else_is_the_sources_own(
    toy_sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build_model(PRESETS["tiny"])
    objective = ExpressionObjective(model, toy_sampler, TrainConfig())
    objective.prepare()
    # The toy's faces are alike.
    objective.features.rows.normal_()
    batch = objective.draw(0, 4)
    assert int(objective.banked) < objective.settling
    driven: list[Tensor] = []
    draw = model.generator.forward

    def watched(look: object, source: Tensor, driving: Tensor) -> object:
        driven.extend([source[:, 0], driving])
        return draw(look, source, driving)

    monkeypatch.setattr(model.generator, "forward", watched)
    objective(batch, adversarial=False)
    own, shown = (codes[:, -EXPRESSION_WIDTH:] for codes in driven)
    felt = model.encoders.expression(objective.features[batch.window])
    torch.testing.assert_close(shown[:, :2], felt[:, :2])
    torch.testing.assert_close(shown[:, 2:], own[:, 2:])
    assert not torch.allclose(own[:, :2], felt[:, :2])
