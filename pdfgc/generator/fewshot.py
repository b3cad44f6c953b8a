"""G of the few-shot paper: a landmark image to a picture, a person by AdaIN alone."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from pdfgc.config import GeneratorConfig
from pdfgc.encoders import Appearance
from pdfgc.encoders.attention import SelfAttention
from pdfgc.encoders.residual import Down, convolution
from pdfgc.generator.drawing import LandmarkDriver
from pdfgc.generator.generator import Generated, Generator

_RESIDUAL = 5
# Adam moves every number by the learning rate: in this unit a gain moves ten times as fast.
_GAIN_UNIT = 10.0


class PersonalNorm(nn.Module):
    """AdaIN whose scales and shifts are a projection of the embedding, or free numbers.

    psi' = P e (few-shot paper, section 3.1); `release` makes psi' parameters of their own
    (section 3.3).

    Args:
        channels: channels of the maps.
        width: width of the embedding.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.project = spectral_norm(nn.Linear(width, 2 * channels))
        # Spectral norm bounds embedding and projection, so that only this gain lets them speak. At
        # 0.1, and as slow as a weight, everybody got one mean face; from 3 all ReLUs died.
        self.gain = nn.Parameter(torch.full((), 1 / _GAIN_UNIT))
        self.own: nn.Parameter | None = None

    def release(self, vector: Tensor) -> None:
        """Project an embedding (1, width) once; from now on the result is free."""
        self.own = nn.Parameter(self._said(vector).detach().clone())

    def _said(self, vector: Tensor) -> Tensor:
        said: Tensor = _GAIN_UNIT * self.gain * self.project(vector)
        return said

    def forward(self, maps: Tensor, vector: Tensor) -> Tensor:
        """(B, channels, H, W), (B, width) to (B, channels, H, W)."""
        personal = self._said(vector) if self.own is None else self.own
        scale, shift = personal[..., None, None].chunk(2, dim=1)
        return F.instance_norm(maps) * (1 + scale) + shift


class PersonalBlock(nn.Module):
    """A residual block with two personal norms; enlarges where asked."""

    def __init__(self, inputs: int, outputs: int, width: int, *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.before = PersonalNorm(inputs, width)
        self.a = convolution(inputs, outputs)
        self.between = PersonalNorm(outputs, width)
        self.b = convolution(outputs, outputs)
        self.short = convolution(inputs, outputs, 1) if up else None

    def forward(self, maps: Tensor, vector: Tensor) -> Tensor:
        """(B, inputs, h, w), (B, width) to (B, outputs, h or 2h, w or 2w)."""
        inner = F.relu(self.before(maps, vector))
        if self.up:
            inner = F.interpolate(inner, scale_factor=2.0)
        inner = self.b(F.relu(self.between(self.a(inner), vector)))
        if self.short is None:
            return cast(Tensor, maps + inner)
        return cast(Tensor, F.interpolate(self.short(maps), scale_factor=2.0) + inner)


class FewShotGenerator(Generator):
    """Johnson's image-to-image network with residual down and up blocks (few-shot paper, 3.4).

    Args:
        config: sides and channels: `source_channels` on the way down, `channels` on the way up.
        driver: draws codes.
    """

    def __init__(self, config: GeneratorConfig, driver: LandmarkDriver) -> None:
        nn.Module.__init__(self)
        self.config = config
        self.landmarks = driver
        width = config.appearance_width
        down = [c for c in config.source_channels[::-1] if c]
        size = config.image_size
        blocks: list[nn.Module] = []
        for number, (before, after) in enumerate(zip([3, *down[:-1]], down, strict=True)):
            blocks.append(Down(before, after, norm=True, first=number == 0))
            if size >> (number + 1) == size // 8:
                blocks.append(SelfAttention(after))
        self.down = nn.Sequential(*blocks)
        inner = config.channels[0]
        self.middle = nn.ModuleList(
            PersonalBlock(inner, inner, width, up=False) for _ in range(_RESIDUAL)
        )
        self.up = nn.ModuleList(
            PersonalBlock(before, after, width, up=True)
            for before, after in pairwise(config.channels)
        )
        at = config.sides.index(size // 4)
        self.attention = SelfAttention(config.channels[at])
        self._attend_at = size // 4
        self.last_norm = PersonalNorm(config.channels[-1], width)
        self.picture = convolution(config.channels[-1], 3)
        self.contrast = nn.Parameter(torch.ones(()))

    def forward(self, appearance: Appearance, source: Tensor, driving: Tensor) -> Generated:
        """Draw the sources' person with the driving motion.

        Args:
            appearance: look of B persons.
            source: (B, K, D) joined codes of the sources; not used: the embedding holds all.
            driving: (B, D) joined driving codes.

        Returns:
            The picture; all of it is made, nothing is looked up.
        """
        return self.paint(appearance, self.landmarks(driving, self.config.image_size))

    def paint(self, appearance: Appearance, drawing: Tensor) -> Generated:
        """As `forward`, from landmark images (B, 3, S, S) in [-1, 1]."""
        vector = appearance.vector
        maps = self.down(drawing)
        for block in (*self.middle, *self.up):
            maps = block(maps, vector)
            if maps.shape[-1] == self._attend_at and block is not self.middle[-1]:
                maps = self.attention(maps)
        logits = self.picture(F.relu(self.last_norm(maps, vector))).float()
        image = torch.tanh(self.contrast * logits)
        return Generated(image, (), image, torch.zeros_like(image[:, :1]))

    def release(self, appearance: Appearance) -> None:
        """Make the person's AdaIN parameters free (few-shot paper, section 3.3).

        Args:
            appearance: look of one person.
        """
        for part in self.modules():
            if isinstance(part, PersonalNorm):
                part.release(appearance.vector[:1])
