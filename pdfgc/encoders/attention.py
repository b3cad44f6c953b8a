"""Self-attention over the places of a picture, for encoders, generators and discriminators."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class SelfAttention(nn.Module):
    """Every place looks at every other one (SAGAN, section 3; few-shot paper, section 3.4).

    What is seen is added with a learned gain that starts at zero: at first, nothing changes.

    Args:
        channels: channels of the maps.
        squeeze: by what queries and keys are narrower than the maps.
    """

    def __init__(self, channels: int, squeeze: int = 8) -> None:
        super().__init__()
        inner = max(1, channels // squeeze)
        self.query = spectral_norm(nn.Conv2d(channels, inner, 1, bias=False))
        self.key = spectral_norm(nn.Conv2d(channels, inner, 1, bias=False))
        self.value = spectral_norm(nn.Conv2d(channels, channels, 1, bias=False))
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, channels, H, W) to the same shape."""
        query, key, value = (
            layer(maps).flatten(2).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        # As published, without the root of the width: the scale of 1 is given explicitly.
        seen = nn.functional.scaled_dot_product_attention(query, key, value, scale=1.0)
        return maps + self.gain * seen.transpose(1, 2).reshape(maps.shape)
