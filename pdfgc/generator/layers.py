"""Layers of the generator."""

from __future__ import annotations

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
        # Every channel of every picture is a channel of one large picture: so normalising, scaling
        # and shifting are one pass over the maps instead of three.
        flat = maps.reshape(1, -1, *maps.shape[2:])
        full = torch.promote_types(maps.dtype, torch.float32)
        weight, bias = (1 + scale).flatten().to(full), shift.flatten().to(full)
        return F.batch_norm(flat, None, None, weight, bias, training=True).view(maps.shape)


Started = TypeVar("Started", nn.Conv2d, nn.Linear)


def start_at_zero(layer: Started) -> Started:
    """Make a layer say nothing at first, so that what it corrects is learned before it."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def identity_grid(height: int, width: int, device: torch.device) -> Tensor:
    """Sampling grid that changes nothing: (1, height, width, 2), x then y in [-1, 1]."""
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


def resize(maps: Tensor, side: int) -> Tensor:
    """Maps (B, C, S, S) at another side: averaged to a smaller one, else bilinear."""
    if side == maps.shape[-1]:
        return maps
    smaller = side < maps.shape[-1]
    return F.interpolate(maps, size=side, mode="area") if smaller else upsample(maps, side)


def upsample(maps: Tensor, side: int) -> Tensor:
    """Bilinear enlargement to (B, C, side, side)."""
    return F.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False)
