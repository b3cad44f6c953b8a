"""The canonical face: the mean shape that poses are fitted to, and what is measured against it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from pdfgc.tracking.geometry import Floats
from pdfgc.tracking.topology import MESH_478, POINTS_68, Topology

# Measured on pictures whose upper half is one frame and whose lower half another of the same clip
# (61 pairs, 6 persons of the train split): with the same brow, eyes and nose, opening the lips by
# 0.3 interocular distances lifts the mesh by 1.3 degrees (median; 0.9 to 2.1 for most).
_MESH_NOD_PER_GAP = 0.08

# The mesh vertices that lie where the 68 points do (jaw points slide with the view: approximate).
# fmt: off
_MESH_OF_68 = (
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)
# fmt: on


@dataclass(frozen=True)
class CanonicalFace:
    """A symmetric mean face, looking along -z, in units of its interocular distance (about 63 mm).

    The origin is the mean of the rigid points; x right in the image, y down, z away.

    Attributes:
        topology: the landmark scheme.
        points: (L, 3) float64.
        mirror: (L,) int64, the landmark on the other side: a mirrored image's landmarks are
            `landmarks[mirror]` with x negated.
        iris_rest: (2, 3) where the iris centre lies when gaze is zero, relative to the middle of
            the eye's corners; left eye first.
        eyeball: (2, 3) the centre of rotation of the eye, likewise.
        eyeball_radius: from that centre to the plane of the iris.
        open_eye: lid aperture over eye width of open eyes in the population.
        template: x and y of the face centre (fractions of the crop's side from its left and upper
            edge) and the interocular distance over the crop's side, in the standard crop.
        nod_per_gap: radians by which the landmark model lifts a face whose lips open by one
            interocular distance although the head stands still.
        origin: how the numbers were made.
    """

    topology: Topology
    points: Floats
    mirror: NDArray[np.int64]
    iris_rest: Floats
    eyeball: Floats
    eyeball_radius: float
    open_eye: float
    template: Floats
    nod_per_gap: float
    origin: str

    def save(self, path: str) -> None:
        """Write the face as safetensors with its origin in the header."""
        tensors = {
            "points": self.points.astype(np.float32),
            "mirror": self.mirror.astype(np.int32),
            "iris_rest": self.iris_rest.astype(np.float32),
            "eyeball": self.eyeball.astype(np.float32),
            "template": self.template.astype(np.float32),
        }
        numbers = {"eyeball_radius": self.eyeball_radius, "open_eye": self.open_eye}
        save_file(tensors, path, {"origin": self.origin, "numbers": json.dumps(numbers)})


@cache
def canonical_face(topology: Topology | None = None) -> CanonicalFace:
    """The face that ships with the package.

    Args:
        topology: the scheme of its points, by default the dense mesh.

    Raises:
        ValueError: there is no canonical face for `topology`.
    """
    scheme = topology or MESH_478
    if scheme.name == POINTS_68.name:
        return _reduced(canonical_face(MESH_478))
    if scheme.name != MESH_478.name:
        raise ValueError(f"no canonical face for the scheme {scheme.name}")
    with (
        as_file(files("pdfgc.tracking") / "canonical_face.safetensors") as path,
        safe_open(path, framework="numpy") as file,
    ):
        header = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    numbers = json.loads(header["numbers"])
    return CanonicalFace(
        topology=MESH_478,
        points=tensors["points"].astype(np.float64),
        mirror=tensors["mirror"].astype(np.int64),
        iris_rest=tensors["iris_rest"].astype(np.float64),
        eyeball=tensors["eyeball"].astype(np.float64),
        eyeball_radius=float(numbers["eyeball_radius"]),
        open_eye=float(numbers["open_eye"]),
        template=tensors["template"].astype(np.float64),
        nod_per_gap=_MESH_NOD_PER_GAP,
        origin=header["origin"],
    )


def _reduced(mesh: CanonicalFace) -> CanonicalFace:
    """The 68-point face in the mesh's own axes, so that poses of both schemes agree."""
    chosen = np.array(_MESH_OF_68)
    place = {vertex: index for index, vertex in enumerate(_MESH_OF_68)}
    mirror = np.array([place[int(mesh.mirror[vertex])] for vertex in chosen])
    return CanonicalFace(
        topology=POINTS_68,
        points=mesh.points[chosen],
        mirror=mirror,
        iris_rest=mesh.iris_rest,
        eyeball=mesh.eyeball,
        eyeball_radius=mesh.eyeball_radius,
        open_eye=mesh.open_eye,
        template=mesh.template,
        nod_per_gap=0.0,  # not measured
        origin=mesh.origin,
    )
