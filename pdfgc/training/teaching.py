"""Stage `teachers`: our own small networks learn the tracker's labels and who is who."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from pdfgc.config import TrainConfig
from pdfgc.model import TalkingHead
from pdfgc.teachers.interface import Teacher
from pdfgc.teachers.own import (
    IDENTITY_WIDTH,
    FaceNetworks,
    geometry_points,
    load_teachers,
    save_teachers,
)
from pdfgc.teachers.supplied import supplied_teacher
from pdfgc.tracking.measure import fit_head
from pdfgc.tracking.topology import topology_of
from pdfgc.training.batches import Batch, View
from pdfgc.training.objectives import Objective, Outcome
from pdfgc.training.sampler import Sampler

TEACHERS = "teachers"
_FILE = "teachers.safetensors"
_SAMPLED = 32
"""Frames of a clip that its mean face is taken from."""


class TeachersObjective(Objective):
    """Geometry, gaze and expression by L1 to the tracker, identity by telling the persons apart.

    Identity is a cosine softmax with margin over the persons (CosFace, section 3.1).

    The networks are no part of the talking head: they live in the objective and are left beside
    its checkpoint as `teachers.safetensors`.
    """

    scale, margin = 16.0, 0.2

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        n_landmarks = sampler.bank.landmarks.shape[1]
        self.networks = FaceNetworks(model.config.encoders, n_landmarks)
        self.persons = nn.Parameter(torch.randn(len(sampler.numbers), IDENTITY_WIDTH))
        self._points = geometry_points(n_landmarks)
        self._means = torch.zeros(0)
        self._numbers = torch.zeros(0, dtype=torch.long)
        self._starts = torch.tensor([clip.start for clip in sampler.bank.clips])

    def prepare(self) -> None:
        """Every clip's mean expression and person, which labels hang on."""
        bank = self.sampler.bank
        means, numbers = [], []
        for clip in bank.clips:
            at = clip.start + np.linspace(0, clip.length - 1, min(_SAMPLED, clip.length)).astype(
                int
            )
            means.append(expression_signs(np.asarray(bank.landmarks[at], np.float32)).mean(0))
            numbers.append(self.sampler.numbers[clip.person])
        self._means = torch.from_numpy(np.stack(means))
        self._numbers = torch.tensor(numbers)

    def draw(self, step: int, size: int) -> Batch:
        """Jittered crops with changed looks."""
        return self.sampler.poses(step, size)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Regress the labels and tell the persons apart."""
        if not isinstance(batch, View):
            raise TypeError(f"stage teachers takes views, given {type(batch).__name__}")
        side = self.model.config.encoders.image_size
        seen = self.networks(F.interpolate(batch.image, size=(side, side), mode="area"))
        device = batch.image.device
        clip = torch.searchsorted(self._starts, batch.row.cpu(), right=True) - 1
        signs = torch.from_numpy(expression_signs(batch.points.cpu().numpy())) - self._means[clip]
        person = self._numbers[clip].to(device)
        likeness = seen.identity @ F.normalize(self.persons, dim=1).T
        held = likeness - self.margin * F.one_hot(person, likeness.shape[1])
        gaze = (seen.gaze[:, :2] - batch.eye[:, :2]).abs().mean()
        losses = {
            "geometry": (seen.geometry - batch.points[:, self._points]).abs().mean(),
            "gaze": gaze + (seen.gaze[:, 2:] - batch.eye[:, 2:]).abs().mean(),
            "expression": (seen.expression - signs.to(device)).abs().mean(),
            "identity": F.cross_entropy(held * self.scale, person),
        }
        right = (likeness.argmax(1) == person).float().mean()
        return Outcome(losses, {"gaze_deg": gaze.detach().rad2deg(), "persons_right": right})

    def leave(self, folder: Path) -> None:
        """Write the networks into the stage's folder."""
        save_teachers(self.networks, folder / _FILE)


def expression_signs(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Five signs of expression in head axes, the same for a face and its mirror image.

    Args:
        points: (n, L, 3) landmarks.

    Returns:
        (n, 5) float32 over the distance of the eyes: brow height, distance of the brows' inner
        ends, height of the mouth's corners over its middle, mouth width and lip gap.
    """
    topology = topology_of(points.shape[1])
    head = fit_head(points).head
    left, right = (head[:, eye.contour].mean(1) for eye in (topology.left_eye, topology.right_eye))
    apart = np.linalg.norm(left - right, axis=-1)
    brows = head[:, topology.brows]
    half = brows.shape[1] // 2
    height = (left + right)[:, 1] / 2 - brows[..., 1].mean(1)
    inner = np.linalg.norm(brows[:, None, :half] - brows[:, half:, None], axis=-1).min((1, 2))
    lips = head[:, topology.outer_lips]
    corners = lips[:, [0, lips.shape[1] // 2]]
    upper, lower = (head[:, i] for i in topology.lip_gap)
    signs = np.stack(
        [
            height,
            inner,
            lips[..., 1].mean(1) - corners[..., 1].mean(1),
            np.linalg.norm(corners[:, 0] - corners[:, 1], axis=-1),
            np.linalg.norm(upper - lower, axis=-1),
        ],
        axis=1,
    )
    return np.asarray(signs / apart[:, None], np.float32)


def teachers_of(out: Path, config: TrainConfig) -> list[Teacher]:
    """The teachers that a run has: its own, once stage `teachers` is done, and supplied ones.

    Raises:
        InputError: a supplied file cannot be used.
    """
    path = out / TEACHERS / _FILE
    own: list[Teacher] = [load_teachers(path)] if path.is_file() else []
    return own + [supplied_teacher(each) for each in config.teachers]
