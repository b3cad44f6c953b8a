"""What each stage minimises: an objective draws batches, runs the model and names its losses."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import TrainConfig
from pdfgc.encoders import Appearance
from pdfgc.encoders.layers import head
from pdfgc.files import writing
from pdfgc.generator import Discriminator, FeatureDriver, Generated
from pdfgc.media import SILENCE
from pdfgc.model import TalkingHead
from pdfgc.motion import EXPRESSION_WIDTH, OPENNESS, POSE_WIDTH, Codes
from pdfgc.tracking.topology import topology_of
from pdfgc.training.adversary import Adversary
from pdfgc.training.batches import Batch, EyeBatch, PairBatch, Sampler, SpeechBatch, View
from pdfgc.training.losses import (
    attention_map,
    contrast,
    decorrelation,
    eye_contrast,
    landmark_flow,
    reconstruction,
)


@dataclass(frozen=True)
class Pictures:
    """What a generator made in one pass.

    Attributes:
        image: (B, 3, S, S) made pictures.
        target: (B, 3, S, S) what they should look like.
        person: (B,) numbers of the persons.
    """

    image: Tensor
    target: Tensor
    person: Tensor


@dataclass(frozen=True)
class Outcome:
    """What one forward pass of an objective gives.

    Attributes:
        losses: unweighted losses by name; every name has a weight in the stage's row.
        scalars: figures to log beside them.
        pictures: what was made, for the adversary, where anything was.
        columns: pictures for the sample grid, (B, 3, S, S) each.
    """

    losses: dict[str, Tensor]
    scalars: dict[str, Tensor] = field(default_factory=dict)
    pictures: Pictures | None = None
    columns: tuple[Tensor, ...] = ()


class Objective(nn.Module, ABC):
    """A stage's losses, with the parts that only training needs.

    Args:
        model: the model that is trained.
        sampler: where batches come from.
        config: how the stage is run.
    """

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.adversary: Adversary | None = None
        # Kept out of the module tree: the model has its own place in checkpoints.
        self._parts = (model, sampler)

    @property
    def model(self) -> TalkingHead:
        """The model that is trained."""
        return self._parts[0]

    @property
    def sampler(self) -> Sampler:
        """Where batches come from."""
        return self._parts[1]

    @abstractmethod
    def draw(self, step: int, size: int) -> Batch:
        """Draw the batch of a step."""

    @abstractmethod
    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Run the model and compute the losses.

        Args:
            batch: what `draw` gave.
            adversarial: whether the discriminator takes part yet.
        """

    def prepare(self) -> None:
        """Compute what stays fixed during the stage."""

    def finish(self, model: TalkingHead) -> None:
        """Set what the stage leaves in the finished model (rest codes and the like)."""


def tracker_error(guess: Tensor, view: View) -> Tensor:
    """L1 of (n, 12) guesses to the tracker: pose 6, gaze 2, openness 2, mouth gap and width 2."""
    pose = (guess[:, :6] - view.pose).abs().mean() * 3
    gaze = (guess[:, 6:8] - view.eye[:, :2]).abs().mean() * 2
    lids = (guess[:, 8:10] - view.eye[:, 2:4]).abs().mean()
    lips = (guess[:, 10:12] - mouth_of(view.points)).abs().mean() * 4
    return pose + gaze + lids + lips


def mouth_of(points: Tensor) -> Tensor:
    """(n, L, 3) landmarks to mouth opening and width over the interocular distance (n, 2)."""
    topology = topology_of(points.shape[1])
    left = points[:, torch.tensor(topology.left_eye.corners)].mean(1)
    right = points[:, torch.tensor(topology.right_eye.corners)].mean(1)
    apart = (left - right).norm(dim=-1)
    upper, lower = (points[:, int(i)] for i in topology.lip_gap)
    lips = torch.tensor(topology.outer_lips)
    first, second = points[:, int(lips[0])], points[:, int(lips[len(lips) // 2])]
    return torch.stack(
        [(upper - lower).norm(dim=-1) / apart, (first - second).norm(dim=-1) / apart], dim=1
    )


class ReconstructionObjective(Objective):
    """Self-reenactment: what stages 1 and 3 share."""

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        shape = model.config.generator
        self.adversary = Adversary(
            Discriminator(shape.image_size, len(sampler.numbers), shape.appearance_width)
        )
        topology = topology_of(sampler.bank.landmarks.shape[1])
        weight = torch.ones(topology.n_landmarks)
        weight[torch.tensor(topology.mouth)] = 4.0
        weight[torch.tensor(topology.eyes)] = 4.0
        self.register_buffer("landmark_weight", weight / weight.mean(), persistent=False)
        eyes = (topology.right_eye.contour, topology.left_eye.contour)
        self._spots = [torch.tensor(i) for i in (topology.outer_lips, *eyes)]

    landmark_weight: Tensor

    def draw(self, step: int, size: int) -> PairBatch | View:
        """Pairs; every sixth batch shows two source images, so that blending is learned."""
        shots = 2 if step % 6 == 5 else 1
        return self.sampler.pairs(step, size, shots, self.model.config.expression_window)

    def small(self, image: Tensor) -> Tensor:
        """Pictures at the encoders' side."""
        side = self.model.config.encoders.image_size
        return image if image.shape[-1] == side else F.interpolate(image, size=side, mode="area")

    def look(self, batch: PairBatch) -> Appearance:
        """Appearance of the sources."""
        images = torch.unflatten(batch.source.image, 0, (-1, batch.shots))
        appearance: Appearance = self.model.encoders.appearance(images)
        return appearance

    def picture_losses(
        self, batch: PairBatch, made: Generated, appearance: Appearance, *, adversarial: bool
    ) -> dict[str, Tensor]:
        """Losses on the picture and on the flow."""
        target, points = batch.driving.image, batch.driving.points
        spots = attention_map(points, self._spots, target.shape[-1])
        weight = 1 + 8 * spots
        sources = torch.unflatten(batch.source.points, 0, (-1, batch.shots))
        losses = {
            "reconstruction": reconstruction(made.image, target, weight),
            # What is made, not looked up, has to be right by itself: the mouth's inside is.
            "synthesis": reconstruction(made.synthesis, target, weight),
            "flow": landmark_flow(
                made.flows, sources[..., :2], points[..., :2], self.landmark_weight
            ),
            # Lids and the mouth's inside appear and vanish: no flow can move them there. Without
            # this the adversary prefers a sharp copy that does not move.
            "copying": (made.copied * spots**4).mean() / (spots**4).mean(),
        }
        if adversarial and self.adversary is not None:
            losses |= self.adversary.for_generator(target, made.image, batch.person)
            losses["match"] = self.adversary.match(appearance.vector, batch.person)
        return losses

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

    def draw(self, step: int, size: int) -> PairBatch | View:
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
        appearance = self.look(batch)
        made = self.model.generator.synthesise(
            appearance,
            torch.unflatten(self.driver(source_feature), 0, (-1, batch.shots)),
            self.driver(feature),
        )
        losses = self.picture_losses(batch, made, appearance, adversarial=adversarial)
        losses["tracker"] = tracker_error(
            self.regress(feature).float(), batch.driving
        ) + tracker_error(self.regress(source_feature).float(), batch.source)
        return self.outcome(batch, made, losses)


class MotionFeatures:
    """The frozen trunk's feature of every frame of a bank, computed once per trunk."""

    def __init__(self, model: TalkingHead, sampler: Sampler) -> None:
        trunk = model.encoders.motion.eval()
        device = next(trunk.parameters()).device
        digest = hashlib.sha256()
        for name, value in sorted(trunk.state_dict().items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        cache = sampler.bank.folder / f"features-{digest.hexdigest()[:16]}.npy"
        if not cache.is_file():
            rows = self._compute(trunk, sampler.bank.frames, model.config.encoders.image_size)
            with writing(cache) as partial:
                np.save(partial, rows.cpu().numpy())
        self.rows = torch.from_numpy(np.load(cache)).to(device)

    @staticmethod
    def _compute(trunk: nn.Module, frames: NDArray[np.uint8], side: int) -> Tensor:
        device = next(trunk.parameters()).device
        rows = []
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            for start in range(0, len(frames), 64):
                picture = torch.tensor(frames[start : start + 64]).to(device)
                image = picture.permute(0, 3, 1, 2).float() / 127.5 - 1
                image = F.interpolate(image, size=side, mode="bilinear", antialias=True)
                rows.append(trunk(image).float())
        return torch.cat(rows)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Features of bank rows, (..., trunk_width)."""
        return self.rows[rows]


class LipObjective(Objective):
    """Stage 2, lips: two-way InfoNCE between lip and speech codes on the frozen trunk.

    Negatives come mostly from the same clip, at least 6 frames apart; pairs of silent moments are
    no negatives. A shared linear read-out of the mouth's opening and width keeps the space in
    order: codes that are near look alike.
    """

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        self.log_scale = nn.Parameter(torch.tensor(2.3))
        self.read_mouth = nn.Linear(model.config.encoders.lip_width, 2)

    def prepare(self) -> None:
        """Run the frozen trunk over all frames."""
        self.features = MotionFeatures(self.model, self.sampler)

    def draw(self, step: int, size: int) -> SpeechBatch:
        """`size` clips with 10 moments each."""
        return self.sampler.speech(step, size, 10)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Bring synchronous lip and speech codes together."""
        if not isinstance(batch, SpeechBatch):
            raise TypeError(f"stage lip takes moments of speech, given {type(batch).__name__}")
        lip = self.model.encoders.lip(self.features[batch.rows])
        speech = self.model.encoders.speech(batch.windows)
        same = batch.clip[:, None] == batch.clip
        near = same & ((batch.frame[:, None] - batch.frame).abs() < 6)
        silent = ~batch.loud[:, None] & ~batch.loud
        loss, _ = contrast(lip, speech, self.log_scale, near | silent)
        _, within = contrast(lip.detach(), speech.detach(), self.log_scale, ~same | near)
        rivals = ((same & ~near).sum(1) + 1).float()
        count = same.float().sum(1, keepdim=True)
        mean = same.float() @ batch.mouth / count
        moved = (batch.mouth - mean) * 5
        mouth = sum(
            (self._centred(self.read_mouth(codes).float(), same, count) - moved).abs().mean()
            for codes in (lip, speech)
        )
        scalars = {"retrieval": within, "chance": (1 / rivals).mean()}
        return Outcome({"contrast": loss, "mouth": torch.as_tensor(mouth)}, scalars)

    @staticmethod
    def _centred(values: Tensor, same: Tensor, count: Tensor) -> Tensor:
        return values - same.float() @ values / count

    def finish(self, model: TalkingHead) -> None:
        """The lips at rest are what silence says."""
        config = model.config.audio
        silence = torch.full((1, config.n_mels, config.window_mels), SILENCE)
        silence = silence.to(model.rest_lip.device)
        with torch.no_grad():
            model.rest_lip.copy_(model.encoders.speech(silence)[0])


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
        images = torch.cat([batch.giver.image, batch.taker.image, batch.composite])
        hidden = encoder.hidden(images)
        giver, taker, composite = hidden.chunk(3)
        code = encoder.code(hidden).float()
        labels = torch.cat([batch.giver.eye, batch.taker.eye, batch.giver.eye])
        gaze = (code[:, :2] - labels[:, :2]).abs().mean()
        lids = (code[:, OPENNESS] - labels[:, 2:]).abs().mean()
        losses = {
            "eye_contrast": eye_contrast(composite, giver, taker, 10.0),
            "gaze": gaze,
            "openness": lids,
        }
        return Outcome(
            losses,
            {"gaze_deg": gaze.detach().rad2deg()},
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


class ExpressionObjective(ReconstructionObjective):
    """Stage 3: expression encoder and the final generator, driven by the codes of every factor.

    Lip codes come from speech at least half of the time where the sound is synchronous. The
    frozen encoders judge the made picture (PD-FGC's gaze, lip-sync and motion consistency).
    """

    bank_size = 1024

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        lip = model.config.encoders.lip_width
        self.register_buffer("expression_bank", torch.zeros(self.bank_size, EXPRESSION_WIDTH))
        self.register_buffer("lip_bank", torch.zeros(self.bank_size, lip))
        self.register_buffer("banked", torch.zeros((), dtype=torch.long))

    expression_bank: Tensor
    lip_bank: Tensor
    banked: Tensor

    def prepare(self) -> None:
        """Run the frozen trunk and lip head over all frames; remember each clip's mean lip code."""
        self.features = MotionFeatures(self.model, self.sampler)
        with torch.no_grad():
            lips = self.model.encoders.lip(self.features.rows)
        self.lips = lips
        self.bounds = torch.zeros(len(lips), 2, dtype=torch.long)
        mean = torch.zeros_like(lips)
        for clip in self.sampler.bank.clips:
            rows = slice(clip.start, clip.start + clip.length)
            mean[rows] = lips[rows].mean(0)
            self.bounds[rows] = torch.tensor([clip.start, clip.length])
        self.mean_lips = mean

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Reconstruct the driving frame from source frames and the codes of every factor."""
        if not isinstance(batch, PairBatch):
            raise TypeError(f"stage expression takes pairs, given {type(batch).__name__}")
        encoders, shots = self.model.encoders, batch.shots
        row = batch.driving.row
        with torch.no_grad():
            drive_small, source_small = (
                self.small(batch.driving.image),
                self.small(batch.source.image),
            )
            speech = encoders.speech(batch.speech).float()
            heard = batch.speech_ok & (torch.arange(len(row), device=row.device) % 4 != 0)
            lip = torch.where(heard[:, None], speech, self.lips[row])
            eye, pose = encoders.eye(drive_small).float(), encoders.pose(drive_small).float()
            source_eye = encoders.eye(source_small).float()
            source_pose = encoders.pose(source_small).float()
        felt = encoders.expression(self.features[batch.window]).float()
        # Stills give one frame, clips a window: the sources train as both.
        window = batch.source_window.clone()
        middle = window[:, window.shape[1] // 2, None].expand_as(window)
        still = torch.arange(len(window), device=window.device)[:, None] % 2 == 0
        window = torch.where(still, middle, window)
        source_expression = encoders.expression(self.features[window]).float()
        source = Codes(
            self.lips[batch.source.row], source_eye, source_pose, source_expression
        ).join()
        # Half of the time the source's own expression drives, so that no other factor can hide in
        # the difference of the two.
        own = source_expression[::shots]
        kept = torch.arange(len(row), device=row.device) % 2 == 1
        expression = torch.where(kept[:, None], own, felt)
        driving = Codes(lip, eye, pose, expression).join()
        appearance = self.look(batch)
        source = torch.unflatten(source, 0, (-1, shots))
        made = self.model.generator(appearance, source, driving)
        losses = self.picture_losses(batch, made, appearance, adversarial=adversarial)
        losses["decorrelation"] = self._decorrelation(row, felt)
        losses |= self._consistency(batch, made.image)
        floor = torch.tensor(1.0 / (int(self.banked.clamp(max=self.bank_size)) + len(row)))
        return self.outcome(batch, made, losses, decorrelation_chance=floor)

    def _consistency(self, batch: PairBatch, image: Tensor) -> dict[str, Tensor]:
        encoders = self.model.encoders
        picture = self.small(image)
        with torch.no_grad():
            wanted = encoders.motion(self.small(batch.driving.image)).float()
        feature = encoders.motion(picture).float()
        lip = encoders.lip(feature).float()
        eye = encoders.eye(picture).float()
        return {
            "motion_consistency": (feature - wanted).abs().mean() / wanted.abs().mean(),
            "lip_consistency": 1 - (lip * encoders.lip(wanted).detach().float()).sum(1).mean(),
            "gaze_consistency": (eye[:, :2] - batch.driving.eye[:, :2]).abs().mean(),
            "openness_consistency": (eye[:, OPENNESS] - batch.driving.eye[:, 2:]).abs().mean(),
            "pose_consistency": (encoders.pose(picture).float() - batch.driving.pose).abs().mean(),
        }

    def _decorrelation(self, row: Tensor, expression: Tensor) -> Tensor:
        """Correlation of the batch and the banks, centred per clip; gradient through the batch."""
        start, length = self.bounds[row].unbind(1)
        share = torch.linspace(0, 1, 24, device=row.device)
        others = start[:, None] + (share * (length[:, None] - 1)).round().long()
        with torch.no_grad():
            mean = self.model.encoders.expression(self.features[others]).float()
        centred = expression - mean
        lips = self.lips[row] - self.mean_lips[row]
        filled = int(self.banked.clamp(max=self.bank_size))
        value = decorrelation(
            torch.cat([centred, self.expression_bank[:filled]]),
            torch.cat([lips, self.lip_bank[:filled]]),
        )
        if self.training:
            at = (int(self.banked) + torch.arange(len(row), device=row.device)) % self.bank_size
            self.expression_bank[at] = centred.detach()
            self.lip_bank[at] = lips
            self.banked += len(row)
        return value

    def finish(self, model: TalkingHead) -> None:
        """The neutral expression is the mean over all clips, each clip counting alike."""
        with torch.inference_mode():
            means = [
                model.encoders.expression.head(
                    self.features.rows[clip.start : clip.start + clip.length]
                ).mean(0)
                for clip in self.sampler.bank.clips
            ]
        model.rest_expression.copy_(torch.stack(means).mean(0).to(model.rest_expression.device))
