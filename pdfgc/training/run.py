"""One stage's run: the one training loop."""

from __future__ import annotations

import copy
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import pdfgc.config as configs
from pdfgc.config import ModelConfig, TrainConfig
from pdfgc.errors import InputError
from pdfgc.model import build_model
from pdfgc.training import ranks
from pdfgc.training.alarm import ChanceAlarm
from pdfgc.training.average import follow
from pdfgc.training.batches import Batch
from pdfgc.training.checkpoint import clear_partial, load_checkpoint, save_checkpoint
from pdfgc.training.clips import load_clips
from pdfgc.training.descent import NotFinite, Player
from pdfgc.training.drawing import Drawing, joined, parts_of
from pdfgc.training.forerunners import check_model, inherited, load_adversary
from pdfgc.training.journal import Journal
from pdfgc.training.objectives import Outcome
from pdfgc.training.rates import share_of_peak
from pdfgc.training.sampler import Sampler
from pdfgc.training.stages import Stage, freeze_all_but
from pdfgc.training.teaching import teachers_of
from pdfgc.weights import save_model

if TYPE_CHECKING:
    from lightning.fabric import Fabric

DECODE_MARGIN = 1.25
"""Decoded frames are this much larger than the pictures, so that jittered crops stay sharp."""

Report = Callable[[int, int, dict[str, float]], None]


class Run:
    """One stage's run: what it trains, where it stands, and how it goes on.

    Args:
        stage: the stage's row.
        data: folder of the pack.
        out: folder of all stages.
        model: what is trained.
        config: how.
        fabric: device, precision and processes, launched.
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
        with ranks.first_process_first():
            side = round(model.generator.image_size * DECODE_MARGIN)
            bank = load_clips(data, side, model.audio)
        self.sampler = Sampler(
            bank, model.generator.image_size, seed=config.seed, person_cap=config.person_cap
        )
        self.model = build_model(model)
        saved = load_checkpoint(self.folder)
        before = None if saved else inherited(stage, out, model)
        if before:
            self.model.load_state_dict(before["average"])
        self.objective = stage.objective(self.model, self.sampler, config)
        self.objective.teachers = teachers_of(out, config)
        if before:
            load_adversary(self.objective, before)
        if ranks.world() > 1:
            ranks.share_batch_norms(self.model)
            ranks.share_batch_norms(self.objective)
        self.model.to(fabric.device)
        self.objective.to(fabric.device)
        self.players = self._players()
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.step = 0
        # Drawn in as many parts as the run began with, its batches stay the same ones.
        begun = int(saved[1].get("parts", 1)) if saved else 1
        self.parts = math.lcm(begun, config.parts, ranks.world())
        if config.batch_size % self.parts:
            raise InputError(
                f"A batch of {config.batch_size} cannot be drawn in {self.parts} parts on "
                f"{ranks.world()} processes; give a --batch-size that is a multiple of "
                f"{self.parts}."
            )
        if saved:
            self._resume(*saved, model)

    def _players(self) -> list[Player]:
        """The optimisers of the model and, where there is one, of its adversary."""
        config, adversary = self.config, self.objective.adversary
        against = set() if adversary is None else set(adversary.parameters())
        extra = [p for p in self.objective.parameters() if p not in against]
        learning = freeze_all_but(self.model, self.stage.trains) + extra
        sides = [(learning, config.learning_rate)]
        if adversary is not None:
            sides.append((list(adversary.parameters()), config.adversary_learning_rate))
        return [
            Player(parameters, peak_rate=rate, clip_norm=config.clip_norm, fabric=self.fabric)
            for parameters, rate in sides
        ]

    def _resume(self, state: dict[str, Any], facts: dict[str, Any], model: ModelConfig) -> None:
        check_model(facts, model, self.folder)
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

    def fit(self, report: Report | None = None) -> None:
        """Train to the last step.

        Raises:
            FloatingPointError: a loss is not finite; the last checkpoint is kept.
        """
        if self.step >= self.config.steps:
            return
        with ranks.first_process_first():
            self.objective.prepare()
        leads = ranks.rank() == 0
        if leads:
            clear_partial(self.folder)
        journal = Journal(self.folder, self.step) if leads else None
        alarm = ChanceAlarm(after=self.config.alarm_after, gain=self.config.alarm_gain)
        drawing = Drawing(self.draw, range(self.step, self.config.steps))
        began = time.perf_counter()
        for batch in drawing:
            outcome, scalars = self.advance(batch.to(self.fabric.device))
            self.step += 1
            follow(self.average, self.model, decay=self.config.ema_decay, step=self.step - 1)
            # Once in a while: scalars, pictures, a checkpoint.
            if self.step % self.config.log_every == 0 or self.step == 1:
                shown = {name: float(ranks.shared_mean(value)) for name, value in scalars.items()}
                shown["seconds"] = time.perf_counter() - began
                shown["waiting"] = drawing.waited_s / max(shown["seconds"], 1e-9)
                began, drawing.waited_s = time.perf_counter(), 0.0
                shown |= alarm.check(self.step, shown)
                if journal:
                    journal.scalars(self.step, shown)
                if report and leads:
                    report(self.step, self.config.steps, shown)
            if self.step % self.config.sample_every == 0 and outcome.columns and journal:
                journal.pictures(self.step, outcome.columns)
            if self.step % self.config.checkpoint_every == 0 or self.step == self.config.steps:
                with ranks.first_process_first():
                    if leads:
                        self.save()
        if journal:
            journal.close()

    def draw(self, step: int) -> Batch:
        """This process's parts of the batch of a step."""
        mine, size = parts_of(self.parts, self.config.batch_size, ranks.rank(), ranks.world())
        return joined([self._part(step, part, size) for part in mine])

    def _part(self, step: int, part: int, size: int) -> Batch:
        self.sampler.rank = part
        try:
            return self.objective.draw(step, size)
        finally:
            self.sampler.rank = 0

    def advance(self, batch: Batch) -> tuple[Outcome, dict[str, Tensor]]:
        """One step of the model, then one of its adversary."""
        for player in self.players:
            player.set_rate(share_of_peak(self.config, self.step))
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
        self._descend(self.players[0], total, scalars)
        made = outcome.pictures
        if adversarial and adversary is not None and made is not None:
            adversary.requires_grad_(True)
            for _ in range(self.config.adversary_steps):
                with self.fabric.autocast():
                    loss = adversary.for_discriminator(made.target, made.image, made.person)
                scalars["discriminator"] = loss.detach()
                self._descend(self.players[1], loss, scalars)
        return outcome, scalars

    def _weight(self, loss: str) -> float:
        if loss not in self.stage.weights:
            raise KeyError(f"stage {self.stage.name} has no weight for the loss {loss!r}")
        return self.stage.weights[loss]

    def _descend(self, player: Player, loss: Tensor, scalars: dict[str, Tensor]) -> None:
        try:
            player.descend(loss)
        except NotFinite:
            bad = [name for name, value in scalars.items() if not torch.isfinite(value).all()]
            kept = (
                f"the checkpoint before it is kept in {self.folder}"
                if (self.folder / "state.pt").is_file()
                else "there is no checkpoint before it"
            )
            raise FloatingPointError(
                f"stage {self.stage.name}, step {self.step + 1}: "
                f"{', '.join(bad) or 'the gradient'} is not finite; {kept}; "
                f"lower the learning rate."
            ) from None

    def save(self) -> None:
        """Write the checkpoint of this step; after the last one also the finished weights."""
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
            "parts": self.parts,
            "processes": ranks.world(),
            "model": configs.to_json(self.model.config),
            "train": configs.to_json(self.config),
            "weights": dict(self.stage.weights),
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
        if done:
            # First what is left: a checkpoint that says "done" has it beside it.
            self.folder.mkdir(parents=True, exist_ok=True)
            self.objective.leave(self.folder)
            if self.stage.trains:
                save_model(self.average, self.folder / "weights.safetensors", facts)
        save_checkpoint(self.folder, state, facts)
