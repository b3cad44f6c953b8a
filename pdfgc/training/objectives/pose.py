"""Stage 2, head pose."""

from __future__ import annotations

from pdfgc.training.batches import (
    Batch,
    View,
)
from pdfgc.training.objectives.base import Objective, Outcome


class PoseObjective(Objective):
    """Stage 2, pose: L1 to the 3D landmark fit on jittered crops."""

    def draw(self, step: int, size: int) -> View:
        """Jittered crops."""
        return self.sampler.poses(step, size)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Regress the six numbers."""
        if not isinstance(batch, View):
            raise TypeError(f"stage pose takes views, given {type(batch).__name__}")
        error = (self.model.encoders.pose(batch.image).float() - batch.pose).abs()
        return Outcome(
            {"pose": error.mean()}, {"angle_deg": error[:, :3].mean().detach().rad2deg()}
        )
