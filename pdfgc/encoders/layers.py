"""Building blocks that the encoders share."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F


class ResidualDown(nn.Module):
    """Two 3x3 convolutions with batch norm beside a 1x1 shortcut; halves the picture.

    Args:
        inputs: channels in.
        outputs: channels out.
        stride: 2 halves the picture, 1 keeps its size.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity(),
            nn.Conv2d(inputs, outputs, 1, bias=False),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        out: Tensor = torch.relu(self.body(maps) + self.shortcut(maps))
        return out


class ImageTrunk(nn.Module):
    """A residual network that keeps the layout of the picture until its last layer.

    The last maps are squeezed to few channels and flattened, not averaged: where something is in
    the crop is what motion is about.

    Args:
        size: height and width of the picture (px).
        channels: channels at 1/2, 1/4, 1/8 and 1/16 of the picture.
        width: width of the feature.
        squeeze: channels that are flattened.
        fine: the first layer does not halve the picture; all else is twice as fine.
    """

    def __init__(
        self,
        size: tuple[int, int],
        channels: tuple[int, ...],
        width: int,
        squeeze: int = 32,
        *,
        fine: bool = False,
    ) -> None:
        super().__init__()
        self.size = size
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels[0], 3, 1 if fine else 2, 1, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        )
        blocks: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            blocks += [ResidualDown(inputs, outputs), ResidualDown(outputs, outputs, stride=1)]
        self.blocks = nn.Sequential(*blocks)
        step = 2 ** (len(channels) - fine)
        rows, columns = (length // step for length in size)
        self.squeeze = nn.Sequential(
            nn.Conv2d(channels[-1], squeeze, 1, bias=False), nn.BatchNorm2d(squeeze), nn.ReLU()
        )
        self.project = nn.Linear(squeeze * rows * columns, width)

    def forward(self, image: Tensor) -> Tensor:
        """Read the motion feature off a face crop.

        Args:
            image: (B, 3, height, width) RGB in [-1, 1].

        Returns:
            (B, width) feature.

        Raises:
            ValueError: the picture has another size.
        """
        expected = (3, *self.size)
        if tuple(image.shape[1:]) != expected:
            raise ValueError(f"expected (B, {expected}), given {tuple(image.shape)}")
        feature: Tensor = self.project(self.squeeze(self.blocks(self.stem(image))).flatten(1))
        return feature


class BandTrunk(ImageTrunk):
    """A light trunk on a band of an aligned crop, which it sees as finely as the crop is sampled.

    Args:
        side: of the crop (px).
        rows: where the band begins and ends, as shares of the side.
        columns: likewise.
        channels: as `ImageTrunk` has them.
        width: of the feature.
        squeeze: channels that are flattened.
    """

    def __init__(
        self,
        side: int,
        rows: tuple[float, float],
        columns: tuple[float, float],
        channels: tuple[int, ...],
        width: int,
        squeeze: int = 32,
    ) -> None:
        down, across = (
            slice(round(low * side), round(high * side)) for low, high in (rows, columns)
        )
        size = down.stop - down.start, across.stop - across.start
        super().__init__(size, channels, width, squeeze, fine=True)
        self.down, self.across = down, across

    def forward(self, image: Tensor) -> Tensor:
        """Read a feature (B, width) off the band of crops (B, 3, side, side) in [-1, 1]."""
        return super().forward(image[..., self.down, self.across])


def in_full_precision(like: Tensor) -> AbstractContextManager[object]:
    """No autocast on the device of `like`; where there are only shapes, there is none to leave."""
    device = like.device.type
    return nullcontext() if device == "meta" else torch.autocast(device, enabled=False)


def head(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """A small multi-layer perceptron: (..., inputs) to (..., outputs)."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def shared_dropout(maps: Tensor, share: float, training: bool) -> Tensor:
    """Dropout whose chance is that of the whole batch where several processes share it.

    Each process draws for the samples of all and keeps its own part, so that a batch loses the same
    numbers on however many processes; their generators stay in step.

    Args:
        maps: (n, ...) this process's samples; all processes hold as many.
        share: of the numbers that are dropped.
        training: without it, nothing is dropped.
    """
    if not training or not distributed.is_initialized():
        return F.dropout(maps, share, training)
    whole = maps.new_ones(distributed.get_world_size() * len(maps), *maps.shape[1:])
    kept = F.dropout(whole, share, True).chunk(distributed.get_world_size())
    return maps * kept[distributed.get_rank()]
