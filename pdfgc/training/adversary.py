"""The adversary: discriminator and both sides of its game in one object."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pdfgc.generator import Discriminator, Judgement
from pdfgc.training.losses import feature_matching, hinge_real_fake


class Adversary(nn.Module):
    """A projection discriminator with the losses of both players (few-shot paper, section 3.2)."""

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def for_discriminator(self, real: Tensor, fake: Tensor, person: Tensor) -> Tensor:
        """Hinge loss of the discriminator on (B, 3, S, S) pictures; `fake` is detached here."""
        return hinge_real_fake(
            self.discriminator(real, person), self.discriminator(fake.detach(), person)
        )

    def for_generator(self, real: Tensor, fake: Tensor, person: Tensor) -> dict[str, Tensor]:
        """The generator's losses `adversarial` and `feature_matching`."""
        judged = self.discriminator(fake, person)
        with torch.no_grad():
            seen = self.discriminator(real, person)
        return {
            "adversarial": -judged.score.mean(),
            "feature_matching": feature_matching(judged, seen),
        }

    def realism(self, fake: Tensor, person: Tensor) -> Tensor:
        """`adversarial` alone, for pictures (B, 3, S, S) that have no real counterpart."""
        judged: Judgement = self.discriminator(fake, person)
        return -judged.score.mean()

    def match(self, appearance: Tensor, person: Tensor) -> Tensor:
        """`match`: L1 between the appearance vector (B, D) and the person's row of W."""
        difference: Tensor = appearance.float() - self.discriminator.persons(person)
        return difference.abs().mean()
