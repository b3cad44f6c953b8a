"""The generator of preset `paper`: codes to a picture by AdaIN and self-attention, without flow."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import GeneratorConfig
from pdfgc.encoders import Appearance
from pdfgc.encoders.attention import SelfAttention
from pdfgc.encoders.residual import convolution
from pdfgc.generator.drivers import CodesDriver, Driven
from pdfgc.generator.fewshot import PersonalBlock, PersonalNorm
from pdfgc.generator.generator import Generated, Generator

_RESIDUAL = 5


class PlainGenerator(Generator):
    """PD-FGC's generator on the few-shot paper's blocks: all of the picture is made.

    A learned constant goes through the few-shot paper's residual and up blocks (section 3.4) with
    self-attention at a quarter of the side. Appearance and driving motion together modulate every
    layer (PD-FGC, section 3.1: the codes are joined and drive the generator as one style). Nothing
    is looked up in the source, so that details come from training on many persons.

    Args:
        config: sides and channels.
        driver: embeds the motion that drives it.
    """

    def __init__(self, config: GeneratorConfig, driver: CodesDriver) -> None:
        nn.Module.__init__(self)
        self.config = config
        self.driver = driver
        width, inner = config.style_width, config.channels[0]
        self.constant = nn.Parameter(torch.randn(1, inner, *[config.base_size] * 2))
        self.style = nn.Sequential(
            nn.Linear(config.appearance_width + width, width), nn.ReLU(), nn.Linear(width, width)
        )
        self.middle = nn.ModuleList(
            PersonalBlock(inner, inner, width, up=False) for _ in range(_RESIDUAL)
        )
        self.up = nn.ModuleList(
            PersonalBlock(before, after, width, up=True)
            for before, after in pairwise(config.channels)
        )
        self.attend_after = config.sides.index(config.image_size // 4) - 1
        self.attention = SelfAttention(config.channels[self.attend_after + 1])
        self.last_norm = PersonalNorm(config.channels[-1], width)
        self.picture = convolution(config.channels[-1], 3)
        self.contrast = nn.Parameter(torch.ones(()))

    def forward(self, appearance: Appearance, source: Tensor, driving: Tensor) -> Generated:
        """Draw the sources' person with the driving motion.

        Args:
            appearance: look of B persons.
            source: (B, K, D) joined codes of the sources; not used: nothing is moved.
            driving: (B, D) joined driving codes.
        """
        return self.synthesise(appearance, self.driver.drive(source), self.driver.drive(driving))

    def shape_of(self, images: Tensor, source: Tensor) -> Tensor | None:
        """Nothing: no lids and lips are laid upon a face here."""
        return None

    def synthesise(self, appearance: Appearance, source: Driven, driving: Driven) -> Generated:
        """As `forward`, from embedded motion."""
        style = self.style(torch.cat([appearance.vector, driving.style], dim=1))
        maps = self.constant.expand(len(style), -1, -1, -1)
        for block in self.middle:
            maps = block(maps, style)
        for number, block in enumerate(self.up):
            maps = block(maps, style)
            if number == self.attend_after:
                maps = self.attention(maps)
        logits = self.picture(F.relu(self.last_norm(maps, style))).float()
        image = torch.tanh(self.contrast * logits)
        return Generated(image, (), image, torch.zeros_like(image[:, :1]))
