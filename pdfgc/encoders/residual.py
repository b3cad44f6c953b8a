"""Residual blocks of the few-shot paper: spectral norm, no batch statistics."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from pdfgc.encoders.attention import SelfAttention


def convolution(inputs: int, outputs: int, side: int = 3) -> nn.Conv2d:
    """A convolution that keeps the size, under spectral norm."""
    return cast(nn.Conv2d, spectral_norm(nn.Conv2d(inputs, outputs, side, 1, side // 2)))


class Down(nn.Module):
    """Halves the picture beside a 1x1 shortcut (few-shot paper, section 3.4).

    Args:
        inputs: channels in.
        outputs: channels out.
        norm: instance norm, as in the generator; embedder and discriminator have none.
        first: whether it sees a picture: then nothing is cut off before its first convolution.
    """

    def __init__(
        self, inputs: int, outputs: int, *, norm: bool = False, first: bool = False
    ) -> None:
        super().__init__()
        self.first = first
        self.before = nn.InstanceNorm2d(inputs, affine=True) if norm and not first else None
        self.between = nn.InstanceNorm2d(outputs, affine=True) if norm else None
        self.a = convolution(inputs, outputs)
        self.b = convolution(outputs, outputs)
        self.short = convolution(inputs, outputs, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / 2, W / 2)."""
        inner = maps if self.before is None else self.before(maps)
        inner = self.a(inner if self.first else F.relu(inner))
        inner = inner if self.between is None else self.between(inner)
        inner = F.avg_pool2d(self.b(F.relu(inner)), 2)
        return cast(Tensor, inner + self.short(F.avg_pool2d(maps, 2)))


class Same(nn.Module):
    """Two convolutions beside an identity: the discriminator's extra block at 4x4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = convolution(channels, channels)
        self.b = convolution(channels, channels)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, channels, H, W) to the same shape."""
        return cast(Tensor, maps + self.b(F.relu(self.a(F.relu(maps)))))


class DownPath(nn.Module):
    """Residual halvings from the picture to 4x4, self-attention at an eighth of its side.

    Args:
        inputs: channels of the picture.
        channels: channels after each halving.
        image_size: side of the picture (px).
    """

    def __init__(self, inputs: int, channels: tuple[int, ...], image_size: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for number, (before, after) in enumerate(
            zip((inputs, *channels[:-1]), channels, strict=True)
        ):
            block: nn.Module = Down(before, after, first=number == 0)
            if image_size >> (number + 1) == image_size // 8:
                block = nn.Sequential(block, SelfAttention(after))
            blocks.append(block)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, inputs, S, S) to the maps after each halving."""
        found = []
        for block in self.blocks:
            picture = block(picture)
            found.append(picture)
        return found


def to_four(channels: tuple[int, ...], image_size: int) -> tuple[int, ...]:
    """Channels of a path to 4x4: those given, then the last of them again."""
    count = (image_size // 4).bit_length() - 1
    return tuple(channels[min(n, len(channels) - 1)] for n in range(count))
