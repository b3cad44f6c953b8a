"""The released generator: modulated convolutions from the source's map to the picture.

The layers are those of StyleGAN2 (Karras et al., Analyzing and Improving the Image Quality of
StyleGAN, section 2 and appendix B), written from the paper. In place of the learned constant stands
the source's map, in place of the mapped latent the joined codes themselves, and the noise is a
buffer that is drawn once and travels with the weights.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import GeneratorConfig
from pdfgc.encoders import Appearance
from pdfgc.generator.generator import Generated, Generator
from pdfgc.motion import EXPRESSION_WIDTH, EYE_WIDTH

_EPSILON = 1e-8
_SLOPE, _GAIN = 0.2, math.sqrt(2)
NOISE_SEED = 0
"""Seed of the noise that a new generator holds."""


class Modulation(nn.Module):
    """Style to one factor per channel, with an equalised learning rate."""

    def __init__(self, style_width: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, style_width))
        self.bias = nn.Parameter(torch.ones(channels))
        self.scale = style_width**-0.5

    def forward(self, style: Tensor) -> Tensor:
        """(B, style_width) to (B, channels)."""
        return F.linear(style, self.weight * self.scale, self.bias)


class ModulatedConv(nn.Module):
    """Convolution whose input channels are scaled by the style, and its output back to unit size.

    The maps are scaled rather than the weights, which is the same and lets a batch share them.
    """

    def __init__(self, inputs: int, outputs: int, size: int, style_width: int, *, up: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.modulation = Modulation(style_width, inputs)
        self.scale = (inputs * size * size) ** -0.5
        self.up = up

    def forward(self, maps: Tensor, style: Tensor, *, demodulate: bool) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w), twice the side where it enlarges.

        `demodulate` brings every output channel back to the size it has for inputs of unit size.
        """
        factor = self.modulation(style) * self.scale
        maps = maps * factor[:, :, None, None]
        if self.up:
            out = F.conv_transpose2d(maps, self.weight.transpose(0, 1), stride=2)
            kernel = _smoothing(out)
            # Smoothed with one row of zeros around: twice the side is left.
            out = F.conv2d(out, kernel.expand(out.shape[1], -1, -1, -1), None, 1, 1,
                           groups=out.shape[1])  # fmt: skip
        else:
            out = F.conv2d(maps, self.weight, padding=self.weight.shape[-1] // 2)
        if demodulate:
            energy = F.linear(factor.square(), self.weight.square().sum(dim=(2, 3)))
            out = out * torch.rsqrt(energy + _EPSILON)[:, :, None, None]
        return out


class StyledLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias and activation."""

    def __init__(self, inputs: int, outputs: int, style_width: int, *, up: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, style_width, up=up)
        self.noise_strength = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, maps: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """Run the layer.

        Args:
            maps: (B, inputs, h, w).
            style: (B, style_width).
            noise: (1, 1, h, w) of the result's side, added to every channel.
        """
        out = self.conv(maps, style, demodulate=True) + self.noise_strength * noise
        active: Tensor = F.leaky_relu(out + self.bias[:, None, None], _SLOPE) * _GAIN
        return active


class PictureLayer(nn.Module):
    """Adds one side's share to the picture."""

    def __init__(self, inputs: int, style_width: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, 3, 1, style_width, up=False)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, maps: Tensor, style: Tensor, before: Tensor | None) -> Tensor:
        """(B, inputs, h, w) and the picture of half the side to (B, 3, h, w)."""
        out: Tensor = self.conv(maps, style, demodulate=False) + self.bias[:, None, None]
        return out if before is None else out + _enlarged(before)


class ModulatedGenerator(Generator):
    """G as released.

    Args:
        config: sides and channels; `style_width` is that of appearance and codes together.
        lip_width: width of the lip code.
    """

    def __init__(self, config: GeneratorConfig, lip_width: int) -> None:
        nn.Module.__init__(self)
        self.config = config
        self.lip_width = lip_width
        width, channels = config.style_width, config.channels
        layers = [StyledLayer(config.source_channels[0], channels[0], width, up=False)]
        for inputs, outputs in pairwise(channels):
            layers.append(StyledLayer(inputs, outputs, width, up=True))
            layers.append(StyledLayer(outputs, outputs, width, up=False))
        self.layers = nn.ModuleList(layers)
        self.pictures = nn.ModuleList(PictureLayer(each, width) for each in channels)
        for number in range(len(layers)):
            side = config.sides[(number + 1) // 2]
            self.register_buffer(f"noise_{number}", torch.zeros(1, 1, side, side))
        self.draw_noise(NOISE_SEED)

    def draw_noise(self, seed: int) -> None:
        """Draw the noise anew; the same seed gives the same noise on every device.

        The released code draws it from the global state of chance at the first frame and keeps it.
        """
        chance = torch.Generator().manual_seed(seed)
        for name, noise in self.named_buffers(recurse=False):
            drawn = torch.randn(noise.shape, generator=chance, device="cpu")
            self.get_buffer(name).copy_(drawn)

    def shape_of(self, images: Tensor, source: Tensor) -> Tensor | None:
        """Nothing: no lids and lips are laid upon a face here."""
        return None

    def forward(self, appearance: Appearance, source: Tensor, driving: Tensor) -> Generated:
        """Draw the sources' person with the driving motion.

        Args:
            appearance: look of B persons from K sources each.
            source: (B, K, D) joined codes of the sources; not used, as in the release.
            driving: (B, D) joined driving codes.

        Returns:
            The picture; all of it is made, nothing is looked up.
        """
        return self.draw(appearance, self.style_codes(driving))

    def draw(self, appearance: Appearance, driving: Tensor) -> Generated:
        """As `forward`, from codes in the order of the release: lip, expression, eye, pose."""
        style = torch.cat([appearance.vector, driving], dim=1)
        maps = appearance.maps[0].mean(dim=1)
        picture: Tensor | None = None
        for number, layer in enumerate(self.layers):
            maps = layer(maps, style, self.get_buffer(f"noise_{number}"))
            if number % 2 == 0:
                picture = self.pictures[number // 2](maps, style, picture)
        assert picture is not None
        image = torch.tanh(picture)
        return Generated(image, (), image, torch.zeros_like(image[:, :1]))

    def style_codes(self, codes: Tensor) -> Tensor:
        """Joined codes (B, D) in the order and layout of the release.

        `Codes.join` gives lip, eye, pose, expression, the eye code with gaze first; the release
        has lip, expression, eye, pose, and gaze in the middle of the eye code.

        Raises:
            ValueError: the codes have another width.
        """
        width = self.config.style_width - self.config.appearance_width
        if codes.shape[-1] != width:
            raise ValueError(f"expected (B, {width}) codes, given {tuple(codes.shape)}")
        rest = codes.shape[-1] - self.lip_width - EYE_WIDTH - EXPRESSION_WIDTH
        lip, eye, pose, expression = torch.split(
            codes, [self.lip_width, EYE_WIDTH, rest, EXPRESSION_WIDTH], dim=-1
        )
        gaze, blink = torch.split(eye, [2, 4], dim=-1)
        return torch.cat([lip, expression, blink[..., :2], gaze, blink[..., 2:], pose], dim=-1)


def _smoothing(like: Tensor) -> Tensor:
    """(1, 1, 4, 4) outer product of [1, 3, 3, 1], of sum 4: zeros were put between the rows."""
    row = torch.tensor([1.0, 3.0, 3.0, 1.0], device=like.device, dtype=like.dtype) / 4
    return torch.outer(row, row)[None, None]


def _enlarged(picture: Tensor) -> Tensor:
    """(B, 3, h, w) to twice the side, smoothed."""
    kernel = _smoothing(picture).expand(picture.shape[1], -1, -1, -1)
    return F.conv_transpose2d(picture, kernel, stride=2, padding=1, groups=picture.shape[1])
