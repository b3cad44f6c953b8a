"""Self-reenactment: what the stages that train a generator share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pdfgc.config import TrainConfig
from pdfgc.encoders import Appearance
from pdfgc.generator import Discriminator, Generated
from pdfgc.generator.shape import control_points
from pdfgc.model import TalkingHead
from pdfgc.tracking import canonical_face
from pdfgc.tracking.topology import topology_of
from pdfgc.training.adversary import Adversary
from pdfgc.training.batches import Batch, PairBatch, View
from pdfgc.training.losses import (
    attention_map,
    landmark_detail,
    landmark_flow,
    reconstruction,
    roughness,
)
from pdfgc.training.objectives.base import Objective, Outcome, Pictures
from pdfgc.training.sampler import Sampler


class ReconstructionObjective(Objective):
    """Self-reenactment: what stages 1 and 3 share."""

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        shape = model.config.generator
        self.adversary = Adversary(
            Discriminator(shape.image_size, len(sampler.numbers), shape.appearance_width)
        )
        controls = torch.from_numpy(control_points())
        near_eyes = torch.isin(controls, torch.from_numpy(canonical_face().topology.eyes))
        self.register_buffer("controls", controls, persistent=False)
        self.register_buffer("control_weight", 1 + 3 * near_eyes.float()[:, None], persistent=False)
        topology = topology_of(sampler.bank.landmarks.shape[1])
        weight = torch.ones(topology.n_landmarks)
        weight[torch.tensor(topology.mouth)] = 4.0
        weight[torch.tensor(topology.eyes)] = 4.0
        self.register_buffer("landmark_weight", weight / weight.mean(), persistent=False)
        weight = torch.ones(topology.n_landmarks)
        # Few points, small steps, and yet they tell where somebody looks.
        weight[torch.tensor(topology.irises).long()] = 5.0
        self.register_buffer("detail_weight", weight, persistent=False)
        eyes = (topology.right_eye, topology.left_eye)
        lids = (topology.outer_lips, *(eye.contour for eye in eyes))
        self._spots = [torch.tensor(i) for i in lids]
        height = canonical_face(topology).points[:, 1]
        below = torch.from_numpy(height > height[topology.nose].max())
        self.register_buffer("below_nose", below, persistent=False)
        irises = [[eye.iris_centre, *eye.iris] if topology.has_iris else [] for eye in eyes]
        parts = [np.append(eye.contour, i) for eye, i in zip(eyes, irises, strict=True)]
        everything = np.arange(topology.n_landmarks)
        self._groups = [torch.tensor(i).long() for i in (everything, topology.mouth, *parts)]

    controls: Tensor
    control_weight: Tensor
    landmark_weight: Tensor
    detail_weight: Tensor
    below_nose: Tensor

    def draw(self, step: int, size: int) -> Batch:
        """Pairs; every sixth batch shows two source images, so that blending is learned."""
        shots = 2 if step % 6 == 3 else 1
        return self.sampler.pairs(step, size, shots, self.model.config.expression_window)

    def small(self, image: Tensor) -> Tensor:
        """Pictures at the encoders' side."""
        side = self.model.config.encoders.image_size
        return image if image.shape[-1] == side else F.interpolate(image, size=side, mode="area")

    def look(self, images: Tensor, shots: int) -> Appearance:
        """Appearance of (B * K, 3, S, S) sources, K of one sample together."""
        images = torch.unflatten(images, 0, (-1, shots))
        appearance: Appearance = self.model.encoders.appearance(images)
        return appearance

    def picture_losses(
        self,
        batch: PairBatch,
        made: Generated,
        appearance: Appearance,
        *,
        adversarial: bool,
        trust: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses on the picture and on the flow.

        Args:
            batch: what was asked.
            made: what came of it.
            appearance: of the sources.
            adversarial: whether the discriminator takes part.
            trust: (B,) how far the mouth has to be the driving picture's, in [0, 1]; 1 if None.
        """
        target, points = batch.driving.image, batch.driving.points
        spots = attention_map(points, self._spots, target.shape[-1])
        weight = 1 + 8 * spots
        sources = torch.unflatten(batch.source.points, 0, (-1, batch.shots))
        lips = attention_map(points, self._spots[:1], target.shape[-1])
        seen = batch.seen
        if made.mouth is not None:
            weight = weight + 24 * made.mouth[:, 3:].detach()
        if trust is not None:
            weight = weight * (1 - (1 - trust[:, None, None, None]) * lips.sqrt())
            seen = seen * torch.where(self.below_nose, trust[:, None, None], 1.0)
        losses = {
            "reconstruction": reconstruction(made.image, target, weight),
            # What is made, not looked up, has to be right by itself: the mouth's inside is.
            "synthesis": reconstruction(made.synthesis, target, weight),
            **self.flow_losses(made, sources, points, seen),
        }
        if self.teachers:
            judged = [each.difference(made.image, target) for each in self.teachers]
            losses["content"] = torch.stack(judged).mean()
        if adversarial and self.adversary is not None:
            losses |= self.adversary.for_generator(target, made.image, batch.person)
            losses["match"] = self.adversary.match(appearance.vector, batch.person)
        return losses

    def shape_loss(self, made: Generated, view: View, pose: Tensor) -> dict[str, Tensor]:
        """How well the sources' own shapes were read.

        Where the pose (n, 6) that the sources are given is a little wrong, their features lie
        elsewhere on the head by as much: the shape makes up for it.
        """
        if made.shape is None or view.shape.shape[1] == 0:
            return {}
        head = self.model.generator.head_flow
        with torch.no_grad():
            places = [head.unplaced(view.points, at.float()) for at in (pose, view.pose)]
            slip = (places[0] - places[1])[:, self.controls, :2]
        error = (made.shape.flatten(0, 1) - (view.shape + slip)).abs()
        return {"shape": (error * self.control_weight).mean()}

    def flow_losses(
        self, made: Generated, source: Tensor, points: Tensor, seen: Tensor
    ) -> dict[str, Tensor]:
        """Landmark-guided flow from (B, K, L, 3) to (B, L, 3), where seen (B, K, L)."""
        if not made.flows:  # a generator that makes all of its picture
            return {}
        source, points = source[..., :2], points[..., :2]
        weight = self.landmark_weight * seen
        return {
            "flow": landmark_flow(made.flows, source, points, weight),
            "detail": landmark_detail(
                made.flows[-2:], source, points, seen * self.detail_weight, self._groups
            ),
            "roughness": roughness(made.flows[-1]),
        }

    def outcome(
        self, batch: PairBatch, made: Generated, losses: dict[str, Tensor], **scalars: Tensor
    ) -> Outcome:
        """Pack up."""
        source = batch.source.image[:: batch.shots]
        return Outcome(
            losses=losses,
            scalars={
                "l1": (made.image - batch.driving.image).abs().mean().detach(),
                "held_still_l1": (source - batch.driving.image).abs().mean(),
                **{name: value.detach() for name, value in scalars.items()},
            },
            pictures=Pictures(made.image, batch.driving.image, batch.person),
            columns=(
                source,
                batch.driving.image,
                made.image.detach(),
                made.synthesis.detach(),
                made.copied.detach().expand(-1, 3, -1, -1) * 2 - 1,
            ),
        )
