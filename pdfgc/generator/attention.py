"""Attention over places: a driver's maps look into K source images' maps."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from pdfgc.encoders.attention import SelfAttention

__all__ = ["ImageAttention", "SelfAttention", "sinusoidal_positions"]


class ImageAttention(nn.Module):
    """MarioNETte's image attention block: the driver's places look up places of all K sources.

    Q = z_x W_q + P_x W_qp, K = Z_y W_k + P_y W_kp, V = Z_y W_v with sinusoidal positions P; the
    softmax runs over the places of all sources together, its result is added to z_x (MarioNETte,
    section 3.2, equations 1 and 2).

    Args:
        channels: channels of the driver's maps.
        source_channels: channels of the sources' maps.
        width: width of queries and keys.
    """

    def __init__(self, channels: int, source_channels: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.query = nn.Linear(channels, width, bias=False)
        self.query_place = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(source_channels, width, bias=False)
        self.key_place = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(source_channels, channels, bias=False)
        self.norm = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, driver: Tensor, sources: Tensor) -> Tensor:
        """Blend.

        Args:
            driver: (B, channels, h, w) the driver's maps z_x.
            sources: (B, K, source_channels, hs, ws) the sources' maps z_y.

        Returns:
            (B, channels, h, w).
        """
        query, key, value = self.project(driver, sources)
        seen = nn.functional.scaled_dot_product_attention(query, key, value)
        return cast(Tensor, self.norm(driver + seen.transpose(1, 2).reshape(driver.shape)))

    def project(self, driver: Tensor, sources: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, h * w, width), keys and values (B, K * hs * ws, ...)."""
        _, shots, _, *source_side = sources.shape
        here = sinusoidal_positions(self.width, driver.shape[2], driver.shape[3]).to(driver)
        there = sinusoidal_positions(self.width, source_side[0], source_side[1]).to(driver)
        query = self.query(driver.flatten(2).transpose(1, 2)) + self.query_place(here)
        memory = sources.flatten(3).transpose(2, 3).flatten(1, 2)
        key = self.key(memory) + self.key_place(there).repeat(shots, 1)
        return query, key, self.value(memory)


def sinusoidal_positions(width: int, rows: int, columns: int) -> Tensor:
    """Sinusoidal codes of the places of a picture, so that sides may differ at will.

    Half of the code tells the row, half the column, each in (0, 1) of the picture, with
    wavelengths from two pictures down to a hundredth of one.

    Args:
        width: width of the code, a multiple of 4.
        rows: height of the maps.
        columns: width of the maps.

    Returns:
        (rows * columns, width) float32 in [-1, 1].

    Raises:
        ValueError: width is no multiple of 4.
    """
    if width % 4:
        raise ValueError(f"the width of positions must be a multiple of 4, given {width}")
    rate = torch.exp(torch.arange(width // 4) / max(1, width // 4 - 1) * math.log(200)) * math.pi

    def wave(count: int) -> Tensor:
        at = (torch.arange(count) + 0.5) / count
        angle = at[:, None] * rate
        return torch.cat([angle.sin(), angle.cos()], dim=1)

    down, across = wave(rows), wave(columns)
    grid = torch.cat(
        [
            down[:, None].expand(rows, columns, -1),
            across[None].expand(rows, columns, -1),
        ],
        dim=2,
    )
    return grid.reshape(rows * columns, width)
