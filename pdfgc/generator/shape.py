"""Where a person's features lie: a source's own face against the mean face, read off its picture.

Lids and eyeballs move upon the mean face (`pdfgc.generator.eyes`); drawn upon a person they must
stand where that person's stand, to a hundredth of the face. As the canonical keypoints of
face-vid2vid (Wang et al. 2021, section 3.1) are predicted from the source picture alone, so are
these: no tracker and no driver takes part when the model runs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.generator.layers import start_at_zero
from pdfgc.generator.mouth import mean_opening, opened
from pdfgc.tracking import canonical_face, fit_head, topology_of

# The mean face's eyes are a little less open than a person's open eye.
MEAN_OPENNESS = 0.9
# Side of the face patch that is looked at, and its half side and height in head axes.
_PATCH, _LOOK, _LOOK_Y = 96, 1.35, 0.35
# Half side of the square on which the shape is kept, its cells, and how far a point's word reaches.
_REACH, _CELLS, _HOLD = 2.9, 96, 0.5
# An eye less open than this does not tell how far it opens.
_TELLS = 0.4
_INVERSIONS = 4


def control_points() -> NDArray[np.int64]:
    """Landmarks whose places make a shape: eyes, brows, nose, mouth and outline.

    The two upper lids come last.
    """
    face = canonical_face()
    topology, eye, lips = face.topology, face.topology.right_eye, face.topology.outer_lips
    upper, lower = (int(lid[len(lid) // 2]) for lid in (eye.upper, eye.lower))
    right = [*eye.corners, lower, *topology.brows[:5:2], topology.nose[-2], lips[0]]
    right += [topology.jaw[i] for i in (1, 3, 6, 8)]
    middle = [topology.nose[-3], lips[len(lips) // 4], lips[3 * len(lips) // 4], topology.jaw[11]]
    sides = [int(i) for point in right for i in (point, face.mirror[point])]
    return np.array([*sides, *middle, face.mirror[upper], upper], np.int64)


def own_shape(landmarks: NDArray[np.floating], openness: NDArray[np.floating]) -> Tensor:
    """The shape of a person from many frames: what `FaceShape` learns to read off one picture.

    Args:
        landmarks: (T, L, 3) in crop coordinates.
        openness: (T, 2) of the left and the right eye.

    Returns:
        (P, 2) float32 what is to be added to x and y of the mean face's control points, in
        interocular distances. Upper lids are those of fully open eyes, lips and jaw those of a
        mouth as far open as the mean face's.
    """
    face = canonical_face(topology_of(landmarks.shape[1]))
    head = fit_head(landmarks).head
    points = control_points()
    places = head[:, points, :2].copy()
    top, bottom = face.topology.lip_gap
    apart = head[:, bottom, 1] - head[:, top, 1] - mean_opening()
    places[..., 1] -= opened(face.points[points, :2], apart)
    shape = np.median(places, axis=0)
    eyes = (face.topology.left_eye, face.topology.right_eye)
    for side, eye in enumerate(eyes):
        lower, upper = (int(lid[len(lid) // 2]) for lid in (eye.lower, eye.upper))
        gap = head[:, lower, 1] - head[:, upper, 1]
        wide = openness[:, side] > min(_TELLS, float(openness[:, side].max()))
        wide |= openness[:, side] == openness[:, side].max()
        gap = gap[wide] / np.maximum(openness[wide, side], 0.2)
        shape[side - 2, 1] = np.median(head[:, lower, 1]) - np.median(gap)
    return torch.from_numpy((shape - _anchors()).astype(np.float32))


def mirrored_shape(shape: Tensor) -> Tensor:
    """The shapes (n, P, 2) of mirrored pictures."""
    points, mirror = control_points(), canonical_face().mirror
    order = [int(np.flatnonzero(points == mirror[i])[0]) for i in points]
    return shape[:, order] * shape.new_tensor([-1.0, 1.0])


class FaceShape(nn.Module):
    """Reads a shape off a face patch and bends the mean face by it."""

    anchors: Tensor
    basis: Tensor
    grid: Tensor

    def __init__(self, channels: tuple[int, ...] = (12, 24, 48, 64, 96)) -> None:
        super().__init__()
        anchors = _anchors()
        self.register_buffer("anchors", torch.from_numpy(anchors.astype(np.float32)), False)
        self.register_buffer("basis", _basis(anchors), False)
        axis = (torch.arange(_PATCH) * 2 + 1) / _PATCH - 1
        across, down = torch.meshgrid(axis * _LOOK, axis * _LOOK + _LOOK_Y, indexing="xy")
        self.register_buffer("grid", torch.stack([across, down])[None], False)
        layers: list[nn.Module] = []
        for step, (inputs, outputs) in enumerate(zip((3, *channels), channels, strict=False)):
            layers += [nn.Conv2d(inputs, outputs, 3, 1 if step == 0 else 2, 1), nn.LeakyReLU(0.2)]
        side = _PATCH // 2 ** (len(channels) - 1)
        self.read = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(channels[-1] * side**2, 128),
            nn.LeakyReLU(0.2),
            start_at_zero(nn.Linear(128, 2 * len(anchors))),
        )

    def forward(self, patch: Tensor) -> Tensor:
        """Read shapes off frontal face patches.

        Args:
            patch: (n, 3, p, p) RGB in [-1, 1], the picture looked up at `grid`.

        Returns:
            (n, P, 2) offsets of the control points, in interocular distances.
        """
        # Light and colour tell nothing of where things are.
        mean = patch.mean(dim=(1, 2, 3), keepdim=True)
        spread = patch.std(dim=(1, 2, 3), keepdim=True) + 0.05
        return torch.unflatten(0.1 * self.read((patch - mean) / spread).float(), 1, (-1, 2))

    def maps(self, shape: Tensor) -> Tensor:
        """What shapes (n, P, 2) add to places of the mean face: (n, 2, h, w) over its square."""
        flat = shape.transpose(1, 2) @ self.basis
        return torch.unflatten(flat, 2, (_CELLS, _CELLS))

    @staticmethod
    def at(maps: Tensor, place: Tensor) -> Tensor:
        """What is added at places (n, 2, h, w) of the mean face; outside, as much as at the rim."""
        grid = place.permute(0, 2, 3, 1) / _REACH
        return F.grid_sample(maps, grid, padding_mode="border", align_corners=False)

    def undo(self, maps: Tensor, own: Tensor) -> Tensor:
        """The place on the mean face (n, 2, h, w) that lies at a place of the own one."""
        place = own
        for _ in range(_INVERSIONS):
            place = own - self.at(maps, place)
        return place


def _anchors() -> NDArray[np.float64]:
    """(P, 2) control points of the mean face with open eyes."""
    face = canonical_face()
    points = face.points[control_points(), :2].copy()
    for side, eye in enumerate((face.topology.left_eye, face.topology.right_eye)):
        lower = face.points[int(eye.lower[len(eye.lower) // 2]), 1]
        points[side - 2, 1] = lower + (points[side - 2, 1] - lower) / MEAN_OPENNESS
    return points


def _kernel(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matern 3/2: as smooth as skin, and well behaved where points lie close together."""
    apart = np.linalg.norm(first[:, None] - second, axis=-1) / _HOLD
    bell: NDArray[np.float64] = (1 + apart) * np.exp(-apart)
    return bell


def _basis(anchors: NDArray[np.float64]) -> Tensor:
    """(P, h * w) how much of each control point's offset every cell takes."""
    axis = ((np.arange(_CELLS) * 2 + 1) / _CELLS - 1) * _REACH
    cells = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    weights = np.linalg.solve(_kernel(anchors, anchors), _kernel(anchors, cells))
    return torch.from_numpy(weights.astype(np.float32))
