"""Identity, Fréchet distance, texture: what is measured on features of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import linalg, ndimage
from scipy.spatial import distance

from pdfgc.metrics import (
    cosine_similarity,
    frechet_distance,
    mouth_sharpness,
    normalised_similarity,
    sharpness,
    texture_distance,
    texture_features,
)
from pdfgc.metrics.texture import _wavelets
from tests.tracking.faces import head

Pictures = NDArray[np.uint8]


def test_cosine_equals_scipy() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 5, 128))
    wanted = [1 - distance.cosine(a, b) for a, b in zip(first, second, strict=True)]
    assert cosine_similarity(first, second) == pytest.approx(wanted)
    assert cosine_similarity(first[:, None], second[None]).shape == (5, 5)
    assert np.isnan(cosine_similarity(np.zeros(3), np.ones(3)))


def test_identity_is_normalised_between_impostor_and_genuine() -> None:
    assert normalised_similarity(0.8, impostor=0.8, genuine=0.9) == 0
    assert normalised_similarity(0.9, impostor=0.8, genuine=0.9) == pytest.approx(1)
    assert normalised_similarity(0.7, impostor=0.8, genuine=0.9) < 0
    assert np.isnan(normalised_similarity(0.9, impostor=0.9, genuine=0.9))


def test_frechet_distance_equals_the_formula_with_a_matrix_root() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(size=(200, 12)) @ rng.normal(size=(12, 12))
    second = rng.normal(size=(150, 12)) @ rng.normal(size=(12, 12)) + 1
    one, two = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    apart = first.mean(0) - second.mean(0)
    wanted = apart @ apart + np.trace(one + two - 2 * linalg.sqrtm(one @ two).real)
    assert frechet_distance(first, second) == pytest.approx(wanted, rel=1e-6)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_equals_torchmetrics() -> None:
    fid = pytest.importorskip("torchmetrics.image.fid")
    import torch

    rng = np.random.default_rng(2)
    sets = [torch.from_numpy(rng.normal(size=(90, 8)) * scale) for scale in (1.0, 2.0)]
    moments = [part for each in sets for part in (each.mean(0), each.T.cov())]
    wanted = float(fid._compute_fid(*moments))
    assert frechet_distance(sets[0].numpy(), sets[1].numpy()) == pytest.approx(wanted, rel=1e-6)


def test_frechet_distance_of_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))


@pytest.fixture(scope="module")
def portrait() -> Pictures:
    from tests.conftest import ROOT

    with Image.open(ROOT / "examples" / "astronaut.jpg") as image:
        box = (125, 15, 325, 215)
        return np.asarray(image.convert("RGB").resize((128, 128), box=box))


def _blurred(picture: Pictures, radius: float) -> Pictures:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


def test_sharpness_equals_scipy(portrait: Pictures) -> None:
    wanted = np.abs(ndimage.laplace(portrait.mean(-1) / 255))[1:-1, 1:-1].mean()
    assert sharpness(portrait) == pytest.approx(wanted)
    assert sharpness(_blurred(portrait, 2)) < 0.5 * sharpness(portrait)


def test_sharpness_of_the_mouth_sees_the_mouth_only(portrait: Pictures) -> None:
    points = np.stack([head(scale=0.5, x=0, y=0)] * 3)
    points[2] = np.nan
    lips = points[0, [61, 291], :2]
    row, column = ((lips.mean(0)[::-1] + 1) / 2 * 128).astype(int)
    soft = portrait.copy()
    soft[row - 25 : row + 25, column - 30 : column + 30] = 128
    values = mouth_sharpness(np.stack([portrait, soft, portrait]), points)
    assert values[0] > 0.005
    assert values[1] == 0
    assert np.isnan(values[2])
    elsewhere = portrait.copy()
    elsewhere[: row - 25] = 128
    assert mouth_sharpness(elsewhere[None], points[:1]) == pytest.approx(values[:1])


def test_wavelets_are_those_of_skimage() -> None:
    filters = pytest.importorskip("skimage.filters")
    ours = _wavelets()[:, 0].numpy()
    for turn in range(6):
        kernel = filters.gabor_kernel(
            1 / 5, theta=np.pi * turn / 6, sigma_x=2, sigma_y=2, n_stds=3.01
        )
        middle = len(kernel) // 2
        inside = kernel[middle - 6 : middle + 7, middle - 6 : middle + 7]
        assert np.corrcoef(ours[turn].ravel(), inside.real.ravel())[0, 1] > 0.99
        assert np.corrcoef(ours[turn + 6].ravel(), inside.imag.ravel())[0, 1] > 0.999
    assert np.abs(ours.sum((1, 2))).max() < 1e-6  # blind to even light


def test_texture_sees_blur_and_noise_and_little_of_a_shift(portrait: Pictures) -> None:
    rng = np.random.default_rng(0)
    noisy = (portrait + rng.normal(size=portrait.shape) * 25).clip(0, 255).astype(np.uint8)
    changed = [portrait, _blurred(portrait, 1), _blurred(portrait, 3), noisy]
    values = texture_distance(np.stack(changed), np.stack([portrait] * 4))
    assert values[0] == pytest.approx(0, abs=1e-9)
    assert values[1] < values[2]
    # One grey level is far less than a blur that costs every edge.
    brighter = (portrait.astype(int) + 8).clip(0, 255).astype(np.uint8)
    assert texture_distance(brighter[None], portrait[None]) < 0.2 * values[2]
    assert values[3] > values[1]


def test_sets_of_blurred_pictures_are_far_from_sharp_ones(portrait: Pictures) -> None:
    turned = [np.roll(portrait, shift, axis=1) for shift in range(-12, 12)]
    sharp, other = texture_features(np.stack(turned[::2])), texture_features(np.stack(turned[1::2]))
    soft = texture_features(np.stack([_blurred(each, 2) for each in turned[::2]]))
    assert sharp.shape == (12, 228)
    assert frechet_distance(sharp, soft) > 20 * frechet_distance(sharp, other)
