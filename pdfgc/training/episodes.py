"""Episodes of meta-learning: K frames of a clip with landmark images, and one more to draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.encoders.landmarks import LandmarkSpace, shapes_of
from pdfgc.generator.drawing import LandmarkDriver
from pdfgc.training.augment import Jitter
from pdfgc.training.batches import Batch, View
from pdfgc.training.sampler import Sampler


@dataclass(frozen=True)
class EpisodeBatch(Batch):
    """K source frames and one driving frame that is none of them, of the same clip.

    Attributes:
        source: n = B * K views.
        driving: n = B views.
        source_drawing: (B * K, 3, S, S) landmark images in [-1, 1].
        driving_drawing: (B, 3, S, S).
        person: (B,) int64 number of the person.
        shots: K.
    """

    source: View
    driving: View
    source_drawing: Tensor
    driving_drawing: Tensor
    person: Tensor
    shots: int


@dataclass(frozen=True)
class ExpressionBatch(Batch):
    """Single frames with what their expression is.

    Attributes:
        view: n views.
        shape: (n, P', 3) landmarks in head axes without the mean.
        alphas: (n, alphas) expression coefficients against the clip's mean face.
    """

    view: View
    shape: Tensor
    alphas: Tensor


def draw_episodes(
    sampler: Sampler, driver: LandmarkDriver, step: int, size: int, shots: int
) -> EpisodeBatch:
    """Draw the episodes of a step.

    Args:
        sampler: draws clips and cuts views.
        driver: draws landmark images.
        step: number of the training step.
        size: B.
        shots: K.
    """
    rng = np.random.default_rng([sampler.seed, step, sampler.rank, 7])
    clips = [
        sampler.bank.clips[i]
        for i in rng.choice(len(sampler.bank.clips), size, p=sampler.pair_weights)
    ]
    frames = np.stack([_apart(rng, clip.length, shots + 1) for clip in clips])
    rows = np.array([clip.start for clip in clips])[:, None] + frames
    mirror = rng.random(size) < 0.5
    driving = sampler.view(rows[:, 0].copy(), Jitter.draw(rng, mirror))
    source = sampler.view(rows[:, 1:].ravel(), Jitter.draw(rng, np.repeat(mirror, shots)))
    return EpisodeBatch(
        source=source,
        driving=driving,
        source_drawing=driver(codes_of(source, driver.space), sampler.side),
        driving_drawing=driver(codes_of(driving, driver.space), sampler.side),
        person=torch.tensor([sampler.numbers[clip.person] for clip in clips]),
        shots=shots,
    )


def codes_of(view: View, space: LandmarkSpace) -> Tensor:
    """Joined codes (n, D) of what the tracker says of views: the same way as an avatar's."""
    eye = view.eye.numpy()
    shapes = shapes_of(view.points.numpy(), eye[:, 2:4])
    return space.codes(shapes, view.pose.numpy(), eye[:, :2], eye[:, 2:4]).join()


def _apart(rng: np.random.Generator, length: int, count: int) -> NDArray[np.int64]:
    """`count` frames of which the first is none of the others."""
    if length >= count:
        return rng.choice(length, count, replace=False)
    first = int(rng.integers(length))
    others = rng.integers(max(1, length - 1), size=count - 1)
    return np.concatenate([[first], (first + 1 + others) % length])
