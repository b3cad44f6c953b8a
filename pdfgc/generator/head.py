"""The flow that a turning head makes: a canonical head surface, placed by pose, bent by codes.

A pixel of the picture is traced back to the surface of the head that stands there, the point on
the surface is moved as the codes ask, and the head is placed anew as the source holds it. As in
face-vid2vid (Wang et al. 2021, section 3) rotation is thus geometry, not something to be learned,
and so are lids, eyeballs, jaw, brows and corners of the mouth, whose codes are numbers; the surface
itself, which pixels belong to it, and how all else moves upon it are learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.generator.drivers import Driven
from pdfgc.generator.expression import ExpressionMotion
from pdfgc.generator.eyes import EyeMotion
from pdfgc.generator.layers import identity_grid, upsample
from pdfgc.generator.mouth import MouthMotion
from pdfgc.generator.shape import FaceShape
from pdfgc.motion import POSE_WIDTH
from pdfgc.tracking import canonical_face, topology_of

# Half sides, in interocular distances, of the squares of head axes on which the surface and the
# moves upon it are kept: hair and shoulders, and the face.
_HEAD, _FACE = 3.0, 1.9
_HEAD_CELLS, _FACE_CELLS = 48, 64
# Tracing meets the surface after a few rounds; the nose is steep, full steps would swing.
_ROUNDS, _STEP = 4, 0.8
_SOLVE_SIDE = 64
# Spread of a learned move in its cells: skin does not tear.
_SPREAD = 1.5


@dataclass(frozen=True)
class HeadMotion:
    """What `HeadFlow` gives.

    Attributes:
        field: (B, K, 2, S, S) backward flow, x then y, the picture spans [-1, 1].
        head: (B, 1, S, S) share of each pixel that belongs to the head, in [0, 1].
        shape: (B, K, P, 2) where each source's features lie against the mean face's
            (`pdfgc.generator.shape`), in interocular distances.
        place: (B, S, S, 2) where each pixel lies on the head, as the place in the picture where
            that point lies when pose is zero; in [-1, 1] inside it.
        inside: (B, 3, S, S) the inside of the driving mouth (`pdfgc.generator.mouth`).
        hidden: (B, K, 1, S, S) what each source does not show, in [0, 1].
        lid: (B, K, 1, S, S) skin of lids that each source hides in their folds, in [0, 1].
        skin: (B, K, 2, S, S) backward flow to skin like that.
    """

    field: Tensor
    head: Tensor
    shape: Tensor
    place: Tensor
    inside: Tensor
    hidden: Tensor
    lid: Tensor
    skin: Tensor


class HeadFlow(nn.Module):
    """Rigid turn of a learned head surface plus learned moves upon it.

    Args:
        style_width: width of the embedded motion.
        moves: number of learned moves, mixed by the motion (as blend shapes are).
    """

    template: Tensor
    bell: Tensor

    def __init__(self, style_width: int, moves: int = 32) -> None:
        super().__init__()
        face = canonical_face()
        x, y, size = (float(value) for value in face.template)
        self.register_buffer("template", torch.tensor([2 * x - 1, 2 * y - 1, 2 * size]), False)
        self.depth = nn.Parameter(_first_depth(face.points))
        self.belongs = nn.Parameter(_first_head())
        self.moves = nn.Parameter(torch.zeros(moves, 3 * _FACE_CELLS**2))
        self.shares = nn.Sequential(
            nn.Linear(2 * style_width, style_width), nn.ReLU(), nn.Linear(style_width, moves)
        )
        self.gain = 2.0
        self.eyes = EyeMotion()
        self.mouth = MouthMotion()
        self.expression = ExpressionMotion()
        self.shape = FaceShape()
        taps = torch.arange(-4.0, 5.0)
        bell = torch.exp(-taps.square() / (2 * _SPREAD**2))
        self.register_buffer("bell", bell / bell.sum(), False)

    def forward(self, images: Tensor, source: Driven, driving: Driven) -> HeadMotion:
        """Flow from each driving head to each source's.

        Args:
            images: (B, K, 3, S, S) the sources.
            source: (B, K, ...) motion of the sources.
            driving: (B, ...) driving motion.

        Raises:
            ValueError: the poses have another width.
        """
        if driving.pose.shape[-1] != POSE_WIDTH:
            raise ValueError(f"expected (..., {POSE_WIDTH}) poses")
        return self.between(self.own(images, source.pose), source, driving, images.shape[-1])

    def own(self, images: Tensor, pose: Tensor) -> Tensor:
        """Where the features of sources lie against the mean face's.

        Args:
            images: (B, K, 3, S, S) the sources.
            pose: (B, K, 6) theirs.

        Returns:
            (B, K, P, 2) as `HeadMotion` has it.

        Raises:
            ValueError: the poses have another width.
        """
        if pose.shape[-1] != POSE_WIDTH:
            raise ValueError(f"expected (..., {POSE_WIDTH}) poses")
        shape = self.shape(self._patch(images.flatten(0, 1), pose.float().flatten(0, 1)))
        return torch.unflatten(shape, 0, pose.shape[:2])

    def between(self, shape: Tensor, source: Driven, driving: Driven, side: int) -> HeadMotion:
        """Flow from each driving head to each source's, whose shapes are known.

        Args:
            shape: (B, K, P, 2) as `HeadMotion` has it.
            source: (B, K, ...) motion of the sources.
            driving: (B, ...) driving motion.
            side: S (px).
        """
        device = driving.pose.device
        batch, shots = source.pose.shape[:2]
        pair = torch.cat([source.style, driving.style.unsqueeze(1).expand(-1, shots, -1)], dim=2)
        known = source.pose.float().flatten(0, 1)
        with torch.autocast(device_type=device.type, enabled=False):
            coarse = min(side, _SOLVE_SIDE)
            point = self._trace(
                driving.pose.float(), identity_grid(coarse, coarse, device).permute(0, 3, 1, 2)
            )
            head = torch.sigmoid(_read(self.belongs, point[:, :2], _HEAD))
            own = point.repeat_interleave(shots, dim=0)
            bend = self.shape.maps(shape.flatten(0, 1))
            mean = self.shape.undo(bend, own[:, :2])
            mixed = self.gain * self.shares(pair.float()).flatten(0, 1) @ self.moves
            mixed = mixed.view(-1, 3, _FACE_CELLS, _FACE_CELLS)
            step = _read(self._spread(mixed), mean, _FACE, beyond="zeros")
            eye, opening, face = (
                part.float().repeat_interleave(shots, dim=0)
                for part in (driving.eye, driving.mouth, driving.face)
            )
            felt = self.expression(mean, source.face.float().flatten(0, 1), face)
            if coarse != side:
                # All of it is smooth so far; lids and lips are not.
                smooth = upsample(torch.cat([own, mean, felt, step], dim=1), side)
                own, mean, felt, step = torch.split(smooth, [3, 2, 2, 3], dim=1)
                head = upsample(head, side)
            # Lids and lips lie where brows and corners have taken them.
            unfelt = torch.cat([mean + felt, own[:, 2:]], dim=1)
            eyes = self.eyes(unfelt, source.eye.float().flatten(0, 1), eye)
            mouth = self.mouth(unfelt, source.mouth.float().flatten(0, 1), opening)
            step, beyond = step[:, :2] + felt + eyes.step + mouth.step, step[:, 2:]

            def came_from(move: Tensor) -> Tensor:
                # Without a step nothing moves, however rough the way to the mean face and back is.
                rest = self.shape.at(bend, mean + move) - self.shape.at(bend, mean)
                return self._project(known, own + torch.cat([move + rest, beyond], dim=1))

            seen, skin = came_from(step), came_from(felt + eyes.skin)
            grid = identity_grid(side, side, device).permute(0, 3, 1, 2)
            place = self.template[:2, None, None] + self.template[2] * mean[::shots]
        return HeadMotion(
            torch.unflatten(seen - grid, 0, (batch, shots)),
            head,
            shape,
            place.permute(0, 2, 3, 1),
            mouth.inside[::shots],
            torch.unflatten(mouth.hidden, 0, (batch, shots)),
            torch.unflatten(eyes.lid, 0, (batch, shots)),
            torch.unflatten(skin - grid, 0, (batch, shots)),
        )

    def _patch(self, images: Tensor, pose: Tensor) -> Tensor:
        """The faces (n, 3, p, p) of pictures (n, 3, S, S) as they would look from the front."""
        with torch.no_grad():
            place = self.shape.grid.expand(len(pose), -1, -1, -1)
            depth = _read(self.depth, place, _HEAD)
            at = self._project(pose, torch.cat([place, depth], dim=1)).permute(0, 2, 3, 1)
            return F.grid_sample(images.float(), at, align_corners=False)

    def unplaced(self, points: Tensor, pose: Tensor) -> Tensor:
        """Landmarks (n, L, 3) in crop coordinates as places (n, L, 3) on heads of poses (n, 6)."""
        turn, place, size = self._placed(pose)
        rigid = torch.from_numpy(topology_of(points.shape[1]).rigid.copy())
        depth = points[:, rigid, 2].mean(1, keepdim=True)
        centre = torch.cat([place[:, :, 0, 0], depth], dim=1)
        return torch.einsum("bji,blj->bli", turn, points - centre[:, None]) / size[:, :, 0]

    def _spread(self, maps: Tensor) -> Tensor:
        """Smooth (n, 3, h, w) maps."""
        bell = self.bell.expand(3, 1, 1, -1)
        half = len(self.bell) // 2
        across = F.conv2d(maps, bell, padding=(0, half), groups=3)
        return F.conv2d(across, bell.transpose(2, 3), padding=(half, 0), groups=3)

    def _placed(self, pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotation (B, 3, 3), place (B, 2, 1, 1) and size (B, 1, 1, 1) of heads in the picture."""
        place = self.template[:2] + 2 * pose[:, 3:5]
        size = self.template[2] * pose[:, 5].exp()
        return rotation(pose[:, :3]), place[:, :, None, None], size[:, None, None, None]

    def _trace(self, pose: Tensor, grid: Tensor) -> Tensor:
        """Points of the surface (B, 3, h, w), head axes, that lie at pixels (1, 2, h, w)."""
        turn, place, size = self._placed(pose)
        seen = (grid - place) / size
        depth = torch.zeros_like(seen[:, :1])
        point = torch.cat([seen, depth], dim=1)
        for _ in range(_ROUNDS):
            point = torch.einsum("bji,bjhw->bihw", turn, torch.cat([seen, depth], dim=1))
            surface = torch.cat([point[:, :2], _read(self.depth, point[:, :2], _HEAD)], dim=1)
            wanted = torch.einsum("bj,bjhw->bhw", turn[:, 2], surface).unsqueeze(1)
            depth = depth + _STEP * (wanted - depth)
        return point

    def _project(self, pose: Tensor, point: Tensor) -> Tensor:
        """Where points (B, 3, h, w) of heads lie in the picture: (B, 2, h, w)."""
        turn, place, size = self._placed(pose)
        return place + size * torch.einsum("bij,bjhw->bihw", turn[:, :2], point)


def rotation(angles: Tensor) -> Tensor:
    """Rotation of a head, as `pdfgc.tracking.geometry.rotation_from_angles` defines it.

    Args:
        angles: (B, 3) yaw, pitch, roll (rad).

    Returns:
        (B, 3, 3) head axes to camera axes.
    """
    (sy, sp, sr), (cy, cp, cr) = angles.sin().unbind(1), angles.cos().unbind(1)
    zero, one = torch.zeros_like(sy), torch.ones_like(sy)

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, dim=1).view(-1, 3, 3)

    turn = matrix(cy, zero, -sy, zero, one, zero, sy, zero, cy)
    nod = matrix(one, zero, zero, zero, cp, sp, zero, -sp, cp)
    tilt = matrix(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    return tilt @ turn @ nod


def _read(maps: Tensor, place: Tensor, reach: float, beyond: str = "border") -> Tensor:
    """Read maps (1 or B, C, n, n) that span [-reach, reach] at places (B, 2, h, w)."""
    maps = maps.expand(len(place), -1, -1, -1)
    grid = place.permute(0, 2, 3, 1) / reach
    return F.grid_sample(maps, grid, padding_mode=beyond, align_corners=False)


def _first_depth(points: np.ndarray) -> Tensor:
    """Depth of the mean face over its square, running out into the back of a head."""
    axis = ((np.arange(_HEAD_CELLS) * 2 + 1) / _HEAD_CELLS - 1) * _HEAD
    x, y = np.meshgrid(axis, axis)
    around = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    back = np.stack([1.9 * np.cos(around), 2.4 * np.sin(around) - 0.2, 0 * around + 2.0], axis=1)
    known = np.concatenate([points, back])
    apart = (x[..., None] - known[:, 0]) ** 2 + (y[..., None] - known[:, 1]) ** 2
    # Wider where points are far: a smooth rim instead of steps.
    width = 0.12 + 0.35 * np.sqrt(apart.min(axis=-1, keepdims=True))
    weight = np.exp(-apart / (2 * width**2)) + 1e-12
    depth = (weight * known[:, 2]).sum(-1) / weight.sum(-1)
    return torch.from_numpy(depth.astype(np.float32))[None, None]


def _first_head() -> Tensor:
    """Logit of what belongs to a head: an ellipse with a soft rim."""
    axis = ((np.arange(_HEAD_CELLS) * 2 + 1) / _HEAD_CELLS - 1) * _HEAD
    x, y = np.meshgrid(axis, axis)
    radius = np.sqrt((x / 1.55) ** 2 + ((y + 0.1) / 2.15) ** 2)
    return torch.from_numpy((6 * (1 - radius)).astype(np.float32))[None, None]
