"""What the tracker says of a frame, as numbers that networks are held to."""

from __future__ import annotations

import torch
from torch import Tensor

from pdfgc.tracking.topology import topology_of
from pdfgc.training.batches import (
    View,
)


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
