"""What the lips of every frame do, in the axes of the head: what both lip encoders are held to."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pdfgc.tracking import fit_head, topology_of
from pdfgc.training.clips import ClipBank
from pdfgc.training.readings import mouth_of

N_SHAPES = 6
"""Principal shapes of the lips beside opening and width."""

_CHUNK = 2000


def lip_shapes(bank: ClipBank, share: Tensor) -> Tensor:
    """Opening, width and the first principal shapes of the lips, from the tracker.

    The shapes are the principal directions in which lip landmarks move within clips, head pose
    taken out.

    Args:
        bank: the clips.
        share: (clips,) weight of each clip.

    Returns:
        (N, 2 + N_SHAPES) float32. Opening and width come in units of how much each varies within
        clips, the shapes in that of the first; only the opening has a natural zero (lips closed).
    """
    number = torch.tensor([clip.length for clip in bank.clips])
    clip = torch.arange(len(number)).repeat_interleave(number)
    weight = (share / share.sum() / number)[clip].double()[:, None]

    def within(values: Tensor) -> Tensor:
        total = values.new_zeros(len(number), values.shape[1]).index_add_(0, clip, values)
        return values - (total / number[:, None])[clip]

    mouth, points = _tracked(bank)
    moved = within(points)
    # In ascending order: the last direction moves most.
    variance, directions = torch.linalg.eigh(moved.T @ (moved * weight))
    first = variance[-1].clamp(min=1e-12).sqrt()
    shapes = points @ directions.flip(1)[:, :N_SHAPES] / first
    apart = (within(mouth).square() * weight).sum(0).clamp(min=1e-12).sqrt()
    return torch.cat([mouth / apart, shapes], dim=1).float()


def _tracked(bank: ClipBank) -> tuple[Tensor, Tensor]:
    """Opening and width (N, 2), and lip landmarks in head axes (N, 3 * points), float64."""
    lips = topology_of(bank.landmarks.shape[1]).mouth
    mouth, points = [], []
    for start in range(0, len(bank.landmarks), _CHUNK):
        rows = np.array(bank.landmarks[start : start + _CHUNK], np.float32)
        mouth.append(mouth_of(torch.from_numpy(rows)))
        points.append(torch.from_numpy(fit_head(rows).head[:, lips]).flatten(1))
    return torch.cat(mouth).double(), torch.cat(points)
