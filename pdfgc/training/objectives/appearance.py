"""Stage 1: appearance and unified motion by self-driving."""

from __future__ import annotations

import torch
from torch import Tensor

from pdfgc.config import TrainConfig
from pdfgc.encoders.layers import head
from pdfgc.generator import Driven, FeatureDriver
from pdfgc.model import TalkingHead
from pdfgc.motion import POSE_WIDTH
from pdfgc.training.batches import (
    Batch,
    PairBatch,
    View,
)
from pdfgc.training.objectives.base import Outcome
from pdfgc.training.objectives.reconstruction import ReconstructionObjective
from pdfgc.training.readings import tracker_error
from pdfgc.training.sampler import Sampler


class AppearanceObjective(ReconstructionObjective):
    """Stage 1 of PD-FGC: appearance encoder, unified motion encoder and G_0 by self-driving.

    As in Latent Pose Descriptors the motion encoder sees a disguised driving frame; regressions
    to the tracker keep lips, lids, gaze and angles in its feature. The first steps train on these
    alone, with larger batches: a frame costs a tenth of a reconstruction, and flow is learned only
    from a feature that knows where the head is.
    """

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        width = model.config.encoders.trunk_width
        self.driver = FeatureDriver(width, model.config.generator.style_width)
        self.regress = head(width, model.config.encoders.hidden_width, POSE_WIDTH + 6)

    def draw(self, step: int, size: int) -> Batch:
        """Single views while the trunk warms up, then pairs."""
        if step < self.config.trunk_steps:
            return self.sampler.poses(step, 3 * size)
        return super().draw(step, size)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Reconstruct the driving frame from source frames and the unified motion feature."""
        motion = self.model.encoders.motion
        if isinstance(batch, View):
            guess = self.regress(motion(self.small(batch.image))).float()
            angles = (guess[:, :3] - batch.pose[:, :3]).abs().mean().detach()
            place = (guess[:, 3:6] - batch.pose[:, 3:6]).abs().mean().detach()
            return Outcome(
                {"tracker": 2 * tracker_error(guess, batch)},
                {"angle_deg": angles.rad2deg(), "place": place},
            )
        if not isinstance(batch, PairBatch):
            raise TypeError(f"stage appearance takes pairs, given {type(batch).__name__}")
        source_feature = motion(self.small(batch.source.image))
        feature = motion(self.small(batch.disguised))
        appearance = self.look(batch.source.image, batch.shots)
        guess = self.regress(feature).float()
        source_guess = self.regress(source_feature).float()
        source = self._driven(source_feature, source_guess)
        made = self.model.generator.synthesise(
            appearance,
            source.of(batch.shots),
            self._driven(feature, guess),
        )
        losses = self.picture_losses(batch, made, appearance, adversarial=adversarial)
        losses |= self.shape_loss(made, batch.source, source_guess[:, :POSE_WIDTH].detach())
        losses["tracker"] = tracker_error(guess, batch.driving) + tracker_error(
            source_guess, batch.source
        )
        return self.outcome(batch, made, losses)

    def _driven(self, feature: Tensor, guess: Tensor) -> Driven:
        # The tracker alone teaches angles: a picture would bend them to its own ends.
        known = guess.detach()
        pose, eye, mouth, _ = torch.split(known, [POSE_WIDTH, 4, 1, 1], dim=1)
        # Brows and corners of the mouth get numbers of their own in stage 3.
        still = pose.new_zeros(len(pose), 2)
        return Driven(self.driver(feature), pose, eye, mouth, still)
