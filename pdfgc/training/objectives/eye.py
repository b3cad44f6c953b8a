"""Stage 2, eyes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pdfgc.model import TalkingHead
from pdfgc.motion import OPENNESS
from pdfgc.training.batches import (
    Batch,
    EyeBatch,
)
from pdfgc.training.losses import (
    eye_contrast,
)
from pdfgc.training.objectives.base import Objective, Outcome


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of detached rows (n, D): (n,)."""
    return F.cosine_similarity(first.detach().float(), second.detach().float())


class EyeObjective(Objective):
    """Stage 2, eyes: InfoNCE on composites (hidden feature) and regression to the tracker."""

    def draw(self, step: int, size: int) -> EyeBatch:
        """Pairs of frames with other eyes, and composites."""
        return self.sampler.eyes(step, size)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """The composite has the eyes of the frame that gave them."""
        if not isinstance(batch, EyeBatch):
            raise TypeError(f"stage eye takes composites, given {type(batch).__name__}")
        encoder = self.model.encoders.eye
        views = (batch.giver, batch.taker)
        images = [*(view.image for view in views), batch.composite, batch.other.image]
        hidden = encoder.hidden(torch.cat(images))
        giver, taker, composite = hidden[: 3 * len(batch.composite)].chunk(3)
        code = encoder.code(hidden).float()
        labels = torch.cat([*(view.eye for view in views), batch.giver.eye, batch.other.eye])
        gaze = (code[:, :2] - labels[:, :2]).abs().mean()
        lids = (code[:, OPENNESS] - labels[:, 2:]).abs().mean()
        losses = {
            "eye_contrast": eye_contrast(composite, giver, taker, 10.0),
            "gaze": gaze,
            "openness": lids,
        }
        nearer = cosine(composite, giver) > cosine(composite, taker)
        scalars = {
            "gaze_deg": gaze.detach().rad2deg(),
            "retrieval": nearer.float().mean(),
            "chance": torch.tensor(0.5),
        }
        return Outcome(
            losses,
            scalars,
            columns=(batch.giver.image, batch.taker.image, batch.composite),
        )

    def finish(self, model: TalkingHead) -> None:
        """Learn the mean of the free values, used where a number is given for blink."""
        total = torch.zeros(2)
        with torch.inference_mode():
            for step in range(8):
                batch = self.sampler.eyes(step, 32).to(model.free_eye.device)
                total += model.encoders.eye(batch.giver.image)[:, 4:].float().mean(0).cpu() / 8
        model.free_eye.copy_(total.to(model.free_eye.device))
