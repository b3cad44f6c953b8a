"""Preset `paper`: everything is made, from appearance and codes alone."""

from __future__ import annotations

from pathlib import Path

import torch

from pdfgc.config import PRESETS, TrainConfig
from pdfgc.cost import cost_of
from pdfgc.generator.plain import PlainGenerator
from pdfgc.model import build_model
from pdfgc.motion import code_width
from pdfgc.training.trainer import train, trained_model
from tests.training.conftest import toy_pack  # noqa: F401 - the fixture


def test_paper_is_as_large_as_the_papers_generator() -> None:
    with torch.device("meta"):
        model = build_model(PRESETS["paper"])
    count = sum(p.numel() for p in model.generator.parameters())
    assert 36e6 < count < 42e6, "about 38 M (few-shot paper, section 3.4)"


def test_codes_and_appearance_change_the_picture_and_sources_motion_does_not() -> None:
    config = PRESETS["paper-tiny"]
    model = build_model(config).eval()
    assert isinstance(model.generator, PlainGenerator)
    width = code_width(config.encoders.lip_width)
    codes, own = torch.randn(2, width), torch.randn(2, 1, width)
    images = torch.rand(2, 1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        look = model.encoders.appearance(images)
        made = model.generator(look, own, codes)
        assert made.image.shape == (2, 3, 64, 64)
        assert made.flows == ()
        assert float(made.copied.max()) == 0
        assert torch.equal(made.image, model.generator(look, own + 1, codes).image)
        assert not torch.allclose(made.image, model.generator(look, own, codes + 1).image)
        other = model.encoders.appearance(-images)
        assert not torch.allclose(made.image, model.generator(other, own, codes).image)
    assert cost_of(config).parameters > 0


def test_paper_trains(toy_pack: Path, tmp_path: Path) -> None:  # noqa: F811
    config = TrainConfig(
        steps=2, batch_size=4, trunk_steps=0, adversary_start=1, log_every=1, precision="32-true"
    )
    preset = PRESETS["paper-tiny"]
    train("appearance", toy_pack, tmp_path, preset, config, device="cpu")
    model, facts = trained_model(tmp_path, "appearance")
    assert facts["done"]
    fresh = build_model(preset).generator.state_dict()
    changed = [n for n, v in model.generator.state_dict().items() if not torch.equal(v, fresh[n])]
    assert "constant" in changed
