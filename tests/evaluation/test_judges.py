"""Networks that are supplied, and the scores that hang on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pdfgc.errors import InputError
from pdfgc.evaluation.networks import Inception, Lpips, checked
from pdfgc.evaluation.recognising import Identity
from pdfgc.evaluation.syncnet import SyncNet, SyncNetwork, mfcc, padded_curve
from pdfgc.metrics import cosine_similarity


class _Network(nn.Module):
    """Answers as the two supplied networks do."""

    def forward(
        self,
        images: Tensor,
        resize_images: bool = True,
        return_lpips: bool = False,
        return_features: bool = False,
    ) -> Tensor:
        if return_lpips and not resize_images:
            return images.flatten(1) / 255
        if return_features:
            return images.mean(dim=(2, 3))
        return torch.zeros(1)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("networks") / "network.pt"
    torch.jit.script(_Network()).save(str(path))
    return path


def test_supplied_networks_are_called_as_documented(scripted: Path) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 255, (2, 20, 8, 8, 3)).astype(np.uint8)
    apart = (first.astype(float) - second) / 255
    assert Lpips(scripted)(first, second) == pytest.approx((apart**2).sum((1, 2, 3)), rel=1e-5)
    assert Inception(scripted)(first) == pytest.approx(first.mean((1, 2)), rel=1e-5)
    assert len(Lpips(scripted).sha256) == 64


def test_files_are_checked(scripted: Path, tmp_path: Path) -> None:
    _, digest = checked(scripted, None)
    assert Inception(scripted, digest.upper()).sha256 == digest
    with pytest.raises(InputError, match="its sha256 is"):
        Inception(scripted, "0" * 64)
    with pytest.raises(InputError, match="not fetched"):
        Lpips(tmp_path / "none.pt")
    (tmp_path / "odd.pt").write_bytes(b"no network")
    with pytest.raises(InputError, match="no TorchScript"):
        Lpips(tmp_path / "odd.pt")
    with pytest.raises(InputError, match="no checkpoint of SyncNet"):
        SyncNet(tmp_path / "odd.pt")


def test_mfcc_equals_python_speech_features() -> None:
    package = pytest.importorskip("python_speech_features")
    samples = np.random.default_rng(0).normal(size=16_000) * 3000
    assert mfcc(samples) == pytest.approx(package.mfcc(samples, 16_000), rel=1e-6, abs=1e-6)


def test_syncnet_has_the_published_shapes_and_runs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = SyncNetwork()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert shapes["netcnnaud.0.weight"] == (64, 1, 3, 3)
    assert shapes["netcnnaud.18.weight"] == (512, 256, 5, 4)
    assert shapes["netcnnlip.0.weight"] == (96, 3, 5, 7, 7)
    assert shapes["netcnnlip.18.weight"] == (512, 256, 1, 6, 6)
    assert shapes["netfclip.3.weight"] == (1024, 512)
    path = tmp_path / "syncnet.model"
    torch.save(network.state_dict(), path)
    judge = SyncNet(path)
    pictures = np.random.default_rng(0).integers(0, 255, (12, 64, 64, 3)).astype(np.uint8)
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (12, 478, 3))
    score = judge(pictures, np.zeros(12 * 640, np.float32), points)
    assert np.isfinite([score.offset, score.confidence]).all()


def test_curve_is_that_of_the_authors_tool() -> None:
    torch.manual_seed(0)
    sound = torch.randn(40, 16)
    lips = torch.roll(sound, 5, 0)  # 5 frames late
    curve = padded_curve(lips, sound, 15)
    # The tool's own loop: a window of sound around each frame, zeros beyond the ends.
    wide = nn.functional.pad(sound, (0, 0, 15, 15))
    rows = [
        nn.functional.pairwise_distance(lips[[n]].repeat(31, 1), wide[n : n + 31])
        for n in range(40)
    ]
    wanted = torch.stack(rows, 1).mean(1)
    assert curve[::-1] == pytest.approx(-wanted.numpy(), abs=1e-5)
    assert int(curve.argmax()) - 15 == 5


def test_identity_stands_between_impostor_and_self() -> None:
    class Colours:
        name = "mean colour"

        def __call__(self, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
            return picture.mean((0, 1)).astype(float)

    own, other = np.array([200.0, 60, 60]), np.array([60.0, 60, 200])
    identity = Identity(Colours(), {"a": own, "b": other})
    genuine = np.stack([own, own * 0.9])
    assert identity.score("a", own, genuine, genuine) == pytest.approx(1)
    assert identity.score("a", own, genuine, other[None]) == pytest.approx(0)
    assert identity.impostor("a", own) == pytest.approx(cosine_similarity(other, own))
    between = identity.score("a", own, genuine, (own + other)[None] / 2)
    assert 0.2 < between < 0.9
