"""Stage 2, eyes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import TrainConfig
from pdfgc.model import TalkingHead
from pdfgc.tracking import topology_of
from pdfgc.training import ranks
from pdfgc.training.batches import (
    Batch,
    EyeBatch,
)
from pdfgc.training.losses import (
    eye_contrast,
)
from pdfgc.training.objectives.base import Objective, Outcome
from pdfgc.training.sampler import Sampler

# An eye less open than this does not show where it looks.
_HIDDEN = 0.4


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of detached rows (n, D): (n,)."""
    return F.cosine_similarity(first.detach().float(), second.detach().float())


class EyeObjective(Objective):
    """Stage 2, eyes: InfoNCE on composites (hidden feature) and regression to the tracker.

    The regression is held to what changes between two pictures of one head as well: a tracker is
    off by as much for one person as gaze moves, and a mean that is right for everybody follows
    nobody. The brow encoder is taught beside, in the same way; it reads the landmarks of brows and
    eyes, too, off a layer that is thrown away with this objective: one number of a few persons says
    little, the points that it was made from say more.
    """

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        topology = topology_of(sampler.bank.landmarks.shape[1])
        spots = torch.from_numpy(np.concatenate([topology.brows, topology.eyes]))
        self.register_buffer("spots", spots, persistent=False)
        encoder = model.encoders.brow
        if encoder is None:
            raise TypeError("stage eye trains models that read brows")
        # Kept out of the module tree, as the model is.
        self._encoder = (encoder,)
        self.read_points = nn.Linear(encoder.head.in_features, 2 * len(spots))

    spots: Tensor

    def draw(self, step: int, size: int) -> EyeBatch:
        """Pairs of frames with other eyes, and composites."""
        return self.sampler.eyes(step, size)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """The composite has the eyes of the frame that gave them."""
        if not isinstance(batch, EyeBatch):
            raise TypeError(f"stage eye takes composites, given {type(batch).__name__}")
        encoder = self.model.encoders.eye
        views = (batch.giver, batch.taker, batch.other, batch.looking)
        pictures = [batch.composite, *(view.image for view in views)]
        brows = self._brows(batch)
        hidden = encoder.hidden(torch.cat(pictures))
        composite, giver, taker = hidden[: 3 * len(batch.composite)].chunk(3)
        code = encoder.code(hidden).float()[:, :4]
        labels = torch.cat([batch.giver.eye, *(view.eye for view in views)])
        shown = (labels[:, 2:].min(1).values > _HIDDEN).float()
        gaze = _shown_mean((code[:, :2] - labels[:, :2]).abs().mean(1), shown)
        lids = (code[:, 2:] - labels[:, 2:]).abs().mean()
        (first, second), (before, after) = (self._pairs(batch, v) for v in (code, labels))
        error = ((second - first) - (after - before)).abs()
        losses = {
            "eye_contrast": eye_contrast(composite, giver, taker, 10.0),
            "gaze": gaze,
            "openness": lids,
            "gaze_change": _shown_mean(
                error[:, :2].mean(1), torch.minimum(*self._pairs(batch, shown))
            ),
            "openness_change": error[:, 2:].mean(),
            **brows,
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

    def _brows(self, batch: EyeBatch) -> dict[str, Tensor]:
        """Heights of brows, their changes, and the landmarks around."""
        views = (batch.giver, batch.taker, batch.other, batch.looking)
        (encoder,) = self._encoder
        hidden = encoder.hidden(torch.cat([view.image for view in views]))
        wrong = encoder.rise(hidden).float()[:, 0] - torch.cat([view.brow for view in views])
        size, count = len(batch.giver.row), len(batch.looking.row)
        giver, taker, other, looking = torch.split(wrong, [size, size, len(batch.other.row), count])
        changes = torch.cat([taker - giver, looking - other[:count]])
        # What moved virtually has no landmarks.
        seen = torch.cat([view.points for view in views[:3]])[:, self.spots, :2]
        read = self.read_points(hidden[: len(seen)]).float().view_as(seen)
        return {
            "brow": wrong.abs().mean(),
            "brow_change": changes.abs().mean(),
            "brow_points": (read - seen).abs().mean(),
        }

    @staticmethod
    def _pairs(batch: EyeBatch, values: Tensor) -> tuple[Tensor, Tensor]:
        """Of giver, taker, other, looking (n, ...): both ends of what changed, the head held."""
        size, virtual = len(batch.composite), len(batch.looking.eye)
        _, giver, taker = values[: 3 * size].chunk(3)
        still, looking = torch.split(values[3 * size :], [len(batch.other.eye), virtual])
        return torch.cat([giver, still[:virtual]]), torch.cat([taker, looking])

    def finish(self, model: TalkingHead) -> None:
        """Learn the mean of the free values, used where a number is given for blink."""
        total = torch.zeros(2)
        with torch.inference_mode():
            for step in range(8):
                batch = self.sampler.eyes(step, 32).to(model.free_eye.device)
                total += model.encoders.eye(batch.giver.image)[:, 4:].float().mean(0).cpu() / 8
        model.free_eye.copy_(total.to(model.free_eye.device))


def _shown_mean(error: Tensor, shown: Tensor) -> Tensor:
    """Mean of (n,) errors where eyes show where they look."""
    return (error * shown).mean() / ranks.shared_mean(shown.mean()).clamp(min=1e-3)
