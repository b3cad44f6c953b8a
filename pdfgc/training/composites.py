"""Eye composites: one frame with the eyes of another (PD-FGC, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from pdfgc.tracking.topology import topology_of
from pdfgc.training.batches import View


def blend_eyes(giver: View, taker: View) -> Tensor:
    """Put the giver's eyes into the taker's picture with soft ellipses.

    Args:
        giver: (n) views of the frames that give the eyes.
        taker: (n) views of the frames that receive them, of the same heads in about the same pose.

    Returns:
        (n, 3, S, S).
    """
    topology = topology_of(giver.points.shape[1])
    side = giver.image.shape[-1]
    axis = (torch.arange(side, dtype=torch.float32) * 2 + 1) / side - 1
    out = taker.image
    for eye in (topology.left_eye, topology.right_eye):
        corners = torch.tensor(eye.corners)
        ends_to, ends_from = taker.points[:, corners, :2], giver.points[:, corners, :2]
        to, where = ends_to.mean(1), ends_from.mean(1)
        reach = (ends_to[:, 0] - ends_to[:, 1]).norm(dim=-1).clamp(min=0.02)
        x = (axis[None, None, :] - to[:, 0, None, None]) / (0.85 * reach[:, None, None])
        y = (axis[None, :, None] - to[:, 1, None, None]) / (0.6 * reach[:, None, None])
        mask = torch.sigmoid((1 - (x.square() + y.square())) * 4).unsqueeze(1)
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
        grid = grid.unsqueeze(0) + (where - to)[:, None, None, :]
        moved = torch.nn.functional.grid_sample(
            giver.image, grid, padding_mode="border", align_corners=False
        )
        out = out * (1 - mask) + moved * mask
    return out
