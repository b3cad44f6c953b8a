"""Named index sets over a landmark scheme, so that geometry is written once for every tracker.

Left and right are the person's own: the left eye is on the right side of an unmirrored image.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def _indices(*values: int) -> Indices:
    array = np.array(values, np.int64)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Eye:
    """One eye's landmarks.

    Attributes:
        outer: the corner at the temple.
        inner: the corner at the nose.
        upper: points of the upper lid, paired by position with `lower`.
        lower: points of the lower lid.
        contour: the closed outline of both lids, in order.
        iris: the ring of the iris (empty where the scheme has none).
        iris_centre: the centre of the iris, or -1.
    """

    outer: int
    inner: int
    upper: Indices
    lower: Indices
    contour: Indices
    iris: Indices
    iris_centre: int

    @property
    def corners(self) -> Indices:
        """Outer and inner corner, (2,)."""
        return _indices(self.outer, self.inner)


@dataclass(frozen=True, eq=False)
class Topology:
    """A landmark scheme: its size and the sets of indices that the geometry needs.

    Attributes:
        name: how files name the scheme.
        n_landmarks: L.
        rigid: points that neither speech nor lids move (forehead, nose bridge, temples).
        left_eye: the person's left eye.
        right_eye: the person's right eye.
        brows: both brows, the person's right one first.
        outer_lips: the outer outline of the mouth, in order.
        inner_lips: the inner outline of the mouth, in order.
        lip_gap: middle of the upper and of the lower inner lip, (2,).
        jaw: the outline of the face from ear to ear over the chin.
        nose: the ridge and the tip of the nose.
    """

    name: str
    n_landmarks: int
    rigid: Indices
    left_eye: Eye
    right_eye: Eye
    brows: Indices
    outer_lips: Indices
    inner_lips: Indices
    lip_gap: Indices
    jaw: Indices
    nose: Indices
    has_iris: bool = field(default=True)

    @property
    def mouth(self) -> Indices:
        """Outer and inner outline of the lips."""
        return np.concatenate([self.outer_lips, self.inner_lips])

    @property
    def eyes(self) -> Indices:
        """Lids and irises of both eyes, the right eye first."""
        parts = [self.right_eye.contour, self.left_eye.contour]
        return np.concatenate([*parts, self.irises])

    @property
    def irises(self) -> Indices:
        """Centre and ring of both irises, the right eye first (empty without irises)."""
        if not self.has_iris:
            return _indices()
        eyes = (self.right_eye, self.left_eye)
        return np.concatenate([_indices(e.iris_centre, *e.iris) for e in eyes])


# fmt: off
MESH_478 = Topology(
    name="mesh-478",
    n_landmarks=478,
    rigid=_indices(
        # forehead and brow bridge
        10, 109, 338, 67, 297, 103, 332, 54, 284, 151, 108, 337, 69, 299,
        104, 333, 68, 298, 9, 8, 168,
        # ridge and sides of the nose, above the nostrils
        6, 197, 195, 5, 4, 122, 351, 193, 417, 196, 419, 188, 412, 245,
        465, 174, 399,
        # temples and cheekbones beside the eyes
        21, 251, 162, 389, 127, 356, 71, 301, 139, 368, 34, 264, 143, 372,
        156, 383,
        # corners of the eyes
        33, 133, 362, 263, 130, 359, 243, 463,
    ),
    left_eye=Eye(
        outer=263,
        inner=362,
        upper=_indices(385, 386, 387),
        lower=_indices(380, 374, 373),
        contour=_indices(
            263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387,
            388, 466,
        ),
        iris=_indices(474, 475, 476, 477),
        iris_centre=473,
    ),
    right_eye=Eye(
        outer=33,
        inner=133,
        upper=_indices(158, 159, 160),
        lower=_indices(153, 145, 144),
        contour=_indices(
            33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160,
            161, 246,
        ),
        iris=_indices(469, 470, 471, 472),
        iris_centre=468,
    ),
    brows=_indices(
        70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296,
        336, 285, 295, 282, 283, 276,
    ),
    outer_lips=_indices(
        61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269,
        267, 0, 37, 39, 40, 185,
    ),
    inner_lips=_indices(
        78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311,
        312, 13, 82, 81, 80, 191,
    ),
    lip_gap=_indices(13, 14),
    jaw=_indices(
        127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400,
        378, 379, 365, 397, 288, 361, 323, 454, 356,
    ),
    nose=_indices(168, 6, 197, 195, 5, 4, 1, 2, 98, 327),
)
"""The dense mesh with irises (mediapipe face_mesh, refined landmarks)."""

POINTS_68 = Topology(
    name="points-68",
    n_landmarks=68,
    rigid=_indices(0, 1, 15, 16, 27, 28, 29, 30, 36, 39, 42, 45),
    left_eye=Eye(
        outer=45,
        inner=42,
        upper=_indices(43, 44),
        lower=_indices(47, 46),
        contour=_indices(42, 43, 44, 45, 46, 47),
        iris=_indices(),
        iris_centre=-1,
    ),
    right_eye=Eye(
        outer=36,
        inner=39,
        upper=_indices(37, 38),
        lower=_indices(41, 40),
        contour=_indices(36, 37, 38, 39, 40, 41),
        iris=_indices(),
        iris_centre=-1,
    ),
    brows=_indices(*range(17, 27)),
    outer_lips=_indices(*range(48, 60)),
    inner_lips=_indices(*range(60, 68)),
    lip_gap=_indices(62, 66),
    jaw=_indices(*range(17)),
    nose=_indices(*range(27, 36)),
    has_iris=False,
)
# fmt: on
"""The 68 points of 300-W (face-alignment and others)."""


def topology_of(n_landmarks: int) -> Topology:
    """The scheme with this many landmarks.

    Raises:
        ValueError: no known scheme has `n_landmarks` points.
    """
    for topology in (MESH_478, POINTS_68):
        if topology.n_landmarks == n_landmarks:
            return topology
    raise ValueError(f"no landmark scheme with {n_landmarks} points; known: 478 and 68")
