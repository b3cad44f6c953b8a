from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdfgc.metrics import l1, ms_ssim, psnr, ssim


@pytest.fixture
def pictures() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Three smooth pictures and the same with noise of three strengths."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :52] / 20
    waves = np.stack(
        [np.sin(x + k)[..., None] * np.cos(y * [1, 2, 3][k])[..., None] for k in (0, 1, 2)]
    )
    clean = (waves * np.array([60, 90, 100]) + 128).astype(np.uint8)
    noise = rng.normal(size=clean.shape) * np.array([3, 10, 40])[:, None, None, None]
    return (clean + noise).clip(0, 255).astype(np.uint8), clean


def test_psnr_and_ssim_equal_skimage(pictures: tuple[NDArray[np.uint8], ...]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    noisy, clean = pictures
    for frame in range(3):
        wanted = metrics.peak_signal_noise_ratio(clean[frame], noisy[frame])
        assert psnr(noisy, clean)[frame] == pytest.approx(wanted, abs=1e-4)
        wanted = metrics.structural_similarity(
            clean[frame],
            noisy[frame],
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
        assert ssim(noisy, clean)[frame] == pytest.approx(wanted, abs=1e-4)


def test_psnr_and_ssim_equal_torchmetrics(pictures: tuple[NDArray[np.uint8], ...]) -> None:
    functional = pytest.importorskip("torchmetrics.functional.image")
    import torch

    noisy, clean = pictures
    maps = [torch.from_numpy(each).permute(0, 3, 1, 2).float() / 255 for each in pictures]
    _, whole = functional.structural_similarity_index_measure(
        maps[0], maps[1], data_range=1.0, reduction="none", return_full_image=True
    )
    # It counts the border too, over reflected pixels that are not in the picture.
    inside = whole[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))
    assert ssim(noisy, clean) == pytest.approx(inside.numpy(), abs=1e-4)
    wanted = functional.peak_signal_noise_ratio(
        maps[0], maps[1], data_range=1.0, reduction="none", dim=(1, 2, 3)
    )
    assert psnr(noisy, clean) == pytest.approx(wanted.numpy(), abs=1e-3)


def test_l1_is_the_mean_absolute_difference(pictures: tuple[NDArray[np.uint8], ...]) -> None:
    noisy, clean = pictures
    wanted = np.abs(noisy.astype(float) - clean).mean(axis=(1, 2, 3)) / 255
    assert l1(noisy, clean) == pytest.approx(wanted)


def test_same_pictures_are_perfect(pictures: tuple[NDArray[np.uint8], ...]) -> None:
    _, clean = pictures
    assert (l1(clean, clean) == 0).all()
    assert np.isinf(psnr(clean, clean)).all()
    assert ssim(clean, clean) == pytest.approx(1)


def test_more_noise_is_worse(pictures: tuple[NDArray[np.uint8], ...]) -> None:
    noisy, clean = pictures
    assert (np.diff(l1(noisy, clean)) > 0).all()
    assert (np.diff(psnr(noisy, clean)) < 0).all()
    assert (np.diff(ssim(noisy, clean)) < 0).all()


@pytest.mark.parametrize("metric", [l1, psnr, ssim])
def test_unequal_or_float_pictures_are_refused(metric: type[l1]) -> None:
    frames = np.zeros((1, 16, 16, 3), np.uint8)
    with pytest.raises(ValueError, match="expected two"):
        metric(frames, frames[:, :12])
    with pytest.raises(ValueError, match="uint8"):
        metric(frames.astype(np.float32), frames)


@pytest.mark.parametrize(("side", "scales"), [(192, 5), (128, 4), (40, 2)])
def test_ms_ssim_equals_torchmetrics_terms(side: int, scales: int) -> None:
    module = pytest.importorskip("torchmetrics.functional.image.ssim")
    import torch

    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / 9
    clean = (np.stack([np.sin(x), np.cos(y), np.sin(x + y)], -1)[None] * 90 + 128).astype(np.uint8)
    noisy = (clean + rng.normal(size=clean.shape) * 25).clip(0, 255).astype(np.uint8)
    maps = [torch.from_numpy(e).permute(0, 3, 1, 2).float() / 255 for e in (noisy, clean)]
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    weights = weights / weights.sum()
    wanted = 1.0
    for scale, weight in enumerate(weights):
        if scale == scales - 1:
            _, whole = module._ssim_update(*maps, data_range=1.0, return_full_image=True)
            term = whole[..., 5:-5, 5:-5].mean()
        else:
            term = module._ssim_update(*maps, data_range=1.0, return_contrast_sensitivity=True)[1]
        wanted *= float(term) ** weight
        maps = [torch.nn.functional.avg_pool2d(each, 2) for each in maps]
    # The five exponents of the paper sum to 1.0001.
    assert ms_ssim(noisy, clean)[0] == pytest.approx(wanted, abs=2e-4)
    assert ms_ssim(clean, clean) == pytest.approx(1)
    assert ms_ssim(255 - clean, clean)[0] < 0.2
