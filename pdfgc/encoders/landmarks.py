"""Landmarks as codes: a mean face, what a person is, and what the face does (MarioNETte, LT)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pdfgc.config import LandmarkConfig
from pdfgc.errors import InputError
from pdfgc.motion import EXPRESSION_WIDTH, EYE_WIDTH, OPENNESS, POSE_WIDTH, Codes
from pdfgc.tracking import MESH_478, canonical_face, fit_head
from pdfgc.tracking.contours import CONTOURS, IRIS_POINTS
from pdfgc.tracking.geometry import rotation_from_angles

Floats = NDArray[np.float32]

# Lip codes are of unit length: one value more than coefficients, this long, carries the scale.
_KAPPA = 4.0
# Lids that are less open say too little about the open eye.
_OPEN = 0.6
_IRIS_RADIUS = 0.095
_RIDGE = 0.02


@dataclass(frozen=True)
class Shapes:
    """Faces in head axes, pose taken out.

    Attributes:
        points: (n, P', 3) drawn mesh landmarks in interocular distances, eyes as if open.
        lids_known: (n, 2) whether right and left eye were open enough to be known.
    """

    points: Floats
    lids_known: NDArray[np.bool_]


def shapes_of(landmarks: NDArray[np.floating], openness: NDArray[np.floating]) -> Shapes:
    """Take pose and lids out of landmarks.

    Args:
        landmarks: (n, 478, 3) in crop coordinates or px.
        openness: (n, 2) of the left and the right eye.

    Raises:
        InputError: the landmarks are of another scheme.
    """
    if landmarks.shape[1] != MESH_478.n_landmarks:
        raise InputError(
            f"Landmark presets need the dense mesh of {MESH_478.n_landmarks} landmarks, the "
            f"tracker gave {landmarks.shape[1]}; use the mediapipe backend."
        )
    points = fit_head(landmarks).head[:, CONTOURS.mesh].astype(np.float32)
    seen = np.asarray(openness, np.float32)[:, ::-1]  # right eye first, as in the contours
    return Shapes(
        _with_lids(points, np.asarray(1 / np.maximum(seen, _OPEN), np.float32)), seen >= _OPEN
    )


def _with_lids(points: Floats, gain: Floats) -> Floats:
    """Scale how far lids (n, P', 3) lie from the line between an eye's corners, by gain (n, 2)."""
    out = points.copy()
    for eye in range(2):
        rows = CONTOURS.lids[eye]
        outer, inner = (points[:, i][:, None] for i in CONTOURS.corners[eye])
        along = (inner - outer) / np.linalg.norm(inner - outer, axis=-1, keepdims=True)
        lids = points[:, rows]
        foot = outer + ((lids - outer) * along).sum(-1, keepdims=True) * along
        out[:, rows] = foot + (lids - foot) * gain[:, eye, None, None]
    return out


class LandmarkSpace(nn.Module):
    """Landmarks from codes and codes from landmarks.

    A face is mean + identity + expression, each a mix of a basis that `fit` takes from data
    (MarioNETte, section 4): identities are the means of persons, expressions what is left in each
    of their clips. Lips with the lower jaw, and all the rest, have bases of their own, so that
    `lip` and `expression` are driven apart; lids follow openness, irises gaze, and all is placed by
    pose. In every code, expression comes first and identity last.

    Args:
        config: sizes of the bases.
        lip_width: width of the lip code: its coefficients and one more.
    """

    mean: Tensor
    face_basis: Tensor
    lip_basis: Tensor
    fitted: Tensor

    def __init__(self, config: LandmarkConfig, lip_width: int) -> None:
        super().__init__()
        self.config = config
        self.lip_width = lip_width
        face, mouth = len(CONTOURS.face), len(CONTOURS.mouth)
        average = canonical_face(MESH_478).points[CONTOURS.mesh].astype(np.float32)
        self.register_buffer("mean", torch.from_numpy(average))
        self.register_buffer("face_basis", torch.zeros(EXPRESSION_WIDTH, face, 3))
        self.register_buffer("lip_basis", torch.zeros(lip_width - 1, mouth, 3))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.uint8))

    @property
    def alphas(self) -> int:
        """Number of expression coefficients, of face and lips together."""
        return self.config.face_expressions + self.config.lip_expressions

    def fit(self, shapes: Shapes, person: NDArray[np.int64], clip: NDArray[np.int64]) -> None:
        """Take mean and bases from data.

        Args:
            shapes: n frames.
            person: (n,) who it is.
            clip: (n,) of which clip.
        """
        points = shapes.points
        everybody = np.stack([points[person == p].mean(0) for p in np.unique(person)])
        mean = everybody.mean(0)
        # What does not show is as in the person's other frames, else as in the mean face.
        points = _filled(points, shapes.lids_known, mean)
        everybody = np.stack([points[person == p].mean(0) for p in np.unique(person)])
        moved = (
            points
            - np.stack([points[clip == c].mean(0) for c in np.unique(clip)])[
                np.unique(clip, return_inverse=True)[1]
            ]
        )
        self.mean.copy_(torch.from_numpy(mean))
        for basis, rows, n in (
            (self.face_basis, CONTOURS.face, self.config.face_expressions),
            (self.lip_basis, CONTOURS.mouth, self.config.lip_expressions),
        ):
            expressions = _principal(moved[:, rows], n)
            identities = _principal((everybody - mean)[:, rows], len(basis) - n)
            basis.copy_(torch.from_numpy(np.concatenate([expressions, identities])))
        self.fitted.fill_(1)

    def expressions(self, shapes: Shapes, around: Floats) -> Floats:
        """Expression coefficients (n, alphas) of what differs from neutral faces (n, P', 3)."""
        points = _filled(shapes.points, shapes.lids_known, around)
        found = []
        for basis, rows, n in self._blocks():
            found.append(_mixed((points - around)[:, rows], basis[:n]))
        return np.concatenate(found, axis=1)

    def codes(
        self,
        shapes: Shapes,
        pose: NDArray[np.floating],
        gaze: NDArray[np.floating],
        openness: NDArray[np.floating],
        alphas: Floats | None = None,
    ) -> Codes:
        """Codes of faces.

        Args:
            shapes: n faces.
            pose: (n, 6).
            gaze: (n, 2).
            openness: (n, 2).
            alphas: (n, alphas) expression coefficients, for instance of `LandmarkTransformer`;
                what they do not explain is identity. By default the mix of both bases that is
                nearest to the landmarks.

        Returns:
            Codes on the CPU; the eye's free values are zero.
        """
        points = _filled(shapes.points, shapes.lids_known, self.mean.cpu().numpy())
        apart = points - self.mean.cpu().numpy()
        mixes, start = [], 0
        for basis, rows, n in self._blocks():
            if alphas is None:
                mixes.append(_mixed(apart[:, rows], basis))
            else:
                own = alphas[:, start : start + n]
                rest = apart[:, rows] - np.einsum("na,apd->npd", own, basis[:n])
                mixes.append(np.concatenate([own, _mixed(rest, basis[n:])], axis=1))
                start += n
        face, mouth = mixes
        eye = np.concatenate([gaze, openness, np.zeros((len(face), 2))], axis=1)
        return Codes(
            lip=torch.from_numpy(lip_code(mouth)),
            eye=torch.from_numpy(eye.astype(np.float32)),
            pose=torch.from_numpy(np.asarray(pose, np.float32)),
            expression=torch.from_numpy(face.astype(np.float32)),
        )

    def points(self, joined: Tensor) -> Floats:
        """Landmarks that codes stand for.

        Args:
            joined: (n, D) joined codes.

        Returns:
            (n, P, 3) float32 drawn points in crop coordinates, iris rings last.

        Raises:
            ValueError: the codes have another width.
        """
        widths = [self.lip_width, EYE_WIDTH, POSE_WIDTH, EXPRESSION_WIDTH]
        if joined.shape[-1] != sum(widths):
            raise ValueError(f"expected (n, {sum(widths)}) codes, given {tuple(joined.shape)}")
        lip, eye, pose, face = (
            part.float().cpu().numpy() for part in torch.split(joined, widths, dim=-1)
        )
        shape = np.repeat(self.mean.cpu().numpy()[None], len(lip), axis=0)
        for mix, (basis, rows, _) in zip((face, lip_mix(lip)), self._blocks(), strict=True):
            shape[:, rows] += np.einsum("na,apd->npd", mix, basis)
        openness = np.clip(eye[:, OPENNESS][:, ::-1], 0, 2)
        shape = _with_lids(shape, openness)
        shape = np.concatenate([shape, _irises(shape, eye[:, :2])], axis=1)
        turn = rotation_from_angles(*pose[:, :3].T)
        x, y, size = (float(v) for v in canonical_face(MESH_478).template)
        place = 2 * (np.array([x, y]) + pose[:, 3:5]) - 1
        turned = shape @ turn.transpose(0, 2, 1) * (2 * size * np.exp(pose[:, 5]))[:, None, None]
        turned[..., :2] += place[:, None]
        return np.asarray(turned, np.float32)

    def _blocks(self) -> list[tuple[Floats, NDArray[np.int64], int]]:
        return [
            (self.face_basis.cpu().numpy(), CONTOURS.face, self.config.face_expressions),
            (self.lip_basis.cpu().numpy(), CONTOURS.mouth, self.config.lip_expressions),
        ]


def lip_code(mix: Floats) -> Floats:
    """(n, D - 1) coefficients to (n, D) codes of unit length; see `lip_mix`."""
    whole = np.concatenate([mix, np.full((len(mix), 1), _KAPPA)], axis=1)
    return np.asarray(whole / np.linalg.norm(whole, axis=1, keepdims=True), np.float32)


def lip_mix(code: Floats) -> Floats:
    """(n, D) lip codes of any length to (n, D - 1) coefficients: the inverse of `lip_code`."""
    return np.asarray(code[:, :-1] / np.maximum(code[:, -1:], 0.1) * _KAPPA, np.float32)


def own_face(codes: Codes, source: Codes, config: LandmarkConfig) -> Codes:
    """A driver's expression on the source's own geometry (MarioNETte, equation for c_x -> c_y).

    Args:
        codes: (n, ...) of the driver.
        source: (1, ...) of the source.
        config: where identity begins in a code.

    Returns:
        `codes` with the source's identity coefficients in expression and lip.
    """
    count = len(codes.lip)
    face = codes.expression.clone()
    face[:, config.face_expressions :] = source.expression[:, config.face_expressions :]
    mouth, own = lip_mix(codes.lip.numpy()), lip_mix(source.lip.numpy())
    mouth = np.concatenate(
        [
            mouth[:, : config.lip_expressions],
            np.repeat(own[:, config.lip_expressions :], count, axis=0),
        ],
        axis=1,
    )
    return Codes(torch.from_numpy(lip_code(mouth)), codes.eye, codes.pose, face)


def _filled(points: Floats, known: NDArray[np.bool_], other: Floats) -> Floats:
    """Points (n, P', 3) with unknown lids taken from `other` (P', 3) or (n, P', 3)."""
    out = points.copy()
    other = np.broadcast_to(other, points.shape)
    for eye in range(2):
        rows, hidden = CONTOURS.lids[eye], ~known[:, eye]
        # Closed eyes keep their place, only the lids' form is borrowed.
        shift = (points - other)[:, CONTOURS.corners[eye]].mean(axis=1, keepdims=True)
        out[np.ix_(hidden, rows)] = other[np.ix_(hidden, rows)] + shift[hidden]
    return out


def _principal(rows: Floats, count: int) -> Floats:
    """The first `count` principal directions (count, P, 3) of (n, P, 3), each of unit spread.

    Where there are fewer, the rest are zero: codes of such rows stay without effect.
    """
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    _, strength, directions = np.linalg.svd(flat, full_matrices=False)
    spread = strength / np.sqrt(max(1, len(rows)))
    n = min(count, int((spread > 1e-5).sum()))
    out = np.zeros((count, flat.shape[1]))
    out[:n] = directions[:n] * spread[:n, None]
    return out.reshape(count, *rows.shape[1:]).astype(np.float32)


def _mixed(rows: Floats, basis: Floats) -> Floats:
    """Coefficients (n, A) that bring a basis (A, P, 3) nearest to (n, P, 3), slightly damped."""
    flat = basis.reshape(len(basis), -1).astype(np.float64)
    # A little towards zero: the two bases share directions, their split must not run away.
    size = np.trace(flat @ flat.T) / max(1, len(basis))
    gram = flat @ flat.T + (_RIDGE * size * 0.1 + 1e-9) * np.eye(len(basis))
    right = flat @ rows.reshape(len(rows), -1).T.astype(np.float64)
    return np.asarray(np.linalg.solve(gram, right).T, np.float32)


def _irises(shape: Floats, gaze: Floats) -> Floats:
    """(n, 2 * IRIS_POINTS, 3) iris rings of faces in head axes that look along (n, 2) gaze."""
    face = canonical_face(MESH_478)
    yaw, pitch = gaze[:, 0], gaze[:, 1]
    look = np.stack(
        [np.sin(yaw) * np.cos(pitch), -np.sin(pitch), -np.cos(yaw) * np.cos(pitch)], axis=1
    )
    around = np.linspace(0, 2 * np.pi, IRIS_POINTS, endpoint=False)
    ring = np.stack([np.cos(around), np.sin(around), 0 * around], axis=1) * _IRIS_RADIUS
    rings = []
    for eye, side in enumerate((1, 0)):  # the canonical face has the left eye first
        middle = shape[:, CONTOURS.corners[eye]].mean(axis=1)
        centre = middle + face.eyeball[side] + look * face.eyeball_radius
        rings.append(centre[:, None] + ring)
    return np.concatenate(rings, axis=1).astype(np.float32)
