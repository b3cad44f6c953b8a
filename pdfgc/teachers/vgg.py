"""VGG features for the few-shot paper's content loss, from weights that the user supplies."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pdfgc.errors import InputError

_LAYOUTS = {
    16: (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512),
    19: (64, 64, 0, 128, 128, 0, *(256,) * 4, 0, *(512,) * 4, 0, *(512,) * 4),
}


class VggFeatures(nn.Module):
    """Activations after relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1.

    These are layers 1, 6, 11, 20, 29 of VGG19 and 1, 6, 11, 18, 25 of VGGFace, as the few-shot
    paper numbers them (section 3.4; Caffe-trained: BGR in [0, 255] without the mean).

    Args:
        depth: 16 (VGGFace) or 19.
        mean: of blue, green and red, in [0, 255].
    """

    mean: Tensor

    def __init__(self, depth: int, mean: tuple[float, float, float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        layers: list[nn.Module] = []
        self.taken: list[int] = []
        before, fresh = 3, True
        for width in _LAYOUTS[depth]:
            if not width:
                layers.append(nn.MaxPool2d(2))
                fresh = True
                continue
            layers += [nn.Conv2d(before, width, 3, 1, 1), nn.ReLU()]
            if fresh:
                self.taken.append(len(layers) - 1)
            before, fresh = width, False
        # What lies beyond the last layer that is taken is never run.
        self.features = nn.Sequential(*layers[: self.taken[-1] + 1])

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, S, S) RGB in [-1, 1] to five maps."""
        maps = (image.flip(1) + 1) * 127.5 - self.mean
        found = []
        for number, layer in enumerate(self.features):
            maps = layer(maps)
            if number in self.taken:
                found.append(maps)
        return found


def vgg19(path: str | os.PathLike[str]) -> VggFeatures:
    """VGG19 for ImageNet from a file; see `load_vgg`."""
    return load_vgg(path, VggFeatures(19, (103.939, 116.779, 123.68)))


def vggface(path: str | os.PathLike[str]) -> VggFeatures:
    """VGGFace (VGG16 for faces) from a file; see `load_vgg`."""
    return load_vgg(path, VggFeatures(16, (93.594, 104.762, 129.186)))


def load_vgg(path: str | os.PathLike[str], network: VggFeatures) -> VggFeatures:
    """Load convolutions into a network, frozen.

    Args:
        path: .safetensors with keys `features.N.weight` and `features.N.bias`, N as in torchvision;
            further keys are left out.
        network: what they go into.

    Raises:
        InputError: the file is missing, damaged or of another network.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file; give VGG weights as .safetensors.")
    try:
        tensors = load_file(str(path))
        wanted = {key: tensors[key] for key in network.state_dict()}
        network.load_state_dict(wanted)
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise InputError(
            f"{path}: does not hold this network's convolutions ({error}); give a .safetensors "
            f"with keys features.0.weight and so on."
        ) from error
    return network.eval().requires_grad_(False)
