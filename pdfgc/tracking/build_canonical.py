"""Rebuild `canonical_face.safetensors` from tracked frames of a training split.

    python -m pdfgc.tracking.build_canonical --manifest data/manifest.csv --out face.safetensors

Every person counts once, however many clips show them; the face is made exactly symmetric.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pdfgc.config import CropConfig
from pdfgc.errors import InputError
from pdfgc.tracking.canonical import CanonicalFace
from pdfgc.tracking.crop import crop_around
from pdfgc.tracking.geometry import (
    Floats,
    angles_from_rotation,
    fit_similarity,
    rotation_from_angles,
)
from pdfgc.tracking.topology import MESH_478

# Eye of an adult in mm: interocular distance (middle of the corners), centre of rotation to the
# plane of the iris, and centre of rotation behind the corners of the lids.
_INTEROCULAR_MM, _BALL_TO_IRIS_MM, _BALL_BEHIND_CORNERS_MM = 63.0, 10.5, 6.5
_MIRROR = np.array([-1.0, 1.0, 1.0])


def build(landmarks: Floats, persons: NDArray[np.str_], origin: str) -> CanonicalFace:
    """Mean face by generalised Procrustes analysis over near-frontal frames.

    Args:
        landmarks: (N, 478, 3) px.
        persons: (N,) who each frame shows.
        origin: what to write about the data.
    """
    rigid = MESH_478.rigid
    face = _scaled(landmarks[0])
    frontal = np.ones(len(landmarks), bool)
    for step in range(8):
        scale, rotation, translation = fit_similarity(face[rigid], landmarks[:, rigid])
        head = (landmarks - translation[:, None]) @ rotation / scale[:, None, None]
        angles = np.degrees(angles_from_rotation(rotation))
        if step:
            frontal = np.asarray((np.abs(angles) < [10, 12, 15]).all(-1))
        weight = _person_weights(persons, frontal)
        face, mirror = _symmetric(np.einsum("n,nli->li", weight, head))
    eyes = (MESH_478.left_eye, MESH_478.right_eye)
    corners = np.stack([face[eye.corners].mean(0) for eye in eyes])
    iris_rest = np.stack([face[eye.iris_centre] for eye in eyes]) - corners
    eyeball = iris_rest.copy()
    eyeball[:, 2] = _BALL_BEHIND_CORNERS_MM / _INTEROCULAR_MM
    return CanonicalFace(
        topology=MESH_478,
        points=face,
        mirror=mirror,
        iris_rest=iris_rest,
        eyeball=eyeball,
        eyeball_radius=_BALL_TO_IRIS_MM / _INTEROCULAR_MM,
        open_eye=_open_eye(head, persons),
        template=_template(landmarks, translation, scale, weight),
        nod_per_gap=0.0,  # a property of the landmark model, not of the face: not written
        origin=f"{origin}; {int(frontal.sum())} near-frontal frames of "
        f"{len(set(persons[frontal]))} persons, each person counted once, symmetrised",
    )


def _scaled(points: Floats) -> Floats:
    points = points - points[MESH_478.rigid].mean(0)
    eyes = [points[eye.corners].mean(0) for eye in (MESH_478.left_eye, MESH_478.right_eye)]
    return np.asarray(points / np.linalg.norm(eyes[0] - eyes[1]))


def _person_weights(persons: NDArray[np.str_], used: NDArray[np.bool_]) -> Floats:
    weight = np.zeros(len(persons))
    for person in set(persons[used]):
        mine = used & (persons == person)
        weight[mine] = 1 / mine.sum()
    return np.asarray(weight / weight.sum())


def _symmetric(mean: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The face averaged with its mirror image, and which landmark mirrors which."""
    face = mean - mean[MESH_478.rigid].mean(0)
    for _ in range(5):
        distance = ((face[:, None] - (face * _MIRROR)[None]) ** 2).sum(-1)
        mirror = linear_sum_assignment(distance)[1]
        _, rotation, _ = fit_similarity((face * _MIRROR)[mirror], face)
        yaw, _, roll = angles_from_rotation(rotation)
        face = face @ rotation_from_angles(yaw / 2, 0.0, roll / 2)
        face = face - face.mean(0)
    if (mirror[mirror] != np.arange(len(mirror))).any():
        raise InputError("The landmarks cannot be paired left to right; use more frontal frames.")
    return _scaled((face + (face * _MIRROR)[mirror]) / 2), mirror


def _open_eye(head: Floats, persons: NDArray[np.str_]) -> float:
    """Median over persons of the 90th percentile of lid aperture over eye width."""
    apertures = []
    for eye in (MESH_478.left_eye, MESH_478.right_eye):
        gap = (head[:, eye.lower, 1] - head[:, eye.upper, 1]).mean(-1)
        width = np.linalg.norm(head[:, eye.outer] - head[:, eye.inner], axis=-1)
        apertures.append(gap / width)
    both = np.mean(apertures, axis=0)
    return float(np.median([np.percentile(both[persons == p], 90) for p in set(persons)]))


def _template(landmarks: Floats, translation: Floats, scale: Floats, weight: Floats) -> Floats:
    """Where the face centre lies in the standard crop, and its scale there."""
    corner, opposite = landmarks[..., :2].min(1), landmarks[..., :2].max(1)
    crop = crop_around(np.concatenate([corner, opposite], axis=-1), CropConfig())
    place = (translation[:, :2] - crop[:, :2]) / crop[:, 2:] + 0.5
    size = np.exp(weight @ np.log(scale / crop[:, 2]))
    return np.array([0.5, weight @ place[:, 1], size])


def collect(
    manifest: Path, split: str, per_person: int, every: int
) -> tuple[Floats, NDArray[np.str_]]:
    """Landmarks of every `every`-th frame of at most `per_person` clips of each person."""
    from pdfgc.media.video import read_video
    from pdfgc.tracking.mediapipe_backend import MediaPipeBackend

    backend = MediaPipeBackend()
    clips: Counter[str] = Counter()
    landmarks, persons = [], []
    with manifest.open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["split"] == split]
    for row in rows:
        clips[row["person"]] += 1
        if clips[row["person"]] > per_person or not row["file"].startswith("clips/"):
            continue
        for frame in read_video(manifest.parent / row["file"]):
            if frame.index > 200:
                break
            if frame.index % every == every // 2:
                found = backend.detect(frame.image)[:1]
                landmarks += [detection.landmarks.astype(np.float64) for detection in found]
                persons += [row["person"]] * len(found)
    return np.stack(landmarks), np.array(persons)


def main() -> None:
    """Command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    landmarks, persons = collect(args.manifest, args.split, per_person=12, every=12)
    origin = f"mean over the '{args.split}' split, mediapipe face_mesh 0.10 refined landmarks"
    build(landmarks, persons, origin).save(str(args.out))


if __name__ == "__main__":
    main()
