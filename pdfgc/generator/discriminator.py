"""The projection discriminator of the few-shot paper."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


@dataclass(frozen=True)
class Judgement:
    """What the discriminator says of a batch.

    Attributes:
        score: (B,) realism; high is real.
        features: one (B, C, h, w) per block, for feature matching.
    """

    score: Tensor
    features: tuple[Tensor, ...]


class _Down(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.a = spectral_norm(nn.Conv2d(inputs, outputs, 3, 1, 1))
        self.b = spectral_norm(nn.Conv2d(outputs, outputs, 4, 2, 1))
        self.short = spectral_norm(nn.Conv2d(inputs, outputs, 1))

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.b(F.leaky_relu(self.a(F.leaky_relu(maps, 0.2)), 0.2))
        out: Tensor = inner + self.short(F.avg_pool2d(maps, 2))
        return out


class Discriminator(nn.Module):
    """Scores realism for a person: V(x)^T (W_i + w_0) + b (few-shot paper, section 3).

    Args:
        image_size: side of the picture (px).
        persons: rows of W: one embedding per training person.
        width: width of the embedding, that of the appearance vector.
        channels: channels after each halving.
    """

    def __init__(
        self,
        image_size: int,
        persons: int,
        width: int,
        channels: tuple[int, ...] = (24, 48, 96, 160, 192),
    ) -> None:
        super().__init__()
        self.image_size = image_size
        self.stem = spectral_norm(nn.Conv2d(3, channels[0], 4, 2, 1))
        self.blocks = nn.ModuleList(
            _Down(inputs, outputs) for inputs, outputs in pairwise(channels)
        )
        self.last = spectral_norm(nn.Conv2d(channels[-1], width, 3, 1, 1))
        self.persons = nn.Embedding(persons, width)
        self.common = nn.Parameter(torch.zeros(width))
        self.bias = nn.Parameter(torch.zeros(1))
        nn.init.uniform_(self.persons.weight, -0.1, 0.1)
        nn.init.normal_(self.common, std=0.02)

    def forward(self, image: Tensor, person: Tensor) -> Judgement:
        """Judge pictures.

        Args:
            image: (B, 3, S, S) RGB in [-1, 1].
            person: (B,) int64 rows of W.
        """
        maps = self.stem(image)
        features = [maps]
        for block in self.blocks:
            maps = block(maps)
            features.append(maps)
        vector = F.leaky_relu(self.last(F.leaky_relu(maps, 0.2)), 0.2).sum(dim=(2, 3))
        weights = self.persons(person) + self.common
        score = (vector * weights).sum(dim=1).float() / weights.shape[1] ** 0.5 + self.bias
        return Judgement(score, tuple(features))
