"""Layers of the generator."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.encoders.layers import in_full_precision


class AdaIN(nn.Module):
    """Adaptive instance normalisation: scale and shift come from a style.

    Args:
        channels: channels of the maps.
        style_width: width of the style.
    """

    def __init__(self, channels: int, style_width: int) -> None:
        super().__init__()
        self.affine = nn.Linear(style_width, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.02)
        nn.init.zeros_(self.affine.bias)

    def forward(self, maps: Tensor, style: Tensor) -> Tensor:
        """(B, channels, H, W), (B, style_width) to (B, channels, H, W)."""
        scale, shift = self.affine(style).chunk(2, dim=1)
        full = torch.promote_types(maps.dtype, torch.float32)
        weight, bias = (1 + scale).to(full), shift.to(full)
        if maps.is_contiguous():
            # Every channel of every picture is a channel of one large picture: so normalising,
            # scaling and shifting are one pass over the maps instead of three.
            flat = maps.view(1, -1, *maps.shape[2:])
            return _normalised(flat, weight.flatten(), bias.flatten()).view(maps.shape)
        # Where a pixel's channels lie side by side, those of two pictures do not.
        each = [_normalised(*one) for one in zip(torch.split(maps, 1), weight, bias, strict=True)]
        return each[0] if len(each) == 1 else torch.cat(each)


def _normalised(maps: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Maps (1, C, H, W) with weight (C,) as deviation and bias (C,) as mean of each channel."""
    return F.batch_norm(maps, None, None, weight, bias, training=True)


Started = TypeVar("Started", nn.Conv2d, nn.Linear)


def start_at_zero(layer: Started) -> Started:
    """Make a layer say nothing at first, so that what it corrects is learned before it."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def identity_grid(height: int, width: int, device: torch.device) -> Tensor:
    """Sampling grid that changes nothing: (1, height, width, 2), x then y in [-1, 1].

    It may be shared: not to be written to.
    """
    # What is traced has no numbers yet that could be kept.
    make = _grid if torch.compiler.is_compiling() else _kept_grid
    return make(height, width, device)


@lru_cache(maxsize=64)
def _kept_grid(height: int, width: int, device: torch.device) -> Tensor:
    # Made while drawing, it may be used while training.
    with torch.inference_mode(False):
        return _grid(height, width, device)


def _grid(height: int, width: int, device: torch.device) -> Tensor:
    x = (torch.arange(width, device=device, dtype=torch.float32) * 2 + 1) / width - 1
    y = (torch.arange(height, device=device, dtype=torch.float32) * 2 + 1) / height - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).unsqueeze(0)


def warp(maps: Tensor, flow: Tensor) -> Tensor:
    """Move maps by a backward flow: the output at p shows the input at p + flow(p).

    Always in float32: bfloat16 grid sampling is wrong on CPUs (torch 2.13).

    Args:
        maps: (B, C, H, W).
        flow: (B, 2, h, w), x then y, in units where the picture spans [-1, 1].

    Returns:
        (B, C, h, w) float32.
    """
    with in_full_precision(maps):
        grid = identity_grid(flow.shape[2], flow.shape[3], flow.device) + flow.float().permute(
            0, 2, 3, 1
        )
        return F.grid_sample(
            maps.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
        )


def laid_as(maps: Tensor, like: Tensor) -> Tensor:
    """Maps (B, C, H, W) with the channels of a pixel side by side, if those of `like` are."""
    if like.is_contiguous() or not like.is_contiguous(memory_format=torch.channels_last):
        return maps
    return maps.contiguous(memory_format=torch.channels_last)


def resize(maps: Tensor, side: int) -> Tensor:
    """Maps (B, C, S, S) at another side: averaged to a smaller one, else bilinear."""
    if side == maps.shape[-1]:
        return maps
    smaller = side < maps.shape[-1]
    return F.interpolate(maps, size=side, mode="area") if smaller else upsample(maps, side)


def upsample(maps: Tensor, side: int) -> Tensor:
    """Bilinear enlargement to (B, C, side, side)."""
    return F.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False)
