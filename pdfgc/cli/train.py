"""`pdfgc train`."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from pdfgc.cli.options import Device, Json, Out
from pdfgc.cli.parsing import preset_of
from pdfgc.cli.printing import tell
from pdfgc.cli.progress import bars
from pdfgc.errors import InputError


def train(
    stage: str,
    /,
    *,
    data: Path,
    out: Out,
    preset: str = "fast",
    steps: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Run one stage of training, or go on with it where it stopped.

    The stages are appearance, lip, eye, pose and expression, in this order. What a finished stage
    leaves is also written as OUT/STAGE/weights.safetensors.

    Args:
        stage: name of the stage.
        data: folder that pdfgc pack made.
        out: folder of the run, the same for all stages.
        preset: the model.
        steps: optimizer steps, by default those of the stage, like all below.
        batch_size: samples per step.
        learning_rate: its peak.
        seed: of initialisation, sampling and augmentation.
        device: where to train.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.training.stages import find_stage
    from pdfgc.training.trainer import train as run_stage

    given = {
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    row = find_stage(stage)
    try:
        config = replace(row.defaults, **changes)
    except ValueError as error:
        raise InputError(
            f"The training cannot be run so: {' '.join(str(error).split())}"
        ) from error
    last: dict[str, float] = {}
    with bars() as progress:

        def report(step: int, total: int, scalars: dict[str, float]) -> None:
            last.update(scalars)
            if progress:
                progress(f"{stage}: loss {scalars.get('loss', math.nan):.3f}", step, total)

        folder = run_stage(
            stage, data, out, preset_of(preset), config, device=device, report=report
        )
    path = folder / "weights.safetensors"
    tell(
        {"out": str(folder), "weights": str(path), "steps": config.steps, "scalars": last},
        f"{path}: stage {stage} after {config.steps} steps",
        as_json=as_json,
    )
