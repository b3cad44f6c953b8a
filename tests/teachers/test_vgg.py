from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pdfgc.errors import InputError
from pdfgc.teachers.vgg import VggFeatures, vgg19, vggface


def test_layers_are_those_that_the_paper_numbers() -> None:
    """Few-shot paper, section 3.4."""
    assert VggFeatures(19, (0, 0, 0)).taken == [1, 6, 11, 20, 29]
    assert VggFeatures(16, (0, 0, 0)).taken == [1, 6, 11, 18, 25]


def test_features_are_after_the_rectifier_of_bgr_without_the_mean(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tensors = VggFeatures(16, (0, 0, 0)).state_dict()
    save_file(tensors | {"classifier.weight": torch.zeros(1)}, tmp_path / "face.safetensors")
    network = vggface(tmp_path / "face.safetensors")
    assert not any(p.requires_grad for p in network.parameters())
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    found = network(image)
    assert [(f.shape[1], f.shape[2]) for f in found] == [
        (64, 32), (128, 16), (256, 8), (512, 4), (512, 2)
    ]  # fmt: skip
    blue_first = (image[:, [2, 1, 0]] + 1) / 2 * 255
    blue_first -= torch.tensor([93.594, 104.762, 129.186]).view(1, 3, 1, 1)
    first = torch.relu(
        torch.nn.functional.conv2d(
            blue_first, tensors["features.0.weight"], tensors["features.0.bias"], padding=1
        )
    )
    torch.testing.assert_close(found[0], first, rtol=1e-4, atol=1e-3)


def test_a_file_that_is_not_there_or_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        vgg19(tmp_path / "none.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="does not hold this network's convolutions"):
        vgg19(tmp_path / "x.safetensors")
