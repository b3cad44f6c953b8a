"""The released appearance encoder: a ResNeXt-50 that gives a vector and a map.

Xie et al., Aggregated Residual Transformations for Deep Neural Networks, table 1, with groups of 4
channels and without the classifiers that only training needed.
"""

from __future__ import annotations

from torch import Tensor, nn

from pdfgc.config import GeneratorConfig
from pdfgc.encoders.appearance import Appearance, AppearanceEncoder

_DEPTHS = (3, 4, 6, 3)
_GROUPS = 32


class Bottleneck(nn.Module):
    """1x1, grouped 3x3 and 1x1 convolutions beside a shortcut."""

    def __init__(self, inputs: int, inner: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, groups=_GROUPS, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h / stride, w / stride)."""
        short = maps if self.downsample is None else self.downsample(maps)
        inner = self.relu(self.bn1(self.conv1(maps)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        joined: Tensor = self.relu(self.bn3(self.conv3(inner)) + short)
        return joined


class ResNeXt(nn.Module):
    """Images to maps at a 32nd of their side.

    Args:
        width: channels of the result, 2048 in ResNeXt-50; all others are in proportion.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        stem = width // 32
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = stem
        for level, depth in enumerate(_DEPTHS):
            inner, outputs = stem * 2 ** (level + 1), stem * 2 ** (level + 2)
            blocks = []
            for number in range(depth):
                stride = 2 if level and number == 0 else 1
                blocks.append(Bottleneck(inputs, inner, outputs, stride))
                inputs = outputs
            self.add_module(f"layer{level + 1}", nn.Sequential(*blocks))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [-1, 1] to (B, width, S / 32, S / 32)."""
        maps: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for level in range(len(_DEPTHS)):
            maps = self.get_submodule(f"layer{level + 1}")(maps)
        return maps


class OfficialAppearanceEncoder(AppearanceEncoder):
    """E_app as released: a vector that modulates, and the map that the generator starts from."""

    def __init__(self, config: GeneratorConfig) -> None:
        nn.Module.__init__(self)
        self.image_size = config.image_size
        self.trunk = ResNeXt(config.appearance_width)
        self.to_map = nn.Conv2d(config.appearance_width, config.source_channels[0], 1)

    def forward(self, images: Tensor) -> Appearance:
        """Encode source images.

        Args:
            images: (B, K, 3, image_size, image_size) RGB in [-1, 1].

        Returns:
            The appearance, with one map (B, K, C, S / 32, S / 32); `vector` is the mean over the
            K images.

        Raises:
            ValueError: the images have another shape.
        """
        size = self.image_size
        if images.dim() != 5 or tuple(images.shape[2:]) != (3, size, size):
            raise ValueError(f"expected (B, K, 3, {size}, {size}), given {tuple(images.shape)}")
        batch, shots = images.shape[:2]
        maps = self.trunk(images.flatten(0, 1))
        return Appearance(
            images=images,
            vector=maps.mean(dim=(2, 3)).unflatten(0, (batch, shots)).mean(dim=1),
            maps=(self.to_map(maps).unflatten(0, (batch, shots)),),
        )
