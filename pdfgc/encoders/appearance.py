"""The appearance encoder: what a source image looks like, as maps and as a vector."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import GeneratorConfig
from pdfgc.encoders.layers import ResidualDown


@dataclass(frozen=True)
class Appearance:
    """The look of `B` persons, each from `K` source images.

    Attributes:
        images: (B, K, 3, S, S) RGB in [-1, 1].
        vector: (B, appearance_width), mean over the K images.
        maps: one (B, K, C, h, w) per level of the generator, from the smallest side up.
        shape: (B, K, P, 2) where features lie (`pdfgc.generator.shape`), once it was read.
    """

    images: Tensor
    vector: Tensor
    maps: tuple[Tensor, ...]
    shape: Tensor | None = field(default=None, kw_only=True)

    def expand(self, frames: int) -> Appearance:
        """The same single person for every frame of a batch (views, no copies)."""
        return Appearance(
            images=self.images.expand(frames, *self.images.shape[1:]),
            vector=self.vector.expand(frames, -1),
            maps=tuple(level.expand(frames, *level.shape[1:]) for level in self.maps),
            shape=None if self.shape is None else self.shape.expand(frames, -1, -1, -1),
        )


class AppearanceEncoder(nn.Module):
    """E_app of PD-FGC and the embedder of the few-shot paper: K images to maps and one vector.

    The picture is analysed at `analysis_size`; sides above it add one shallow map each, so that a
    network for a larger picture holds the smaller one unchanged.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.image_size = config.image_size
        self.analysis_size = config.analysis_size
        sides = config.sides
        inner = [
            c
            for c, side in zip(config.source_channels, sides, strict=True)
            if side <= config.analysis_size
        ]
        self.stem = nn.Sequential(
            nn.Conv2d(3, inner[-1], 3, 1, 1, bias=False), nn.BatchNorm2d(inner[-1]), nn.ReLU()
        )
        self.down = nn.ModuleList(
            ResidualDown(inputs, outputs)
            for inputs, outputs in zip(inner[:0:-1], inner[-2::-1], strict=True)
        )
        self.to_vector = nn.Linear(inner[0], config.appearance_width)
        self.detail = nn.ModuleList(
            nn.Conv2d(3, channels, 3, 1, 1)
            for channels, side in zip(config.source_channels, sides, strict=True)
            if side > config.analysis_size
        )
        self.detail_sides = [side for side in sides if side > config.analysis_size]

    def forward(self, images: Tensor) -> Appearance:
        """Encode source images.

        Args:
            images: (B, K, 3, image_size, image_size) RGB in [-1, 1].

        Returns:
            The appearance; `vector` is the mean over the K images (few-shot paper, section 3).

        Raises:
            ValueError: the images have another shape.
        """
        size = self.image_size
        if images.dim() != 5 or tuple(images.shape[2:]) != (3, size, size):
            raise ValueError(f"expected (B, K, 3, {size}, {size}), given {tuple(images.shape)}")
        batch, shots = images.shape[:2]
        flat = images.flatten(0, 1)
        inner = flat
        if size != self.analysis_size:
            inner = F.interpolate(flat, size=self.analysis_size, mode="area")
        maps = [self.stem(inner)]
        for block in self.down:
            maps.insert(0, block(maps[0]))
        vector = self.to_vector(maps[0].mean(dim=(2, 3)))
        for side, layer in zip(self.detail_sides, self.detail, strict=True):
            maps.append(
                layer(F.interpolate(flat, size=side, mode="area") if side != size else flat)
            )
        return Appearance(
            images=images,
            vector=vector.unflatten(0, (batch, shots)).mean(dim=1),
            maps=tuple(level.unflatten(0, (batch, shots)) for level in maps),
        )
