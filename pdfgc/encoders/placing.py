"""Where a drawn face stands: an affine map from the mean face looking ahead, off its lines."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pdfgc.encoders.layers import in_full_precision
from pdfgc.tracking import MESH_478, canonical_face
from pdfgc.tracking.contours import CONTOURS, Contour

# Of a colour's strength, what a pixel needs to count; of all pixels, what a part needs to be there.
_FAINT, _GONE = 0.2, 3e-4
# Draws the map towards one that leaves all in place: parts may be missing.
_RIDGE = 1e-3


def looking_ahead() -> NDArray[np.float32]:
    """(L, 2) landmarks of the mean face without a pose, in crop coordinates."""
    face = canonical_face(MESH_478)
    x, y, size = (float(value) for value in face.template)
    points = 2 * size * face.points[:, :2] + 2 * np.array([x, y]) - 1
    return np.asarray(points, np.float32)


class Placing(nn.Module):
    """Reads an affine map off a landmark image.

    Every part has its colour, so the middles of the parts are known, and least squares bring the
    mean face's middles onto them. Both flows of MarioNETte begin with this map and learn the rest:
    without it they did not move in 100 steps of meta-learning.
    """

    colours: Tensor
    middles: Tensor

    def __init__(self) -> None:
        super().__init__()
        parts: dict[tuple[int, int, int], list[Contour]] = defaultdict(list)
        for line in CONTOURS.lines:
            parts[line.colour].append(line)
        points = looking_ahead()[CONTOURS.mesh]
        # Irises are no landmarks of the mean face; they are told apart, and left out.
        counted = {
            number: _middle(lines, points)
            for number, lines in enumerate(parts.values())
            if max(line.points.max() for line in lines) < len(points)
        }
        colours = torch.tensor(list(parts), dtype=torch.float32)
        middles = torch.from_numpy(np.stack(list(counted.values())))
        unit = colours / colours.norm(dim=1, keepdim=True)
        self.counted = tuple(counted)
        self.register_buffer("colours", unit, persistent=False)
        self.register_buffer("middles", middles, persistent=False)

    @torch.no_grad()
    def forward(self, drawings: Tensor) -> Tensor:
        """Read the maps.

        Args:
            drawings: (n, 3, S, S) landmark images in [-1, 1].

        Returns:
            (n, 2, 3) float32: the mean face's crop coordinates (x, y, 1) to the picture's.
        """
        with in_full_precision(drawings):
            light = (drawings.float() + 1) / 2
            strength = light.norm(dim=1)
            part = torch.einsum("nchw,pc->nphw", light, self.colours).argmax(dim=1)
            lit = strength * (strength > _FAINT)
            side = drawings.shape[-1]
            axis = (torch.arange(side, device=light.device) * 2 + 1) / side - 1
            found, there = [], []
            for number in self.counted:
                mass = lit * (part == number)
                total = mass.sum(dim=(1, 2))
                x = (mass.sum(dim=1) * axis).sum(dim=1) / total.clamp(min=1e-6)
                y = (mass.sum(dim=2) * axis).sum(dim=1) / total.clamp(min=1e-6)
                found.append(torch.stack([x, y], dim=1))
                there.append(total > _GONE * side * side)
            seen, weight = torch.stack(found, dim=1), torch.stack(there, dim=1).float()
            known = torch.cat([self.middles, torch.ones_like(self.middles[:, :1])], dim=1)
            gram = torch.einsum("np,pi,pj->nij", weight, known, known)
            right = torch.einsum("np,pi,npj->nij", weight, known, seen)
            still = torch.eye(3, device=light.device)
            solved: Tensor = torch.linalg.solve(
                gram + _RIDGE * still, right + _RIDGE * still[:, :2]
            )
            return solved.transpose(1, 2)

    def to_picture(self, drawings: Tensor, side: int) -> Tensor:
        """(n, 2, side, side) backward flow: where the pose-free face finds itself in a picture."""
        return _flow(self(drawings), side)

    def to_face(self, drawings: Tensor, side: int) -> Tensor:
        """(n, 2, side, side) backward flow: where a picture finds itself in the pose-free face."""
        maps = self(drawings)
        turn = torch.linalg.inv(maps[:, :, :2])
        return _flow(torch.cat([turn, -turn @ maps[:, :, 2:]], dim=2), side)


def _flow(maps: Tensor, side: int) -> Tensor:
    """What affine maps (n, 2, 3) move, as a flow."""
    axis = (torch.arange(side, device=maps.device, dtype=torch.float32) * 2 + 1) / side - 1
    x, y = torch.meshgrid(axis, axis, indexing="xy")
    places = torch.stack([x, y, torch.ones_like(x)])
    return torch.einsum("nij,jhw->nihw", maps, places) - places[:2]


def _middle(lines: list[Contour], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Middle of lines, by their length: what their pixels have."""
    total, length = np.zeros(2), 0.0
    for line in lines:
        path = points[line.points]
        if line.closed:
            path = np.concatenate([path, path[:1]])
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
        total += ((path[1:] + path[:-1]) / 2 * steps[:, None]).sum(axis=0)
        length += float(steps.sum())
    return np.asarray(total / length, np.float32)
