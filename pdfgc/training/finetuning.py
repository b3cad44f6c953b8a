"""Tuning a model to one person's images, stopped before it forgets how to move."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pdfgc.encoders import Appearance
from pdfgc.generator import Generated
from pdfgc.generator.critic import PersonCritic
from pdfgc.generator.fewshot import FewShotGenerator
from pdfgc.generator.marionette import MarionetteGenerator
from pdfgc.model import TalkingHead
from pdfgc.motion import EXPRESSION_WIDTH, EYE_WIDTH, POSE_WIDTH
from pdfgc.training.adversary import Adversary
from pdfgc.training.content import Teacher, content, own_teachers
from pdfgc.training.journal import grid
from pdfgc.training.losses import reconstruction

TunedReport = Callable[[int, int, dict[str, float]], None]
Preview = Callable[[int, NDArray[np.uint8]], None]

_EPOCHS = 40


@dataclass(frozen=True)
class Shots:
    """What is tuned on: pictures of one person, with the codes that each of them shows.

    Attributes:
        images: (N, 3, S, S) RGB in [-1, 1].
        codes: (N, D) joined codes.
        image: (N,) number of the image that each was cut from.
    """

    images: Tensor
    codes: Tensor
    image: tuple[int, ...]

    def without(self, image: int) -> Shots:
        """All that were not cut from one image."""
        rows = [n for n, each in enumerate(self.image) if each != image]
        return self._rows(rows)

    def only(self, image: int) -> Shots:
        """The first that was cut from one image."""
        return self._rows([self.image.index(image)])

    def _rows(self, rows: list[int]) -> Shots:
        return Shots(self.images[rows], self.codes[rows], tuple(self.image[r] for r in rows))


@dataclass(frozen=True)
class TuningPlan:
    """How a model is tuned.

    Attributes:
        steps: at most so many steps; None takes `budget` of the number of images.
        batch_size: pictures per step.
        learning_rate: of the generator.
        adversary_learning_rate: of the discriminator, where there is one.
        adversarial: whether the discriminator takes part (few-shot paper: without it, pictures
            are less sharp).
        adversary_steps: steps of the discriminator for each of the generator.
        check_every: steps between two looks at the held-out image.
        patience: looks without progress after which tuning ends.
        liveliness: share of its response to lips and lids that a generator must keep.
        seed: of chance.
    """

    steps: int | None = None
    batch_size: int = 4
    learning_rate: float = 1e-4
    adversary_learning_rate: float = 2e-4
    adversarial: bool = True
    adversary_steps: int = 2
    check_every: int = 10
    patience: int = 3
    liveliness: float = 0.7
    seed: int = 0

    @staticmethod
    def budget(images: int, batch_size: int) -> int:
        """40 passes over the images, as in the few-shot paper (section 4)."""
        return _EPOCHS * max(1, -(-images // batch_size))


@dataclass(frozen=True)
class TuningResult:
    """How tuning went.

    Attributes:
        steps: steps that were made.
        kept_step: the step whose weights were kept.
        reason: why it ended: `budget`, `held-out` or `liveliness`.
        error_before: L1 of the held-out image before (of the first image where there is none).
        error_after: the same with the weights that were kept.
        liveliness: response to lips and lids, over that before.
        seconds: wall time.
    """

    steps: int
    kept_step: int
    reason: str
    error_before: float
    error_after: float
    liveliness: float
    seconds: float


class Tuning:
    """One tuning of one model.

    What tells motion is frozen: encoders, the embedding of motion, and the flows. In the few-shot
    generator the embedding is projected once into free AdaIN parameters, and the discriminator
    begins at w' = w_0 + e; the match term is dropped (few-shot paper, section 3.3).

    Args:
        model: changed in place; a copy of the weights' own.
        sources: (1, K, 3, S, S) the avatar's source images.
        source_codes: (1, K, D) their codes.
        shots: what is learned.
        plan: how.
    """

    def __init__(
        self, model: TalkingHead, sources: Tensor, source_codes: Tensor, shots: Shots,
        plan: TuningPlan,
    ) -> None:  # fmt: skip
        self.model, self.source_codes, self.plan = model, source_codes, plan
        images = sorted(set(shots.image))
        # With three images and more, one is only looked at.
        self.held_out = images[len(images) // 2] if len(images) > 2 else None
        self.shots = shots if self.held_out is None else shots.without(self.held_out)
        self.judged = shots.only(images[0] if self.held_out is None else self.held_out)
        self.n_images = len(images)
        model.eval().requires_grad_(False)
        with torch.no_grad():
            self.look = self._look(sources)
        self.parameters = self._released()
        self.adversary = self._adversary()
        self.teachers: list[Teacher] = own_teachers()
        self.probes = _probes(model, shots.codes[:1], plan.seed)

    def _look(self, sources: Tensor) -> Appearance:
        if isinstance(self.model.generator, FewShotGenerator):
            # The embedding is the mean over all images (equation 7).
            return self.model.look(self.shots.images[None], self.shots.codes[None])
        return self.model.look(sources, self.source_codes)

    def _released(self) -> list[nn.Parameter]:
        generator = self.model.generator
        if isinstance(generator, FewShotGenerator):
            generator.release(self.look)
        frozen = ("head_flow", "global_flow", "driver", "landmarks", "flow", "project")
        learning = [
            parameter
            for name, parameter in generator.named_parameters()
            if not any(part in frozen for part in name.split("."))
        ]
        for parameter in learning:
            parameter.requires_grad_(True)
        return learning

    def _adversary(self) -> Adversary | None:
        critic = self.model.critic
        if critic is None or not self.plan.adversarial:
            return None
        person = PersonCritic(critic, self.look.vector[:1])
        return Adversary(person)  # type: ignore[arg-type]

    def run(
        self, report: TunedReport | None = None, preview: Preview | None = None
    ) -> TuningResult:
        """Tune.

        Args:
            report: called with step, steps and scalars.
            preview: called at every look with the step and a picture: source, target, made.
        """
        plan, began = self.plan, time.perf_counter()
        steps = plan.steps or plan.budget(self.n_images, plan.batch_size)
        player = torch.optim.Adam(self.parameters, lr=plan.learning_rate, betas=(0.5, 0.99))
        rival = None
        if self.adversary is not None:
            self.adversary.requires_grad_(True).train()
            rival = torch.optim.Adam(
                self.adversary.parameters(), lr=plan.adversary_learning_rate, betas=(0.5, 0.99)
            )
        chance = np.random.default_rng(plan.seed)
        before, lively = self._error(), self._response()
        best, kept, kept_step, waited, reason = before, self._kept(), 0, 0, "budget"
        step = 0
        for step in range(1, steps + 1):
            scalars = self._step(chance, player, rival)
            if report:
                report(step, steps, scalars)
            if step % plan.check_every and step != steps:
                continue
            error, ratio = self._error(), self._response() / max(lively, 1e-6)
            if preview:
                preview(step, self.picture())
            if ratio < plan.liveliness:
                reason = "liveliness"
                break
            if error < best:
                best, kept, kept_step, waited = error, self._kept(), step, 0
            else:
                waited += 1
                if waited >= plan.patience:
                    reason = "held-out"
                    break
        with torch.no_grad():
            for parameter, value in zip(self.parameters, kept, strict=True):
                # As it is stored: what is seen now is what is seen after loading.
                parameter.copy_(value.half())
        self.model.eval().requires_grad_(False)
        ratio = self._response() / max(lively, 1e-6)
        return TuningResult(
            step, kept_step, reason, before, best, ratio, time.perf_counter() - began
        )

    def _step(
        self,
        chance: np.random.Generator,
        player: torch.optim.Optimizer,
        rival: torch.optim.Optimizer | None,
    ) -> dict[str, float]:
        count = min(self.plan.batch_size, len(self.shots.images))
        rows = torch.from_numpy(chance.choice(len(self.shots.images), count, replace=False))
        target, codes = self.shots.images[rows], self.shots.codes[rows]
        made = self.made(codes)
        whole = torch.ones_like(target[:, :1])
        losses = {
            "content": content(self.teachers, made.image, target),
            "reconstruction": 5 * reconstruction(made.image, target, whole),
        }
        if made.synthesis is not made.image:
            losses["synthesis"] = reconstruction(made.synthesis, target, whole)
        real = fake = None
        if self.adversary is not None:
            drawing = self._drawing(codes)
            real, fake = (torch.cat([each, drawing], dim=1) for each in (target, made.image))
            self.adversary.requires_grad_(False)
            game = self.adversary.for_generator(real, fake, rows)
            losses |= {"adversarial": game["adversarial"]}
            losses |= {"feature_matching": 10 * game["feature_matching"]}
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        player.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 5.0)
        player.step()
        if self.adversary is not None and rival is not None and real is not None:
            assert fake is not None
            self.adversary.requires_grad_(True)
            for _ in range(self.plan.adversary_steps):
                loss = self.adversary.for_discriminator(real, fake, rows)
                rival.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                rival.step()
        return {name: float(v.detach()) for name, v in {"loss": total, **losses}.items()}

    def made(self, codes: Tensor) -> Generated:
        """Draw (n, D) driving codes with the model as it is now."""
        count = len(codes)
        generated: Generated = self.model.generator(
            self.look.expand(count), self.source_codes.expand(count, -1, -1), codes
        )
        return generated

    def _drawing(self, codes: Tensor) -> Tensor:
        generator = self.model.generator
        assert isinstance(generator, FewShotGenerator | MarionetteGenerator)
        drawing: Tensor = generator.landmarks(codes, self.shots.images.shape[-1])
        return drawing

    @torch.no_grad()
    def _error(self) -> float:
        made = self.made(self.judged.codes).image
        return float((made - self.judged.images).abs().mean())

    @torch.no_grad()
    def _response(self) -> float:
        """Mean change of the picture from one probe to the other."""
        made = self.made(self.probes).image
        return float((made[0::2] - made[1::2]).abs().mean())

    def _kept(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def picture(self) -> NDArray[np.uint8]:
        """Source, judged image, what is made of it, and the first probe: (S, 4 * S, 3) uint8."""
        made, probe = self.made(self.judged.codes).image, self.made(self.probes[:1]).image
        source = self.look.images[:, 0]
        columns: Sequence[Tensor] = (source, self.judged.images, made, probe)
        return np.ascontiguousarray(grid(tuple(columns), 1).permute(1, 2, 0).numpy())


def _probes(model: TalkingHead, codes: Tensor, seed: int) -> Tensor:
    """Pairs of codes (2 n, D) that differ in lips, and in lids."""
    chance = torch.Generator().manual_seed(seed)
    lip_width = model.config.encoders.lip_width
    widths = [lip_width, EYE_WIDTH, POSE_WIDTH, EXPRESSION_WIDTH]
    lip, eye, pose, expression = torch.split(codes.cpu(), widths, dim=-1)
    other = torch.nn.functional.normalize(
        lip + 0.7 * torch.randn(lip.shape, generator=chance) * lip_width**-0.5, dim=-1
    )
    closed, opened = eye.clone(), eye.clone()
    closed[:, 2:4], opened[:, 2:4] = 0.1, 1.0
    rest = model.rest_lip.cpu()[None]
    rows = [(rest, eye), (other, eye), (lip, closed), (lip, opened)]
    probes = torch.cat([torch.cat([a, b, pose, expression], dim=-1) for a, b in rows])
    return probes.to(codes.device)
