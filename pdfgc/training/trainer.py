"""Training from the outside: one stage, or all of them, and what they left."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pdfgc.config as configs
from pdfgc.config import ModelConfig, TrainConfig
from pdfgc.errors import InputError
from pdfgc.files import check_folder
from pdfgc.model import TalkingHead, build_model
from pdfgc.training import ranks
from pdfgc.training.checkpoint import load_checkpoint
from pdfgc.training.run import Report, Run
from pdfgc.training.stages import STAGES, find_stage


def train(
    stage: str,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    model: ModelConfig,
    config: TrainConfig | None = None,
    *,
    device: str = "auto",
    processes: int = 1,
    machines: int = 1,
    report: Report | None = None,
) -> Path:
    """Run one stage, or go on with it where it stopped.

    A batch is shared by all processes: losses and gradients are those of one process with the same
    `parts` (see `pdfgc.training.ranks`). Under torchrun give its numbers; otherwise further
    processes are started here, as copies of this program.

    Args:
        stage: name of a row of `STAGES`.
        data: folder that `pdfgc pack` made.
        out: folder of the run; every stage has a folder of its own in it.
        model: what is trained; must be that of the stages before.
        config: how the stage is run; its row's defaults where not given.
        device: `auto`, `cpu`, `cuda` or `mps`.
        processes: processes on this machine, one device each; on the CPU they share its cores.
        machines: machines, each with as many processes.
        report: called with step, steps and scalars every `log_every` steps, on the first process.

    Returns:
        The stage's folder.

    Raises:
        InputError: the data or the stage before is missing, a checkpoint is of another model, or
            the processes do not divide the batch.
        FloatingPointError: a loss is not finite; the last checkpoint is kept.
    """
    from lightning.fabric import Fabric

    row = find_stage(stage)
    if model.official is not None:
        raise InputError(
            f"The networks of preset {model.preset} are imported, not trained; choose another "
            "preset."
        )
    if row.driver != model.generator.driver:
        fitting = [each.name for each in STAGES.values() if each.driver == model.generator.driver]
        raise InputError(
            f"Stage {stage} is for generators driven by {row.driver}, preset {model.preset} is "
            f"driven by {model.generator.driver}; its stages are {', '.join(fitting)}."
        )
    for name, value in (("processes", processes), ("machines", machines)):
        if value < 1:
            raise InputError(f"{name} is {value}; give at least 1.")
    config = config or row.defaults
    check_folder(Path(out) / stage)
    several = processes * machines > 1
    fabric = Fabric(
        accelerator="gpu" if device == "cuda" else device,
        devices=processes,
        num_nodes=machines,
        strategy="ddp" if several else "auto",
        precision=config.precision,
    )
    if several and ranks.world() == 1:
        fabric.launch()
    run = Run(row, Path(data), Path(out), model, config, fabric)
    run.fit(report)
    return run.folder


def train_all(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    model: ModelConfig,
    runs: Mapping[str, TrainConfig] | None = None,
    *,
    device: str = "auto",
    processes: int = 1,
    machines: int = 1,
    report: Callable[[str, int, int, dict[str, float]], None] | None = None,
) -> None:
    """Run all stages in order, going on where they stopped; a finished stage is passed over.

    Args:
        data: folder that `pdfgc pack` made.
        out: folder of the run.
        model: what is trained.
        runs: which stages are run and how, by name; by default all of them as their rows say.
        device: `auto`, `cpu`, `cuda` or `mps`.
        processes: as for `train`.
        machines: as for `train`.
        report: called with stage, step, steps and scalars.
    """
    for name, stage in STAGES.items():
        if stage.driver != model.generator.driver or (runs is not None and name not in runs):
            continue
        config = stage.defaults if runs is None else runs[name]

        def tell(step: int, steps: int, scalars: dict[str, float], name: str = name) -> None:
            if report:
                report(name, step, steps, scalars)

        train(
            name,
            data,
            out,
            model,
            replace(config),
            device=device,
            processes=processes,
            machines=machines,
            report=tell,
        )


def trained_model(out: str | os.PathLike[str], stage: str) -> tuple[TalkingHead, dict[str, Any]]:
    """The averaged model of a stage of a run and the facts of its checkpoint.

    Args:
        out: folder of the run.
        stage: name of the stage.

    Raises:
        InputError: there is no checkpoint.
    """
    find_stage(stage)
    found = load_checkpoint(Path(out) / stage)
    if found is None:
        raise InputError(f"{Path(out) / stage}: holds no checkpoint; train the stage first.")
    state, facts = found
    model = build_model(configs.from_json(ModelConfig, facts["model"], str(out)))
    model.load_state_dict(state["average"])
    return model.eval().requires_grad_(False), facts
