"""What each stage minimises: an objective draws batches, runs the model and names its losses."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import TrainConfig
from pdfgc.encoders import Appearance
from pdfgc.encoders.layers import head
from pdfgc.files import writing
from pdfgc.generator import Discriminator, Driven, FeatureDriver, Generated
from pdfgc.media import SILENCE
from pdfgc.model import TalkingHead
from pdfgc.motion import EXPRESSION_WIDTH, OPENNESS, POSE_WIDTH, Codes
from pdfgc.teachers.interface import Teacher
from pdfgc.tracking.topology import topology_of
from pdfgc.training import ranks
from pdfgc.training.adversary import Adversary
from pdfgc.training.batches import (
    Batch,
    EyeBatch,
    MovedBatch,
    PairBatch,
    Sampler,
    SpeechBatch,
    View,
)
from pdfgc.training.losses import (
    attention_map,
    contrast,
    decorrelation,
    eye_contrast,
    landmark_detail,
    landmark_flow,
    reconstruction,
    roughness,
)
from pdfgc.training.probes import probe, write_probes


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
        self.teachers: Sequence[Teacher] = ()
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

    def leave(self, folder: Path) -> None:
        """Write what the stage leaves beside the model."""


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
        weight = torch.ones(topology.n_landmarks)
        # Few points, small steps, and yet they tell where somebody looks.
        weight[torch.tensor(topology.irises).long()] = 5.0
        self.register_buffer("detail_weight", weight, persistent=False)
        eyes = (topology.right_eye, topology.left_eye)
        lids = (topology.outer_lips, *(eye.contour for eye in eyes))
        self._spots = [torch.tensor(i) for i in lids]
        irises = [[eye.iris_centre, *eye.iris] if topology.has_iris else [] for eye in eyes]
        parts = [np.append(eye.contour, i) for eye, i in zip(eyes, irises, strict=True)]
        everything = np.arange(topology.n_landmarks)
        self._groups = [torch.tensor(i).long() for i in (everything, topology.mouth, *parts)]

    landmark_weight: Tensor
    detail_weight: Tensor

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
        self, batch: PairBatch, made: Generated, appearance: Appearance, *, adversarial: bool
    ) -> dict[str, Tensor]:
        """Losses on the picture and on the flow."""
        target, points = batch.driving.image, batch.driving.points
        spots = attention_map(points, self._spots, target.shape[-1])
        weight = 1 + 8 * spots
        sources = torch.unflatten(batch.source.points, 0, (-1, batch.shots))
        mouth = attention_map(points, self._spots[:1], target.shape[-1]) ** 4
        losses = {
            "reconstruction": reconstruction(made.image, target, weight),
            # What is made, not looked up, has to be right by itself: the mouth's inside is.
            "synthesis": reconstruction(made.synthesis, target, weight),
            # The mouth's inside appears and vanishes: no flow can move it there. Without this the
            # adversary prefers a sharp copy that does not move.
            "copying": (made.copied * mouth).mean() / ranks.shared_mean(mouth.mean()),
            **self.flow_losses(made, sources, points, batch.seen),
        }
        if self.teachers:
            judged = [each.difference(made.image, target) for each in self.teachers]
            losses["content"] = torch.stack(judged).mean()
        if adversarial and self.adversary is not None:
            losses |= self.adversary.for_generator(target, made.image, batch.person)
            losses["match"] = self.adversary.match(appearance.vector, batch.person)
        return losses

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
        losses["tracker"] = tracker_error(guess, batch.driving) + tracker_error(
            source_guess, batch.source
        )
        return self.outcome(batch, made, losses)

    def _driven(self, feature: Tensor, guess: Tensor) -> Driven:
        # The tracker alone teaches angles: a picture would bend them to its own ends.
        known = guess.detach()
        return Driven(self.driver(feature), known[:, :POSE_WIDTH], known[:, POSE_WIDTH:][:, :4])


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
        lip = ranks.gathered(self.model.encoders.lip(self.features[batch.rows]))
        speech = ranks.gathered(self.model.encoders.speech(batch.windows))
        clip, frame, loud, shape = (
            ranks.gathered(part) for part in (batch.clip, batch.frame, batch.loud, batch.mouth)
        )
        same = clip[:, None] == clip
        near = same & ((frame[:, None] - frame).abs() < 6)
        silent = ~loud[:, None] & ~loud
        loss, _ = contrast(lip, speech, self.log_scale, near | silent)
        _, within = contrast(lip.detach(), speech.detach(), self.log_scale, ~same | near)
        rivals = ((same & ~near).sum(1) + 1).float()
        count = same.float().sum(1, keepdim=True)
        mean = same.float() @ shape / count
        moved = (shape - mean) * 5
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

    Expression sees the whole face and could stand in for every other factor. Three things keep it
    from that: at first the source's own expression drives, later half of the time; every third
    batch is a virtual motion (`pdfgc.training.moved`), in which it does not change; and it is
    decorrelated from lips, head and eyes.
    """

    bank_size = 1024
    settling = 6000
    """Samples during which the source's own expression drives alone."""

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        lip = model.config.encoders.lip_width
        self.register_buffer("expression_bank", torch.zeros(self.bank_size, EXPRESSION_WIDTH))
        self.register_buffer("lip_bank", torch.zeros(self.bank_size, lip))
        self.register_buffer("angle_bank", torch.zeros(self.bank_size, 7))
        self.register_buffer("banked", torch.zeros((), dtype=torch.long))

    expression_bank: Tensor
    lip_bank: Tensor
    angle_bank: Tensor
    banked: Tensor

    def draw(self, step: int, size: int) -> Batch:
        """Pairs; every third batch is a virtual motion."""
        if step % 3 == 2:
            return self.sampler.moved(step, size, self.model.config.expression_window)
        return super().draw(step, size)

    def prepare(self) -> None:
        """Run the frozen trunk and lip head over all frames; centre what is known per clip."""
        self.features = MotionFeatures(self.model, self.sampler)
        with torch.no_grad():
            lips = self.model.encoders.lip(self.features.rows)
        self.lips = lips
        bank = self.sampler.bank
        known = np.concatenate([bank.pose[:, :3], bank.gaze, bank.openness], axis=1)
        angles = torch.from_numpy(known.astype(np.float32)).to(lips.device)
        self.centred_lips, self.centred_angles = lips.clone(), angles.clone()
        self.bounds = torch.zeros(len(lips), 2, dtype=torch.long, device=lips.device)
        for clip in bank.clips:
            rows = slice(clip.start, clip.start + clip.length)
            self.centred_lips[rows] -= lips[rows].mean(0)
            self.centred_angles[rows] -= angles[rows].mean(0)
            self.bounds[rows] = torch.tensor([clip.start, clip.length], device=lips.device)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Reconstruct a driving frame from codes, or follow a virtual motion."""
        if isinstance(batch, MovedBatch):
            return self._move(batch, adversarial=adversarial)
        if isinstance(batch, PairBatch):
            return self._reconstruct(batch, adversarial=adversarial)
        raise TypeError(f"stage expression takes pairs, given {type(batch).__name__}")

    def _reconstruct(self, batch: PairBatch, *, adversarial: bool) -> Outcome:
        encoders, shots = self.model.encoders, batch.shots
        row = batch.driving.row
        number = ranks.offset(len(row)) + torch.arange(len(row), device=row.device)
        with torch.no_grad():
            speech = encoders.speech(batch.speech).float()
            heard = batch.speech_ok & (number % 5 < 3)
            lip = torch.where(heard[:, None], speech, self.lips[row])
            # Videos are read by the encoders, numbers speak the tracker's language: both drive.
            read = number % 4 < 2
            eye, pose = self._seen(batch.driving, read)
            source_eye, source_pose = self._seen(batch.source, read.repeat_interleave(shots))
        felt = encoders.expression(self.features[batch.window]).float()
        own = self._own_expression(batch.source_window)
        source = Codes(self.lips[batch.source.row], source_eye, source_pose, own).join()
        kept = (number % 2 == 1) | (self.banked < self.settling)
        expression = torch.where(kept[:, None], own[::shots], felt)
        driving = Codes(lip, eye, pose, expression).join()
        appearance = self.look(batch.source.image, shots)
        source = torch.unflatten(source, 0, (-1, shots))
        made = self.model.generator(appearance, source, driving)
        losses = self.picture_losses(batch, made, appearance, adversarial=adversarial)
        losses |= self._decorrelation(batch.window[:, batch.window.shape[1] // 2], felt)
        picture = self.small(made.image)
        feature = encoders.motion(picture).float()
        with torch.no_grad():
            wanted = encoders.motion(self.small(batch.driving.image)).float()
        size = ranks.shared_mean(wanted.abs().mean())
        losses["motion_consistency"] = (feature - wanted).abs().mean() / size
        losses |= self._follows(
            picture, feature, encoders.lip(wanted).float(), batch.driving.eye, batch.driving.pose
        )
        count = int(self.banked.clamp(max=self.bank_size)) + len(row) * ranks.world()
        floor = torch.tensor(1.0 / count)
        return self.outcome(batch, made, losses, decorrelation_chance=floor)

    def _move(self, batch: MovedBatch, *, adversarial: bool) -> Outcome:
        view, lip = batch.source, self.lips[batch.source.row]
        with torch.no_grad():
            free = self.model.encoders.eye(self.small(view.image)).float()[:, 4:]
        expression = self._own_expression(batch.source_window)
        source = Codes(lip, torch.cat([view.eye, free], 1), view.pose, expression).join()
        driving = Codes(lip, torch.cat([batch.eye, free], 1), batch.pose, expression).join()
        appearance = self.look(view.image, 1)
        made = self.model.generator(appearance, source.unsqueeze(1), driving)
        losses = self.flow_losses(made, view.points.unsqueeze(1), batch.points, batch.seen)
        # Nobody has seen this picture; the source, moved, is the best guess of it.
        guess = made.flows[-1].blend(appearance.images).detach()
        spots = attention_map(batch.points, self._spots, guess.shape[-1])
        losses["reconstruction"] = reconstruction(made.image, guess, 1 + 8 * spots)
        if adversarial and self.adversary is not None:
            losses["adversarial"] = self.adversary.realism(made.image, batch.person)
        losses = {f"moved_{name}": value for name, value in losses.items()}
        return Outcome(losses, pictures=Pictures(made.image, view.image, batch.person))

    def _seen(self, view: View, read: Tensor) -> tuple[Tensor, Tensor]:
        """Eye and pose codes, the encoders' where `read`, elsewhere the tracker's."""
        small = self.small(view.image)
        eye = self.model.encoders.eye(small).float()
        pose = self.model.encoders.pose(small).float()
        known = torch.cat([view.eye, eye[:, 4:]], dim=1)
        return torch.where(read[:, None], eye, known), torch.where(read[:, None], pose, view.pose)

    def _own_expression(self, window: Tensor) -> Tensor:
        """Expression of the sources; stills give one frame, clips a window: they train as both."""
        middle = window[:, window.shape[1] // 2, None].expand_as(window)
        number = ranks.offset(len(window)) + torch.arange(len(window), device=window.device)
        still = number[:, None] % 2 == 0
        window = torch.where(still, middle, window)
        expression: Tensor = self.model.encoders.expression(self.features[window]).float()
        return expression

    def _follows(
        self, picture: Tensor, feature: Tensor, lip: Tensor, eye: Tensor, pose: Tensor
    ) -> dict[str, Tensor]:
        """What the frozen encoders read off a picture against what it was asked to show."""
        encoders = self.model.encoders
        seen = encoders.eye(picture).float()
        return {
            "lip_consistency": 1 - (encoders.lip(feature).float() * lip.detach()).sum(1).mean(),
            "gaze_consistency": (seen[:, :2] - eye[:, :2]).abs().mean(),
            "openness_consistency": (seen[:, OPENNESS] - eye[:, 2:]).abs().mean(),
            "pose_consistency": (encoders.pose(picture).float() - pose).abs().mean(),
        }

    def _decorrelation(self, row: Tensor, expression: Tensor) -> dict[str, Tensor]:
        """Correlation of the batch and the banks, centred per clip; gradient through the batch."""
        start, length = self.bounds[row].unbind(1)
        share = torch.linspace(0, 1, 24, device=row.device)
        others = start[:, None] + (share * (length[:, None] - 1)).round().long()
        with torch.no_grad():
            mean = self.model.encoders.expression(self.features[others]).float()
        centred, row = ranks.gathered(expression - mean), ranks.gathered(row)
        lips, angles = self.centred_lips[row], self.centred_angles[row]
        filled = int(self.banked.clamp(max=self.bank_size))
        felt = torch.cat([centred, self.expression_bank[:filled]])
        losses = {
            "decorrelation": decorrelation(felt, torch.cat([lips, self.lip_bank[:filled]])),
            "decorrelation_angles": decorrelation(
                felt, torch.cat([angles, self.angle_bank[:filled]])
            ),
        }
        if self.training:
            at = (int(self.banked) + torch.arange(len(row), device=row.device)) % self.bank_size
            self.expression_bank[at] = centred.detach()
            self.lip_bank[at] = lips
            self.angle_bank[at] = angles
            self.banked += len(row)
        return losses

    def finish(self, model: TalkingHead) -> None:
        """The neutral expression is the mean over all clips, each clip counting alike."""
        self._finished = (model,)
        with torch.inference_mode():
            means = [
                model.encoders.expression.head(
                    self.features.rows[clip.start : clip.start + clip.length]
                ).mean(0)
                for clip in self.sampler.bank.clips
            ]
        model.rest_expression.copy_(torch.stack(means).mean(0).to(model.rest_expression.device))

    def leave(self, folder: Path) -> None:
        """Report what the expression code still tells about lips, pose and eyes."""
        model = self._finished[0]
        write_probes(probe(model, self.sampler, self.features.rows), folder)
