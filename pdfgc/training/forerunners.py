"""What a stage begins with: the averaged weights, and the adversary, of the stages before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pdfgc.config as configs
from pdfgc.config import ModelConfig
from pdfgc.errors import InputError
from pdfgc.training.checkpoint import load_checkpoint
from pdfgc.training.objectives import Objective
from pdfgc.training.stages import Stage


def inherited(stage: Stage, out: Path, model: ModelConfig) -> dict[str, Any] | None:
    """State of the latest stage before this one; nothing where a stage is the first.

    Args:
        stage: the stage that begins.
        out: folder of all stages.
        model: what is trained.

    Raises:
        InputError: a stage before is missing, unfinished or of another model.
    """
    latest: dict[str, Any] | None = None
    for name in stage.starts_from:
        found = load_checkpoint(out / name)
        if found is None:
            raise InputError(
                f"{out / name}: stage {stage.name} starts from stage {name}, which has "
                f"no checkpoint there; run pdfgc train {name} first."
            )
        latest, facts = found
        check_model(facts, model, out / name)
        if not facts["done"]:
            raise InputError(
                f"{out / name}: stage {name} stopped at step {facts['step']} of "
                f"{facts['train']['steps']}; finish it before stage {stage.name}."
            )
    return latest


def check_model(facts: dict[str, Any], model: ModelConfig, folder: Path) -> None:
    """Refuse a checkpoint of another model.

    Raises:
        InputError: it is one.
    """
    before = configs.from_json(ModelConfig, facts["model"], str(folder))
    if before != model:
        raise InputError(
            f"{folder}: holds a model of preset {before.preset}, not {model.preset}; give the "
            f"preset that the run began with."
        )


def load_adversary(objective: Objective, state: dict[str, Any]) -> None:
    """Go on with the discriminator of an earlier stage where it judges the same persons."""
    prefix = "adversary."
    before = {
        key.removeprefix(prefix): value
        for key, value in state["objective"].items()
        if key.startswith(prefix)
    }
    adversary = objective.adversary
    if adversary is None or not before:
        return
    mine = {key: value.shape for key, value in adversary.state_dict().items()}
    if {key: value.shape for key, value in before.items()} == mine:
        adversary.load_state_dict(before)
