"""Stage 2, head pose."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pdfgc.config import TrainConfig
from pdfgc.model import TalkingHead
from pdfgc.training.batches import (
    Batch,
    PoseBatch,
)
from pdfgc.training.objectives.base import Objective, Outcome
from pdfgc.training.sampler import Sampler

# About as many landmarks are read beside the pose.
_POINTS = 96


class PoseObjective(Objective):
    """Stage 2, pose: L1 to the 3D landmark fit on jittered crops, and to what changes in a crop.

    A head that hardly moves is followed only if its changes are right: those between two moments
    of a clip and those of a virtual turn (`pdfgc.training.turning`) count by themselves. Landmarks
    are read off the same feature and thrown away with this objective: six numbers of a few persons
    say little about where everybody's head is, the points that they were made from say more.
    """

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        known = sampler.bank.landmarks.shape[1]
        spots = torch.arange(0, known, max(1, known // _POINTS))
        self.register_buffer("spots", spots, persistent=False)
        self.read_points = nn.Linear(model.config.encoders.hidden_width, 3 * len(spots))

    spots: Tensor

    def draw(self, step: int, size: int) -> PoseBatch:
        """Heads at two moments of a clip, and moved virtually."""
        return self.sampler.heads(step, size)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Regress the six numbers, and their changes."""
        if not isinstance(batch, PoseBatch):
            raise TypeError(f"stage pose takes heads, given {type(batch).__name__}")
        views = (batch.first, batch.later, batch.turned)
        pose = torch.cat([view.pose for view in views])
        points = torch.cat([view.points for view in views])[:, self.spots]
        encoder = self.model.encoders.pose
        hidden = encoder.trunk(torch.cat([view.image for view in views])).relu()
        error = encoder.head(hidden).float() - pose
        # The turned views, where there are any, are of the frames of the first.
        n = len(batch.first.row)
        changes = [error[n : 2 * n] - error[:n], error[2 * n :] - error[: len(error) - 2 * n]]
        change = torch.cat(changes).abs()
        read = self.read_points(hidden).float().view(len(pose), -1, 3)
        return Outcome(
            {
                "pose": error.abs().mean(),
                "pose_change": change.mean(),
                "points": (read - points).abs().mean(),
            },
            {
                "angle_deg": error[:, :3].abs().mean().detach().rad2deg(),
                "change_deg": change[:, :3].mean().detach().rad2deg(),
            },
        )
