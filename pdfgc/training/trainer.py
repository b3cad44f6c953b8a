"""The one training loop."""

from __future__ import annotations

import copy
import math
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import pdfgc.config as configs
from pdfgc.config import ModelConfig, TrainConfig
from pdfgc.errors import InputError
from pdfgc.model import TalkingHead, build_model
from pdfgc.training.batches import Batch, Sampler
from pdfgc.training.checkpoint import load_checkpoint, save_checkpoint
from pdfgc.training.clips import load_clips
from pdfgc.training.journal import Journal
from pdfgc.training.objectives import Objective, Outcome
from pdfgc.training.stages import STAGES, Stage, find_stage, freeze_all_but
from pdfgc.weights import save_model

if TYPE_CHECKING:
    from lightning.fabric import Fabric

DECODE_MARGIN = 1.25
"""Decoded frames are this much larger than the pictures, so that jittered crops stay sharp."""


def train(
    stage: str,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    model: ModelConfig,
    config: TrainConfig | None = None,
    *,
    device: str = "auto",
    report: Callable[[int, int, dict[str, float]], None] | None = None,
) -> Path:
    """Run one stage, or go on with it where it stopped.

    Args:
        stage: name of a row of `STAGES`.
        data: folder that `pdfgc pack` made.
        out: folder of the run; every stage has a folder of its own in it.
        model: what is trained; must be that of the stages before.
        config: how the stage is run; its row's defaults where not given.
        device: `auto`, `cpu`, `cuda` or `mps`.
        report: called with step, steps and scalars every `log_every` steps.

    Returns:
        The stage's folder.

    Raises:
        InputError: the data or the stage before is missing, or a checkpoint is of another model.
        FloatingPointError: a loss is not finite; the last checkpoint is kept.
    """
    from lightning.fabric import Fabric

    row = find_stage(stage)
    if model.official is not None:
        raise InputError(
            f"The networks of preset {model.preset} are imported, not trained; choose another "
            "preset."
        )
    config = config or row.defaults
    accelerator = "gpu" if device == "cuda" else device
    fabric = Fabric(accelerator=accelerator, devices=1, precision=config.precision)
    run = Run(row, Path(data), Path(out), model, config, fabric)
    run.fit(report)
    return run.folder


class Run:
    """One stage's run: what it trains, where it stands, and how it goes on.

    Args:
        stage: the stage's row.
        data: folder of the pack.
        out: folder of all stages.
        model: what is trained.
        config: how.
        fabric: device and precision.
    """

    def __init__(
        self,
        stage: Stage,
        data: Path,
        out: Path,
        model: ModelConfig,
        config: TrainConfig,
        fabric: Fabric,
    ) -> None:
        self.stage, self.config, self.fabric = stage, config, fabric
        self.folder = out / stage.name
        torch.manual_seed(config.seed)
        bank = load_clips(data, round(model.generator.image_size * DECODE_MARGIN), model.audio)
        self.sampler = Sampler(
            bank,
            model.generator.image_size,
            seed=config.seed,
            rank=fabric.global_rank,
            person_cap=config.person_cap,
        )
        self.model = build_model(model)
        saved = load_checkpoint(self.folder)
        inherited = None if saved else self._inherit(out, model)
        self.objective = stage.objective(self.model, self.sampler, config)
        if inherited and self.objective.adversary is not None:
            _load_adversary(self.objective, inherited)
        self.model.to(fabric.device)
        self.objective.to(fabric.device)
        self.parameters = freeze_all_but(self.model, stage.trains)
        self.players = self._players()
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.step = 0
        if saved:
            self._resume(*saved, model)

    def _players(self) -> list[torch.optim.Optimizer]:
        """The optimisers of the model and, where there is one, of its adversary."""
        adversary = self.objective.adversary
        against = set() if adversary is None else set(adversary.parameters())
        extra = [p for p in self.objective.parameters() if p not in against]
        rate = self.config.learning_rate
        players: list[torch.optim.Optimizer] = [
            torch.optim.Adam(self.parameters + extra, lr=rate, betas=(0.5, 0.99))
        ]
        if adversary is not None:
            rate = self.config.adversary_learning_rate
            players.append(torch.optim.Adam(adversary.parameters(), lr=rate, betas=(0.5, 0.99)))
        return players

    def _inherit(self, out: Path, model: ModelConfig) -> dict[str, Any] | None:
        """Start from the averaged weights of the stage before."""
        latest: dict[str, Any] | None = None
        for name in self.stage.starts_from:
            found = load_checkpoint(out / name)
            if found is None:
                raise InputError(
                    f"{out / name}: stage {self.stage.name} starts from stage {name}, which has "
                    f"no checkpoint there; run pdfgc train {name} first."
                )
            state, facts = found
            _check_model(facts, model, out / name)
            if not facts["done"]:
                raise InputError(
                    f"{out / name}: stage {name} stopped at step {facts['step']} of "
                    f"{facts['train']['steps']}; finish it before stage {self.stage.name}."
                )
            self.model.load_state_dict(state["average"])
            latest = state
        return latest

    def _resume(self, state: dict[str, Any], facts: dict[str, Any], model: ModelConfig) -> None:
        _check_model(facts, model, self.folder)
        if facts["data"] != self.sampler.bank.digest:
            raise InputError(
                f"{self.folder}: was trained on another pack ({facts['data']}, now "
                f"{self.sampler.bank.digest}); give the same --data or another --out."
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.objective.load_state_dict(state["objective"])
        for player, saved in zip(self.players, state["optimisers"], strict=True):
            player.load_state_dict(saved)
        torch.set_rng_state(state["rng"])
        self.step = int(facts["step"])

    def fit(self, report: Callable[[int, int, dict[str, float]], None] | None = None) -> None:
        """Train to the last step."""
        if self.step >= self.config.steps:
            return
        self.objective.prepare()
        journal = Journal(self.folder, self.step)
        began = time.perf_counter()
        for batch in self._batches():
            self._set_rates()
            outcome, scalars = self._advance(batch)
            self._follow()
            self.step += 1
            # Once in a while: scalars, pictures, a checkpoint.
            if self.step % self.config.log_every == 0 or self.step == 1:
                seconds = time.perf_counter() - began
                began = time.perf_counter()
                shown = {name: float(value) for name, value in scalars.items()}
                shown["seconds"] = seconds
                self._guard(shown)
                journal.scalars(self.step, shown)
                if report:
                    report(self.step, self.config.steps, shown)
            if self.step % self.config.sample_every == 0 and outcome.columns:
                journal.pictures(self.step, outcome.columns)
            if self.step % self.config.checkpoint_every == 0 or self.step == self.config.steps:
                self._save()
        journal.close()

    def _batches(self) -> Iterator[Batch]:
        """Batches from the present step on, drawn by a thread while the model works."""
        queue: Queue[Batch | BaseException] = Queue(maxsize=3)
        stop = threading.Event()

        def draw() -> None:
            try:
                for step in range(self.step, self.config.steps):
                    if stop.is_set():
                        return
                    queue.put(self.objective.draw(step, self.config.batch_size))
            except BaseException as error:  # noqa: BLE001 - handed to the loop, raised there
                queue.put(error)

        threading.Thread(target=draw, daemon=True).start()
        try:
            for _ in range(self.step, self.config.steps):
                drawn = queue.get()
                if isinstance(drawn, BaseException):
                    raise drawn
                yield drawn.to(self.fabric.device)
        finally:
            stop.set()

    def _set_rates(self) -> None:
        """Linear warm-up, then cosine down to the final rate."""
        config = self.config
        warm = min(1.0, (self.step + 1) / max(1, config.warmup_steps))
        share = self.step / config.steps
        low = config.final_learning_rate
        fall = low + (1 - low) * (1 + math.cos(math.pi * share)) / 2
        peaks = (config.learning_rate, config.adversary_learning_rate)
        for player, peak in zip(self.players, peaks, strict=False):
            for group in player.param_groups:
                group["lr"] = peak * warm * fall

    def _advance(self, batch: Batch) -> tuple[Outcome, dict[str, Tensor]]:
        """One step of the model, then one of its adversary."""
        adversary = self.objective.adversary
        adversarial = adversary is not None and self.step >= self.config.adversary_start
        if adversary is not None:
            adversary.requires_grad_(False)
        with self.fabric.autocast():
            outcome: Outcome = self.objective(batch, adversarial=adversarial)
        total = torch.stack([self._weight(n) * v.float() for n, v in outcome.losses.items()]).sum()
        scalars = {"loss": total.detach()}
        scalars |= {name: value.detach() for name, value in outcome.losses.items()}
        scalars |= outcome.scalars
        self._descend(self.players[0], total)
        made = outcome.pictures
        if adversarial and adversary is not None and made is not None:
            adversary.requires_grad_(True)
            with self.fabric.autocast():
                loss = adversary.for_discriminator(made.target, made.image, made.person)
            self._descend(self.players[1], loss)
            scalars["discriminator"] = loss.detach()
        return outcome, scalars

    def _weight(self, loss: str) -> float:
        if loss not in self.stage.weights:
            raise KeyError(f"stage {self.stage.name} has no weight for the loss {loss!r}")
        return self.stage.weights[loss]

    def _descend(self, player: torch.optim.Optimizer, loss: Tensor) -> None:
        player.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        learning = [p for group in player.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(learning, self.config.clip_norm)
        player.step()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights; early on they follow more closely."""
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        mine, theirs = self.average.state_dict(), self.model.state_dict()
        for name, value in mine.items():
            if value.is_floating_point():
                value.lerp_(theirs[name], 1 - decay)
            else:
                value.copy_(theirs[name])

    def _guard(self, scalars: dict[str, float]) -> None:
        bad = [name for name, value in scalars.items() if not math.isfinite(value)]
        if bad:
            raise FloatingPointError(
                f"stage {self.stage.name}, step {self.step}: {', '.join(bad)} is not finite; the "
                f"checkpoint before it is kept in {self.folder}; lower the learning rate."
            )

    def _save(self) -> None:
        done = self.step >= self.config.steps
        if done:
            self.objective.finish(self.average)
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "objective": self.objective.state_dict(),
            "optimisers": [player.state_dict() for player in self.players],
            "rng": torch.get_rng_state(),
        }
        facts = {
            "stage": self.stage.name,
            "step": self.step,
            "done": done,
            "data": self.sampler.bank.digest,
            "clips": len(self.sampler.bank.clips),
            "persons": len(self.sampler.numbers),
            "model": configs.to_json(self.model.config),
            "train": configs.to_json(self.config),
            "weights": dict(self.stage.weights),
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
        save_checkpoint(self.folder, state, facts)
        if done:
            save_model(self.average, self.folder / "weights.safetensors", facts)


def _check_model(facts: dict[str, Any], model: ModelConfig, folder: Path) -> None:
    before = configs.from_json(ModelConfig, facts["model"], str(folder))
    if before != model:
        raise InputError(
            f"{folder}: holds a model of preset {before.preset}, not {model.preset}; give the "
            f"preset that the run began with."
        )


def _load_adversary(objective: Objective, state: dict[str, Any]) -> None:
    """Go on with the discriminator of an earlier stage where it judges the same persons."""
    prefix = "adversary."
    before = {
        key.removeprefix(prefix): value
        for key, value in state["objective"].items()
        if key.startswith(prefix)
    }
    adversary = objective.adversary
    if adversary is not None and before:
        fits = {k: v.shape for k, v in before.items()} == {
            k: v.shape for k, v in adversary.state_dict().items()
        }
        if fits:
            adversary.load_state_dict(before)


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


def train_all(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    model: ModelConfig,
    runs: dict[str, TrainConfig] | None = None,
    *,
    device: str = "auto",
    report: Callable[[str, int, int, dict[str, float]], None] | None = None,
) -> None:
    """Run all stages in order, going on where they stopped.

    Args:
        data: folder that `pdfgc pack` made.
        out: folder of the run.
        model: what is trained.
        runs: how a stage is run, by its name, where it differs from its row.
        device: `auto`, `cpu`, `cuda` or `mps`.
        report: called with stage, step, steps and scalars.
    """
    for name, stage in STAGES.items():
        config = (runs or {}).get(name, stage.defaults)

        def tell(step: int, steps: int, scalars: dict[str, float], name: str = name) -> None:
            if report:
                report(name, step, steps, scalars)

        train(name, data, out, model, replace(config), device=device, report=tell)
