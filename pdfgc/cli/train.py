"""`pdfgc train`."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pdfgc.cli.options import Device, Json, Out
from pdfgc.cli.parsing import preset_of
from pdfgc.cli.printing import tell
from pdfgc.cli.progress import bars
from pdfgc.errors import InputError

if TYPE_CHECKING:
    from pdfgc.config import ModelConfig, TrainConfig


def train(
    stage: str,
    /,
    *,
    data: Path,
    out: Out,
    preset: str = "fast",
    settings: Path | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    device: Device = "auto",
    processes: int = 1,
    machines: int = 1,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    as_json: Json = False,
) -> None:
    """Run one stage of training, or all of them, and go on where they stopped.

    The stages are teachers, appearance, lip, eye, pose and expression, in this order; teachers may
    be left out. What a finished stage leaves is also written as OUT/STAGE/weights.safetensors.

    Args:
        stage: name of the stage, or all.
        data: folder that pdfgc pack made.
        out: folder of the run, the same for all stages.
        preset: the model.
        settings: TOML or JSON file with any setting of training; those at its top hold for all
            stages, those in a table named like a stage for that one. The options below win.
        steps: optimizer steps, by default those of the stage, like all below.
        batch_size: samples per step, over all processes.
        learning_rate: its peak.
        seed: of initialisation, sampling and augmentation.
        device: where to train.
        processes: processes on this machine, one device each; they share every batch.
        machines: machines with as many processes each; start the command by torchrun there.
        dry_run: say what would train, from what, with which losses and for how long; train nothing.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.training.plan import names_of
    from pdfgc.training.settings import read_settings, settled

    given = {
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    model = preset_of(preset)
    names = names_of(stage, model.generator.driver)
    written = read_settings(settings) if settings else {}
    runs = {name: settled(name, written.get(name, {}), changes) for name in names}
    if dry_run:
        _plan(data, out, model, runs, device, as_json=as_json)
        return
    _run(data, out, model, runs, device, processes, machines, as_json=as_json)


def _run(
    data: Path,
    out: Path,
    model: ModelConfig,
    runs: dict[str, TrainConfig],
    device: Device,
    processes: int,
    machines: int,
    *,
    as_json: bool,
) -> None:
    from pdfgc.training.ranks import rank
    from pdfgc.training.trainer import train as run_stage

    finished: list[dict[str, Any]] = []
    with bars() as progress:
        for name, config in runs.items():
            last: dict[str, float] = {}

            def report(
                step: int,
                total: int,
                scalars: dict[str, float],
                name: str = name,
                last: dict[str, float] = last,
            ) -> None:
                last.update(scalars)
                if progress:
                    progress(f"{name}: loss {scalars.get('loss', math.nan):.3f}", step, total)

            try:
                folder = run_stage(
                    name,
                    data,
                    out,
                    model,
                    config,
                    device=device,
                    processes=processes,
                    machines=machines,
                    report=report,
                )
            except FloatingPointError as error:
                raise InputError(str(error)) from error
            finished.append(
                {
                    "stage": name,
                    "out": str(folder),
                    "weights": str(folder / "weights.safetensors"),
                    "steps": config.steps,
                    "scalars": last,
                }
            )
    if rank() > 0:
        return
    text = "\n".join(
        f"{done['out']}: stage {done['stage']} after {done['steps']} steps" for done in finished
    )
    tell(finished[0] if len(finished) == 1 else {"stages": finished}, text, as_json=as_json)


def _plan(
    data: Path,
    out: Path,
    model: ModelConfig,
    runs: dict[str, TrainConfig],
    device: Device,
    *,
    as_json: bool,
) -> None:
    from pdfgc.training.plan import as_text, plan
    from pdfgc.weights import find_device

    plans = [
        plan(name, data, out, model, config, device=str(find_device(device)))
        for name, config in runs.items()
    ]
    facts = [asdict(each) | {"hours": each.hours} for each in plans]
    hours = [each.hours for each in plans]
    text = "\n".join(as_text(each) for each in plans)
    if len(plans) > 1 and all(each is not None for each in hours):
        text += f"\nall stages: {sum(each or 0.0 for each in hours):.2f} h"
    tell({"stages": facts}, text, as_json=as_json)
