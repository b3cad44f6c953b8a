"""Checkpoints: everything that a run needs to go on exactly where it stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from pdfgc.errors import InputError
from pdfgc.files import writing

_STATE, _FACTS = "state.pt", "state.json"


def save_checkpoint(folder: Path, state: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write the newest checkpoint of a stage, replacing the one before.

    Args:
        folder: the stage's folder in the run.
        state: tensors and plain values (weights, averages, optimisers).
        facts: what a person wants to read: configuration, step, data hash, versions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with writing(folder / _STATE) as partial:
        torch.save({"state": state, "facts": json.dumps(facts)}, partial)
    with writing(folder / _FACTS) as partial:
        partial.write_text(json.dumps(facts, indent=1))


def load_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Read the newest checkpoint of a stage; nothing where there is none.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / _STATE
    if not path.is_file():
        return None
    try:
        # Only tensors and plain values are read: no code is run.
        saved = torch.load(path, map_location="cpu", weights_only=True)
        return saved["state"], json.loads(saved["facts"])
    except (RuntimeError, KeyError, EOFError, OSError) as error:
        raise InputError(
            f"{path}: is no readable checkpoint ({error}); delete it to begin the stage anew."
        ) from error


def clear_partial(folder: Path) -> None:
    """Remove what a killed process was just writing."""
    for left in folder.glob(".*.partial*"):
        left.unlink(missing_ok=True)
