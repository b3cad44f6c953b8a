"""The rows of `fewshot.py`: two bases, and what goes on from them for equally many steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

import pdfgc.config as configs
from pdfgc.config import PRESETS, ModelConfig, TrainConfig
from pdfgc.model import TalkingHead, build_model
from pdfgc.training.checkpoint import load_checkpoint, save_checkpoint
from pdfgc.training.trainer import train, trained_model

SIDE = 64
SEED = 0

_RATES = {"marionette": 1.5e-3, "fewshot": 1e-3}


def reduced(preset: str, identity: tuple[str, ...] | None = None) -> ModelConfig:
    """A landmark preset at 64 px."""
    row = PRESETS[preset]
    few = preset == "fewshot"
    shape = replace(
        row.generator,
        image_size=SIDE,
        analysis_size=SIDE,
        base_size=8,
        channels=(64, 48, 32, 16),
        source_channels=(64, 32, 16, 0) if few else (64, 48, 32, 16),
        appearance_width=128,
        style_width=128,
        identity=identity or row.generator.identity,  # type: ignore[arg-type]
    )
    encoders = replace(PRESETS[f"{preset}-tiny"].encoders, light_channels=(8, 16, 32, 32))
    return replace(row, preset=f"{preset}-64", generator=shape, encoders=encoders)


@dataclass(frozen=True)
class Row:
    """One trained model of the tables.

    Attributes:
        name: in the tables.
        preset: its base is this preset, trained without an adversary.
        config: the model.
        stage: how it goes on from the base.
    """

    name: str
    preset: str
    config: ModelConfig
    stage: str = "meta"


ROWS = (
    Row("marionette", "marionette", reduced("marionette")),
    Row("fewshot", "fewshot", reduced("fewshot")),
    Row("fewshot, no match term (FF)", "fewshot", reduced("fewshot"), "meta-ff"),
    Row("marionette, no attention", "marionette", reduced("marionette", ("alignment",))),
    Row("marionette, no alignment", "marionette", reduced("marionette", ("attention",))),
)


def train_base(preset: str, data: Path, out: Path, steps: int) -> Path:
    """Train a base, going on where it stopped.

    Args:
        preset: `fewshot` or `marionette`.
        data: the pack.
        out: folder of all runs.
        steps: of meta-learning, without an adversary.

    Returns:
        Folder of its stages.
    """
    folder, config = out / f"base-{preset}", reduced(preset)
    run = TrainConfig(
        steps=steps, batch_size=4, shots=2, learning_rate=_RATES[preset], warmup_steps=20,
        adversary_start=steps, checkpoint_every=50, sample_every=50, ema_decay=0.99, seed=SEED,
    )  # fmt: skip
    landmarks = replace(run, steps=300, batch_size=32)
    train("landmarks", data, folder, config, landmarks, device="cpu")
    train("meta", data, folder, config, run, device="cpu")
    return folder


def train_row(row: Row, base: Path, data: Path, out: Path, steps: int) -> TalkingHead:
    """Go on from a base with the adversary, in the row's own way.

    Args:
        row: what is trained.
        base: folder of its base.
        data: the pack.
        out: folder of all runs.
        steps: of meta-learning with the adversary.
    """
    folder = out / "".join(c if c.isalnum() else "-" for c in row.name)
    if not (folder / "landmarks" / "state.pt").is_file():
        _inherit(row, base, folder)
    run = TrainConfig(
        steps=steps, batch_size=4, shots=2, learning_rate=5e-4, adversary_learning_rate=4e-4,
        adversary_steps=2, warmup_steps=20, checkpoint_every=50, sample_every=50, ema_decay=0.98,
        seed=SEED + 1,
    )  # fmt: skip
    train(row.stage, data, folder, row.config, run, device="cpu")
    model, _ = trained_model(folder, row.stage)
    return model


def _inherit(row: Row, base: Path, folder: Path) -> None:
    """Leave a checkpoint to begin with: of the base's weights all that the row has too."""
    found = load_checkpoint(base / "meta")
    assert found is not None
    state, facts = found
    torch.manual_seed(SEED)
    fresh, trained = build_model(row.config).state_dict(), state["average"]
    fitting = {
        name: _fitted(trained[name], value) if name in trained else value
        for name, value in fresh.items()
    }
    facts |= {"stage": "landmarks", "model": configs.to_json(row.config)}
    save_checkpoint(
        folder / "landmarks", {"average": fitting, "objective": state["objective"]}, facts
    )


def _fitted(trained: Tensor, fresh: Tensor) -> Tensor:
    """A trained weight, of a larger one the first rows and columns."""
    out = fresh.clone()
    both = tuple(slice(min(a, b)) for a, b in zip(trained.shape, fresh.shape, strict=True))
    out[both] = trained[both]
    return out
