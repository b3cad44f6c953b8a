from __future__ import annotations

import numpy as np
import pytest
import torch

from pdfgc.config import LandmarkConfig
from pdfgc.encoders.landmarks import LandmarkSpace, lip_code, lip_mix, own_face, shapes_of
from pdfgc.errors import InputError
from pdfgc.motion import Codes
from pdfgc.tracking import MESH_478, canonical_face
from pdfgc.tracking.contours import CONTOURS
from pdfgc.tracking.geometry import rotation_from_angles
from pdfgc.tracking.measure import gaze_of, pose_of_normalised

PERSONS, CLIPS, FRAMES = 5, 2, 24


def faces(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Faces of known make: (n, 478, 3) in crop coordinates, persons, clips, and lip openings."""
    mean = canonical_face(MESH_478).points
    wide = np.zeros_like(mean)
    wide[:, 0] = 0.12 * mean[:, 0]
    brow = np.zeros_like(mean)
    brow[MESH_478.brows, 1] = -0.1
    opened = np.zeros_like(mean)
    low = np.concatenate([MESH_478.inner_lips[:10], MESH_478.outer_lips[:10]])
    opened[low, 1] = 0.2
    points, person, clip, gaps = [], [], [], []
    for p in range(PERSONS):
        width = rng.normal()
        for c in range(CLIPS):
            for _ in range(FRAMES):
                gap, lift = rng.random(), rng.normal()
                shape = mean + width * wide + lift * brow + gap * opened
                turn = rotation_from_angles(*rng.uniform(-0.3, 0.3, 3))
                points.append(shape @ turn.T * 0.6 + [*rng.uniform(-0.1, 0.1, 2), 0])
                person.append(p)
                clip.append(p * CLIPS + c)
                gaps.append(gap)
    return np.stack(points), np.array(person), np.array(clip), np.array(gaps)


@pytest.fixture(scope="module")
def made() -> tuple[LandmarkSpace, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A fitted space and what it was fitted to."""
    points, person, clip, gaps = faces(np.random.default_rng(0))
    space = LandmarkSpace(LandmarkConfig(), 25)
    space.fit(shapes_of(points, np.ones((len(points), 2))), person, clip)
    return space, points, person, clip, gaps


def codes_of(space: LandmarkSpace, points: np.ndarray, alphas: np.ndarray | None = None) -> Codes:
    ones = np.ones((len(points), 2))
    shapes = shapes_of(points, ones)
    return space.codes(shapes, pose_of_normalised(points), gaze_of(points), ones, alphas)


def test_codes_give_the_landmarks_back(made: tuple) -> None:  # type: ignore[type-arg]
    space, points, *_ = made
    drawn = space.points(codes_of(space, points).join())
    error = np.abs(drawn[:, : len(CONTOURS.mesh), :2] - points[:, CONTOURS.mesh, :2])
    # 0.01 is two thirds of a pixel at 128 px.
    assert error.mean() < 0.004
    assert np.quantile(error, 0.99) < 0.02


def test_irises_lie_where_the_tracker_sees_them(made: tuple) -> None:  # type: ignore[type-arg]
    space, points, *_ = made
    drawn = space.points(codes_of(space, points).join())
    for row, eye in enumerate((MESH_478.right_eye, MESH_478.left_eye)):
        ring = drawn[:, CONTOURS.irises[row], :2].mean(axis=1)
        apart = np.linalg.norm(ring - points[:, eye.iris_centre, :2], axis=1)
        assert np.median(apart) < 0.02


def test_openness_closes_the_lids_and_nothing_else(made: tuple) -> None:  # type: ignore[type-arg]
    space, points, *_ = made
    codes = codes_of(space, points[:1])
    shut = Codes(codes.lip, codes.eye.clone(), codes.pose, codes.expression)
    shut.eye[:, 2] = 0.0  # the left eye
    before, after = (space.points(each.join())[0] for each in (codes, shut))
    moved = np.linalg.norm(after - before, axis=1) > 1e-6
    left = set(CONTOURS.lids[1].tolist())
    assert set(np.flatnonzero(moved).tolist()) <= left
    upper = [r for r in left if CONTOURS.mesh[r] in MESH_478.left_eye.upper]
    lower = [r for r in left if CONTOURS.mesh[r] in MESH_478.left_eye.lower]

    def gap(p: np.ndarray) -> float:
        return float(np.abs(p[upper, 1].mean() - p[lower, 1].mean()))

    assert gap(after) < 0.3 * gap(before)


def test_expression_is_what_differs_from_the_clip(made: tuple) -> None:  # type: ignore[type-arg]
    space, points, _, clip, gaps = made
    shapes = shapes_of(points, np.ones((len(points), 2)))
    means = np.stack([shapes.points[clip == c].mean(0) for c in np.unique(clip)])
    alphas = space.expressions(shapes, means[clip])
    first_lip = alphas[:, space.config.face_expressions]
    within = gaps - np.array([gaps[clip == c].mean() for c in clip])
    assert abs(np.corrcoef(first_lip, within)[0, 1]) > 0.98


def test_the_own_face_takes_the_drivers_expression_and_keeps_its_geometry(made: tuple) -> None:  # type: ignore[type-arg]
    space, points, _, clip, _ = made
    shapes = shapes_of(points, np.ones((len(points), 2)))
    means = np.stack([shapes.points[clip == c].mean(0) for c in np.unique(clip)])
    alphas = space.expressions(shapes, means[clip])
    widths = np.array([np.ptp(means[c][CONTOURS.face, 0]) for c in np.unique(clip)])
    narrow, wide = int(widths.argmin()), int(widths.argmax())
    source = codes_of(space, points[clip == narrow][:1], alphas[clip == narrow][:1])
    driver = codes_of(space, points[clip == wide], alphas[clip == wide])
    driver.pose.zero_()
    ours = space.points(own_face(driver, source, space.config).join())
    theirs = space.points(driver.join())

    def width(p: np.ndarray) -> float:
        return float(np.ptp(p[:, CONTOURS.face, 0], axis=1).mean())

    def opening(p: np.ndarray) -> np.ndarray:
        upper, lower = (list(CONTOURS.mesh).index(i) for i in MESH_478.lip_gap)
        return np.asarray(p[:, lower, 1] - p[:, upper, 1])

    source.pose.zero_()
    own = width(space.points(source.join()))
    assert abs(width(ours) - own) < 0.15 * abs(width(theirs) - own)
    assert np.corrcoef(opening(ours), opening(theirs))[0, 1] > 0.98


def test_lip_codes_are_of_unit_length_and_lose_nothing() -> None:
    mix = np.random.default_rng(0).normal(size=(7, 24)).astype(np.float32)
    code = lip_code(mix)
    np.testing.assert_allclose(np.linalg.norm(code, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(lip_mix(code), mix, rtol=1e-4, atol=1e-5)
    # Of any length: mixing codes in time changes their length.
    np.testing.assert_allclose(lip_mix(code * 0.5), mix, rtol=1e-4, atol=1e-5)


def test_other_landmarks_and_widths_are_refused(made: tuple) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match="dense mesh of 478"):
        shapes_of(np.zeros((1, 68, 3)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="expected"):
        made[0].points(torch.zeros(1, 10))
