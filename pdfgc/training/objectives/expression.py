"""Stage 3: expression and the final generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pdfgc.config import TrainConfig
from pdfgc.model import Encoders, TalkingHead
from pdfgc.motion import (
    EXPRESSION_WIDTH,
    FACE_STEP,
    OPENNESS,
    Codes,
    with_opening_of,
)
from pdfgc.training import ranks
from pdfgc.training.batches import (
    Batch,
    MovedBatch,
    PairBatch,
    View,
)
from pdfgc.training.losses import (
    attention_map,
    decorrelation,
    reconstruction,
)
from pdfgc.training.objectives.base import Outcome, Pictures
from pdfgc.training.objectives.features import FrameFeatures
from pdfgc.training.objectives.reconstruction import ReconstructionObjective
from pdfgc.training.probes import probe, write_probes
from pdfgc.training.sampler import Sampler

# How far a mouth that speech drives is held to the picture.
_HEARD = 0.15


class _Seen(nn.Module):
    """What expression is read off, as one network."""

    def __init__(self, encoders: Encoders) -> None:
        super().__init__()
        self.motion, self.brow, self.lip = encoders.motion, encoders.brow, encoders.lip
        self._read = encoders.features

    def forward(self, images: Tensor) -> Tensor:
        return self._read(images)


class ExpressionObjective(ReconstructionObjective):
    """Stage 3: expression encoder and the final generator, driven by the codes of every factor.

    Lip codes come from speech at least half of the time where the sound is synchronous. Speech
    tells lips but roughly; held to the picture's own mouth, the generator would learn to half
    ignore every lip code. A mouth that speech drives is held mostly to its code instead. The frozen
    encoders judge the made picture (PD-FGC's gaze, lip-sync and motion consistency).

    Expression sees the whole face and could stand in for every other factor. Three things keep it
    from that: at first the source's own expression drives, later half of the time, but for its
    first two values, which the brow encoder and the lip encoder's trunk read (that takes the place
    of the emotion network's teaching); every third batch is a virtual motion
    (`pdfgc.training.moved`), in which it changes with brows and mouth corners alone; and it is
    decorrelated from lips, head and eyes.
    """

    bank_size = 1024
    settling = 6000
    """Samples during which only brows and mouth corners of an expression follow."""

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
        """Run the frozen trunk and lip encoder over all frames; centre what is known per clip."""
        encoders, bank = self.model.encoders, self.sampler.bank
        side = self.model.config.encoders.image_size
        self.features = FrameFeatures(_Seen(encoders), bank, side)
        lips = FrameFeatures(encoders.lip, bank, side).rows
        self.lips = lips
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
            # Of the picture as it is given: its mouth may have been closed.
            source_lip = encoders.lip(self.small(batch.source.image)).float()
        felt = encoders.expression(self.features[batch.window]).float()
        own = self._own_expression(batch.source_window)
        source = Codes(source_lip, source_eye, source_pose, own).join()
        kept = (number % 2 == 1) | (self.banked < self.settling)
        # Brows and mouth corners are numbers and always follow: where the source's own stayed,
        # lips would learn to smile as well, and a smile seen by both would be drawn twice.
        still = torch.cat([felt[:, :2], own[::shots, 2:]], dim=1)
        expression = torch.where(kept[:, None], still, felt)
        driving = Codes(lip, eye, pose, expression).join()
        appearance = self.look(batch.source.image, shots)
        source = torch.unflatten(source, 0, (-1, shots))
        made = self.model.generator(appearance, source, driving)
        trust = torch.where(heard, _HEARD, 1.0)
        losses = self.picture_losses(batch, made, appearance, adversarial=adversarial, trust=trust)
        losses |= self.shape_loss(made, batch.source, source_pose)
        losses |= self._decorrelation(batch.window[:, batch.window.shape[1] // 2], felt)
        picture = self.small(made.image)
        feature = encoders.motion(picture).float()
        with torch.no_grad():
            wanted = encoders.motion(self.small(batch.driving.image)).float()
        size = ranks.shared_mean(wanted.abs().mean())
        losses["motion_consistency"] = (feature - wanted).abs().mean() / size
        losses |= self._follows(picture, lip, batch.driving.eye, batch.driving.pose)
        count = int(self.banked.clamp(max=self.bank_size)) + len(row) * ranks.world()
        floor = torch.tensor(1.0 / count)
        return self.outcome(batch, made, losses, decorrelation_chance=floor)

    def _move(self, batch: MovedBatch, *, adversarial: bool) -> Outcome:
        view, lip = batch.source, self.lips[batch.source.row]
        with torch.no_grad():
            free = self.model.encoders.eye(self.small(view.image)).float()[:, 4:]
        expression = self._own_expression(batch.source_window)
        source = Codes(lip, torch.cat([view.eye, free], 1), view.pose, expression).join()
        felt = expression.clone()
        felt[:, :2] += batch.felt / FACE_STEP
        spoken = with_opening_of(lip, batch.mouth)
        driving = Codes(spoken, torch.cat([batch.eye, free], 1), batch.pose, felt).join()
        appearance = self.look(view.image, 1)
        made = self.model.generator(appearance, source.unsqueeze(1), driving)
        losses = self.flow_losses(made, view.points.unsqueeze(1), batch.points, batch.seen)
        losses |= self.shape_loss(made, view, view.pose)
        # Nobody has seen this picture; the source, moved, is the best guess of it, with a mouth and
        # lids as they usually are where it does not show them.
        guess = made.flows[-1].blend(appearance.images) if made.seen is None else made.seen
        guess = guess.detach()
        weight = 1 + 8 * attention_map(batch.points, self._spots, guess.shape[-1])
        losses["reconstruction"] = reconstruction(made.image, guess, weight)
        losses["synthesis"] = reconstruction(made.synthesis, guess, weight)
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
        self, picture: Tensor, lip: Tensor, eye: Tensor, pose: Tensor
    ) -> dict[str, Tensor]:
        """What the frozen encoders read off a picture against what it was asked to show."""
        encoders = self.model.encoders
        seen = encoders.eye(picture).float()
        return {
            "lip_consistency": 1 - (encoders.lip(picture) * lip.detach()).sum(1).mean(),
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
                model.encoders.expression(
                    self.features.rows[None, clip.start : clip.start + clip.length]
                )[0]
                for clip in self.sampler.bank.clips
            ]
        model.rest_expression.copy_(torch.stack(means).mean(0).to(model.rest_expression.device))

    def leave(self, folder: Path) -> None:
        """Report what the expression code still tells about lips, pose and eyes."""
        model = self._finished[0]
        seen = probe(model, self.sampler, self.features.rows, self.lips)
        write_probes(seen, folder)
