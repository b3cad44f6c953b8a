"""What a run would do, before it does it: parts, losses, arithmetic and time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from pdfgc.config import ModelConfig, TrainConfig
from pdfgc.model import build_model
from pdfgc.training.checkpoint import load_checkpoint
from pdfgc.training.clips import ClipBank, load_clips
from pdfgc.training.run import DECODE_MARGIN
from pdfgc.training.sampler import Sampler
from pdfgc.training.stages import STAGES, Stage, find_stage, freeze_all_but

_CLIPS = 6
"""Clips that a trial takes: enough for pairs of eyes and negatives, few enough to be quick."""


@dataclass(frozen=True)
class Trial:
    """Steps that were taken on trial, on this machine.

    Attributes:
        gflops_per_sample: forwards and backwards of all players, 2 x multiply-adds.
        seconds_per_step: of a whole batch, drawing it included, with nothing drawn ahead.
        drawing: share of that in drawing.
    """

    gflops_per_sample: float
    seconds_per_step: float
    drawing: float


@dataclass(frozen=True)
class Plan:
    """What a stage would train.

    Attributes:
        stage: its name.
        trains: part to the number of its parameters that learn.
        starts_from: stage to where it stands: `done`, `step N of M` or `missing`.
        weights: loss to its weight.
        config: how it would be run.
        begun: steps that are done already.
        samples: samples that the remaining steps see.
        clips: clips in the pack.
        persons: persons in the pack.
        hours_of_video: in the pack.
        trial: what a few steps cost; nothing where they cannot be tried.
        why_no_trial: the reason, else empty.
    """

    stage: str
    trains: dict[str, int]
    starts_from: dict[str, str]
    weights: dict[str, float]
    config: TrainConfig
    begun: int
    samples: int
    clips: int
    persons: int
    hours_of_video: float
    trial: Trial | None
    why_no_trial: str

    @property
    def hours(self) -> float | None:
        """Time that the remaining steps take on this machine, if each takes as long as on trial."""
        if self.trial is None:
            return None
        return (self.config.steps - self.begun) * self.trial.seconds_per_step / 3600


def plan(
    stage: str, data: Path, out: Path, model: ModelConfig, config: TrainConfig, *, device: str
) -> Plan:
    """Look at what there is and take a few steps on trial; nothing is written but the pack's cache.

    Args:
        stage: name of the stage.
        data: the pack.
        out: folder of the run, which need not exist.
        model: what would be trained.
        config: how.
        device: torch device of the trial.

    Raises:
        InputError: there is no such stage, or no pack.
    """
    row = find_stage(stage)
    bank = load_clips(data, round(model.generator.image_size * DECODE_MARGIN), model.audio)
    fresh = build_model(model)
    learning = freeze_all_but(fresh, row.trains)
    known = {id(parameter) for parameter in learning}
    trains = {
        part: sum(p.numel() for p in fresh.get_submodule(part).parameters() if id(p) in known)
        for part in row.trains
    }
    objective = row.objective(fresh, Sampler(bank, model.generator.image_size, seed=0), config)
    own = sum(p.numel() for p in objective.parameters())
    if objective.adversary is not None:
        own -= sum(p.numel() for p in objective.adversary.parameters())
    if own:
        trains["the stage's own"] = own
    saved = load_checkpoint(out / stage)
    begun = int(saved[1]["step"]) if saved else 0
    trial, why = None, ""
    try:
        trial = _try(row, bank, model, config, torch.device(device))
    except ValueError as error:  # a sampler that finds nothing to draw in these clips
        why = str(error)
    return Plan(
        stage=stage,
        trains=trains,
        starts_from={name: _standing(out / name) for name in row.starts_from},
        weights=dict(row.weights),
        config=config,
        begun=begun,
        samples=(config.steps - begun) * config.batch_size,
        clips=len(bank.clips),
        persons=len(bank.persons),
        hours_of_video=len(bank.frames) / bank.audio.fps / 3600,
        trial=trial,
        why_no_trial=why,
    )


def _standing(folder: Path) -> str:
    found = load_checkpoint(folder)
    if found is None:
        return "missing"
    facts = found[1]
    return "done" if facts["done"] else f"step {facts['step']} of {facts['train']['steps']}"


def _try(
    row: Stage, bank: ClipBank, model: ModelConfig, config: TrainConfig, device: torch.device
) -> Trial:
    """Steps with random weights: the arithmetic is the same as with learned ones."""
    with _few(bank) as few:
        sampler = Sampler(few, model.generator.image_size, seed=0, person_cap=1.0)
        network = build_model(model)
        # Past all beginnings: the step that is taken most often.
        steady = replace(config, trunk_steps=0, adversary_start=0)
        objective = row.objective(network, sampler, steady).to(device)
        network.to(device)
        freeze_all_but(network, row.trains)
        objective.prepare()
        seconds = drawing = flops = 0.0
        steps = (1, 2, 4)
        for step in steps:
            began = time.perf_counter()
            batch = objective.draw(step, config.batch_size).to(device)
            drawn = time.perf_counter()
            with FlopCounterMode(display=False) as counter:
                outcome = objective(batch, adversarial=objective.adversary is not None)
                torch.stack([value.float() for value in outcome.losses.values()]).sum().backward()  # type: ignore[no-untyped-call]
                adversary, made = objective.adversary, outcome.pictures
                if adversary is not None and made is not None:
                    adversary.for_discriminator(made.target, made.image, made.person).backward()  # type: ignore[no-untyped-call]
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds += time.perf_counter() - began
            drawing += drawn - began
            flops += counter.get_total_flops()
    samples = config.batch_size * len(steps)
    return Trial(flops / samples / 1e9, seconds / len(steps), drawing / seconds)


@contextmanager
def _few(bank: ClipBank) -> Iterator[ClipBank]:
    """The pack's first clips, preferably such that speak, with a folder that vanishes."""
    speaking = set(bank.speaking())
    ranked = sorted(bank.clips, key=lambda clip: (clip not in speaking, clip.start))
    chosen = sorted(ranked[:_CLIPS], key=lambda clip: clip.start)
    end = max(clip.start + clip.length for clip in chosen)
    rows = {
        name: getattr(bank, name)[:end]
        for name in ("frames", "landmarks", "pose", "gaze", "openness", "mouth", "confidence")
    }
    with tempfile.TemporaryDirectory() as folder:
        yield replace(bank, clips=tuple(chosen), folder=Path(folder), **rows)


def as_text(planned: Plan) -> str:
    """A plan as lines."""
    config, trial = planned.config, planned.trial
    total = sum(planned.trains.values())
    parts = ", ".join(f"{name} {count:,}" for name, count in planned.trains.items())
    lines = [
        f"stage {planned.stage}",
        f"  trains  {parts}: {total:,} parameters",
        "  from    "
        + (", ".join(f"{k} ({v})" for k, v in planned.starts_from.items()) or "random weights"),
        f"  data    {planned.clips} clips of {planned.persons} persons, "
        f"{planned.hours_of_video:.2f} h",
        "  losses  " + ", ".join(f"{name} {w:g}" for name, w in planned.weights.items()),
        f"  steps   {config.steps:,} of {config.batch_size} samples, {planned.begun:,} done: "
        f"{planned.samples:,} samples to go",
    ]
    if trial is None or planned.hours is None:
        lines.append(f"  costs   not tried: {planned.why_no_trial}")
    else:
        lines.append(
            f"  costs   {trial.gflops_per_sample:.2f} GFLOPs per sample, "
            f"{trial.seconds_per_step:.2f} s per step here ({trial.drawing:.0%} drawing): "
            f"{planned.hours:.2f} h"
        )
    return "\n".join(lines)


def names_of(stage: str, driver: str) -> list[str]:
    """The stage, or for `all` those that a generator of this driver goes through."""
    if stage != "all":
        return [find_stage(stage).name]
    return [row.name for row in STAGES.values() if getattr(row, "driver", "codes") == driver]
