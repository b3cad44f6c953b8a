"""A model that does what codes say: a photograph bent along its own landmarks, no network at all.

Its frames go through the real tracker, so what a knob asks can be compared with what is seen,
whatever the weights of the day can draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import map_coordinates
from scipy.spatial import Delaunay
from torch import Tensor

from pdfgc import Avatar
from pdfgc.avatar.encoding import CodeReader
from pdfgc.avatar.source import Sources
from pdfgc.config import PRESETS
from pdfgc.model import TalkingHead
from pdfgc.motion import FACE_STEP, Motion
from pdfgc.tracking import FaceBackend, canonical_face, fit_head, normalise, track_image
from pdfgc.tracking.geometry import direction_from_angles, rotation_from_angles
from pdfgc.tracking.topology import Eye
from pdfgc.weights import LoadedModel

LIP_WIDTH = 8
SIDE = 256
_WHITE, _IRIS, _PUPIL = (0.6, 0.55, 0.55), (-0.55, -0.65, -0.75), (-0.95, -0.95, -0.95)
_IRIS_RADIUS = 0.095  # of people, over the interocular distance
Floats = NDArray[np.float64]


@dataclass
class Photograph:
    """What the generator is given in place of an appearance."""

    pictures: Tensor

    def expand(self, count: int) -> Photograph:
        del count
        return self


def face_codes(landmarks: Floats, gaze: Floats) -> dict[str, Floats]:
    """Codes that mean what they say: lips hold a gap, expression brows and a width of the mouth."""
    face = canonical_face()
    fit = fit_head(landmarks)
    head = fit.head
    gap = float(np.linalg.norm(head[face.topology.lip_gap[0]] - head[face.topology.lip_gap[1]]))
    lip, expression = np.zeros(LIP_WIDTH), np.zeros(30)
    lip[:2] = np.cos(gap), np.sin(gap)
    expression[0] = (_brow(head) - _brow(face.points)) / FACE_STEP
    expression[1] = (_width(head) - _width(face.points)) / FACE_STEP
    apertures = [_aperture(head, eye) for eye in (face.topology.left_eye, face.topology.right_eye)]
    eye = np.array([*gaze, *(np.array(apertures) / face.open_eye), 0, 0])
    return {"lip": lip, "eye": eye, "expression": expression}


class Puppet:
    """The generator: a mesh over one photograph.

    Args:
        backend: finds its landmarks.
    """

    def __init__(self, backend: FaceBackend) -> None:
        self.backend = backend
        self._picture: NDArray[np.float32] | None = None

    def __call__(self, appearance: Photograph, source: Tensor, driving: Tensor) -> SimpleNamespace:
        del source
        if self._picture is None:
            self._take(appearance.pictures[0, 0])
        frames = np.stack([self._bent(row) for row in driving.double().numpy()])
        return SimpleNamespace(image=torch.from_numpy(frames).permute(0, 3, 1, 2))

    def _take(self, picture: Tensor) -> None:
        self._picture = picture.permute(1, 2, 0).numpy()
        pixels = ((self._picture + 1) * 127.5).round().astype(np.uint8)
        track = track_image(np.ascontiguousarray(pixels), backend=self.backend, name="the puppet")
        whole = np.array([SIDE / 2, SIDE / 2, SIDE])
        self._points = normalise(track.landmarks[0], whole)
        self._head = fit_head(self._points).head
        face = canonical_face().topology
        ring = np.linspace(-1, 1, 9)
        frame = np.array([(x, y) for x in ring for y in ring if max(abs(x), abs(y)) == 1])
        # Eyes are painted anew: a bent photograph of an iris stays where its lids are.
        irises = [i for e in (face.left_eye, face.right_eye) for i in (e.iris_centre, *e.iris)]
        self._kept = np.setdiff1d(np.arange(len(self._points)), irises)
        self._from = np.concatenate([self._points[self._kept, :2], frame])
        self._frame = frame
        self._triangles = Delaunay(self._from).simplices

    def _bent(self, code: Floats) -> NDArray[np.float32]:
        lip, eye, pose, expression = np.split(code, np.cumsum([LIP_WIDTH, 6, 6]))
        face = canonical_face()
        head = _changed(self._head, lip, eye, expression)
        rotation = rotation_from_angles(*pose[:3])
        scale = 2 * face.template[2] * np.exp(pose[5])
        centre = np.array([*(2 * (pose[3:5] + face.template[:2]) - 1), 0.0])
        points = head @ rotation.T * scale + centre
        kept = points[self._kept]
        goal = np.concatenate([kept[:, :2], self._frame])
        depth = np.concatenate([kept[:, 2], np.full(len(self._frame), 9.0)])
        return _with_eyes(self._drawn(goal, depth), points[:, :2], scale * _IRIS_RADIUS)

    def _drawn(self, goal: Floats, depth: Floats) -> NDArray[np.float32]:
        """The photograph with its mesh points moved, near triangles over far ones."""
        assert self._picture is not None
        corners = goal[self._triangles]
        area = np.linalg.det(np.stack([corners[:, 1], corners[:, 2]], 1) - corners[:, :1])
        order = np.argsort(-depth[self._triangles].mean(1))
        order = order[np.abs(area[order]) > 1e-7]
        places = (corners + 1) / 2 * SIDE
        seen = Image.new("I", (SIDE, SIDE), int(order[0]))
        draw = ImageDraw.Draw(seen)
        for triangle in order:
            draw.polygon([tuple(p) for p in places[triangle] - 0.5], fill=int(triangle))
        number = np.asarray(seen)
        # Affine maps from where the triangles go to where they come from.
        ones = np.ones((*corners.shape[:2], 1))
        maps = np.zeros((len(corners), 3, 2))
        maps[order] = np.linalg.solve(
            np.concatenate([corners, ones], -1)[order], self._from[self._triangles][order]
        )
        axis = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
        x, y = np.meshgrid(axis, axis)
        pixels = np.stack([x, y, np.ones_like(x)], -1)
        origin = np.einsum("hwi,hwij->hwj", pixels, maps[number])
        at = ((origin + 1) / 2 * SIDE - 0.5)[..., ::-1].transpose(2, 0, 1)
        layers = [
            map_coordinates(self._picture[..., channel], at, order=1, mode="nearest")
            for channel in range(3)
        ]
        return np.stack(layers, -1)


class TrackingReader(CodeReader):
    """Reads codes off the tracker instead of networks."""

    def images(self, images: list[NDArray[np.uint8]], crops: NDArray[np.floating]) -> Motion:
        rows = []
        for picture, crop in zip(images, crops, strict=True):
            track = track_image(picture, backend=self.backend)
            points = normalise(track.landmarks[0], np.asarray(crop, np.float64))
            rows.append(face_codes(points, track.gaze[0]) | {"pose": track.pose[0]})
        joined = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        return self._motion({name: each.astype(np.float32) for name, each in joined.items()})


def puppet_of(picture: Path, backend: FaceBackend) -> Avatar:
    """An avatar whose model is a puppet."""
    lip, expression = np.zeros(LIP_WIDTH), np.zeros(30)
    lip[0] = 1
    model = SimpleNamespace(
        encoders=SimpleNamespace(brow="read"),
        config=PRESETS["fast"],
        look=lambda images, codes: Photograph(images),
        generator=Puppet(backend),
        free_eye=torch.zeros(2),
        rest_lip=torch.from_numpy(lip).float(),
        rest_expression=torch.from_numpy(expression).float(),
    )
    loaded = LoadedModel(cast(TalkingHead, model), "puppet", {}, picture)
    reader = TrackingReader(loaded)
    return Avatar(loaded, reader, Sources.read(picture, reader, None))


def _changed(head: Floats, lip: Floats, eye: Floats, expression: Floats) -> Floats:
    """Landmarks in head axes with lips, lids, irises and brows where the codes want them."""
    face = canonical_face()
    topology = face.topology
    moved = head.copy()
    upper, lower = topology.lip_gap
    gap = np.linalg.norm(head[upper] - head[lower])
    # The jaw opens as a whole below the lips, and not at all above them.
    below = head[:, 1] - head[topology.lip_gap, 1].mean()
    share = np.clip(below / 0.1, 0, 1)
    mouth = topology.mouth
    share[mouth] = below[mouth] > 0
    moved[:, 1] += share * (np.arctan2(lip[1], lip[0]) - gap)
    rise, widening = expression[:2] * FACE_STEP
    moved[topology.brows, 1] -= rise - (_brow(head) - _brow(face.points))
    moved[mouth, 0] *= (widening + _width(face.points)) / _width(head)
    for side, part in enumerate((topology.left_eye, topology.right_eye)):
        _look(moved, part, side, eye[:2])
        _close(moved, part, eye[2 + side] * face.open_eye / _aperture(head, part))
    return moved


def _with_eyes(picture: NDArray[np.float32], points: Floats, radius: float) -> NDArray[np.float32]:
    """White and iris painted into the opening of the lids, four times finer than the picture."""
    fine = 4 * SIDE
    places = (points + 1) / 2 * fine
    opening, iris, pupil = (Image.new("L", (fine, fine)) for _ in range(3))
    face = canonical_face().topology
    for eye in (face.left_eye, face.right_eye):
        ImageDraw.Draw(opening).polygon([tuple(p) for p in places[eye.contour]], fill=255)
        x, y = places[eye.iris_centre]
        for layer, size in ((iris, radius), (pupil, 0.45 * radius)):
            reach = size / 2 * fine
            ImageDraw.Draw(layer).ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    shares = [
        np.asarray(layer.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)[..., None] / 255
        for layer in (opening, iris, pupil)
    ]
    eyes = np.array(_WHITE, np.float32)
    for share, colour in zip(
        shares[1:], ((-0.55, -0.65, -0.75), (-0.95, -0.95, -0.95)), strict=True
    ):
        eyes = eyes * (1 - share) + np.array(colour, np.float32) * share
    return np.asarray(picture * (1 - shares[0]) + eyes * shares[0], np.float32)


def _look(head: Floats, eye: Eye, side: int, gaze: Floats) -> None:
    face = canonical_face()
    ball = head[eye.corners].mean(0) + face.eyeball[side]
    goal = ball + face.eyeball_radius * direction_from_angles(*gaze)
    shift = goal - head[eye.iris_centre]
    head[[eye.iris_centre, *eye.iris]] += shift


def _close(head: Floats, eye: Eye, times: float) -> None:
    """Scale the distance of the upper lid, and of the iris, from the lower lid."""
    lower, upper = _lids(head, eye)
    order = np.argsort(head[lower, 0])
    line = np.interp(head[:, 0], head[lower, 0][order], head[lower, 1][order])
    moving = [*upper, eye.iris_centre, *eye.iris]
    head[moving, 1] = line[moving] + (head[moving, 1] - line[moving]) * max(times, 0.0)


def _lids(head: Floats, eye: Eye) -> tuple[list[int], list[int]]:
    """Points of the lower lid with the corners, and those of the upper lid without."""
    middle = head[eye.corners, 1].mean()
    inner = [p for p in eye.contour.tolist() if p not in eye.corners]
    low = {*eye.lower.tolist()} | {p for p in inner if head[p, 1] > middle}
    low -= {*eye.upper.tolist()}
    return [*eye.corners.tolist(), *low], [p for p in inner if p not in low]


def _aperture(head: Floats, eye: Eye) -> float:
    gap = (head[eye.lower, 1] - head[eye.upper, 1]).mean()
    width = np.linalg.norm(head[eye.outer] - head[eye.inner])
    return float(gap / width)


def _brow(head: Floats) -> float:
    topology = canonical_face().topology
    corners = np.concatenate([topology.left_eye.corners, topology.right_eye.corners])
    return float(head[corners, 1].mean() - head[topology.brows, 1].mean())


def _width(head: Floats) -> float:
    """Of the mouth."""
    ring = canonical_face().topology.outer_lips
    return float(np.ptp(head[ring, 0]))
