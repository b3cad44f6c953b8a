"""Which landmarks are drawn, as which line, in which colour: what landmark images show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdfgc.tracking.topology import MESH_478, Eye, Indices

IRIS_POINTS = 8
"""Points of the ring that stands for an iris."""


@dataclass(frozen=True, eq=False)
class Contour:
    """One line of a landmark image.

    Attributes:
        name: the part of the face.
        points: rows of the drawn points, in order.
        closed: whether the last point is joined with the first.
        colour: RGB uint8, the same for every picture.
    """

    name: str
    points: Indices
    closed: bool
    colour: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class FaceContours:
    """The lines of a landmark image over `P` drawn points: mesh landmarks, then iris rings.

    Attributes:
        mesh: (P - 2 * IRIS_POINTS,) landmarks of the dense mesh that are drawn.
        lines: what is drawn.
        mouth: rows of lips, chin and lower jaw, which speech moves.
        face: all other rows but irises.
        lids: rows of the lids, right eye and left eye, (2, 16).
        corners: rows of outer and inner corner, right eye and left eye, (2, 2).
        irises: rows of the iris rings, right eye and left eye, (2, IRIS_POINTS).
    """

    mesh: Indices
    lines: tuple[Contour, ...]
    mouth: Indices
    face: Indices
    lids: Indices
    corners: Indices
    irises: Indices

    @property
    def n_points(self) -> int:
        """P."""
        return len(self.mesh) + self.irises.size


def _contours() -> FaceContours:
    mesh = MESH_478
    eyes = (mesh.right_eye, mesh.left_eye)
    brows = np.split(mesh.brows, 2)
    ridge, base = mesh.nose[:7], mesh.nose[8:10]
    nose_base = np.array([base[0], mesh.nose[7], base[1]])
    parts: list[tuple[str, Indices, bool, tuple[int, int, int]]] = [
        ("jaw", mesh.jaw, False, (0, 170, 80)),
        ("right brow", brows[0], True, (255, 150, 30)),
        ("left brow", brows[1], True, (255, 215, 60)),
        ("nose", ridge, False, (60, 110, 255)),
        ("nostrils", nose_base, False, (60, 110, 255)),
        ("right eye", eyes[0].contour, True, (255, 50, 50)),
        ("left eye", eyes[1].contour, True, (255, 100, 120)),
        ("outer lips", mesh.outer_lips, True, (180, 70, 255)),
        ("inner lips", mesh.inner_lips, True, (255, 120, 240)),
    ]
    drawn: list[int] = []
    lines: list[Contour] = []
    for name, indices, closed, colour in parts:
        drawn += [int(i) for i in indices if int(i) not in drawn]
        rows = np.array([drawn.index(int(i)) for i in indices])
        lines.append(Contour(name, rows, closed, colour))
    rings = len(drawn) + np.arange(2 * IRIS_POINTS).reshape(2, IRIS_POINTS)
    lines += [
        Contour("right iris", rings[0], True, (0, 230, 230)),
        Contour("left iris", rings[1], True, (150, 255, 255)),
    ]
    # The jaw runs from ear to ear; its middle third moves with the mouth.
    jaw = lines[0].points
    low = jaw[len(jaw) // 4 : len(jaw) - len(jaw) // 4]
    mouth = np.unique(np.concatenate([low, lines[7].points, lines[8].points]))
    face = np.setdiff1d(np.arange(len(drawn)), mouth)

    def rows_of(eye: Eye, which: str) -> list[int]:
        return [drawn.index(int(i)) for i in getattr(eye, which)]

    return FaceContours(
        mesh=np.array(drawn),
        lines=tuple(lines),
        mouth=mouth,
        face=face,
        lids=np.array([rows_of(eye, "contour") for eye in eyes]),
        corners=np.array([rows_of(eye, "corners") for eye in eyes]),
        irises=rings,
    )


CONTOURS = _contours()
"""The lines of every landmark image."""
