"""E of the few-shot paper: frames with their landmark images to one vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import GeneratorConfig
from pdfgc.encoders.appearance import Appearance
from pdfgc.encoders.residual import DownPath, to_four


class Embedder(nn.Module):
    """K frames and their landmark images to the mean of K vectors (few-shot paper, section 3.1).

    Residual halvings without norm to 4x4, self-attention at an eighth of the side, sum pooling,
    leaky ReLU; spectral norm throughout.

    Args:
        config: side and channels; the width of the vector is that of the last channels.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.image_size = config.image_size
        inner = tuple(c for c in config.source_channels[::-1] if c)
        channels = to_four(inner, config.image_size)
        channels = (*channels[:-1], config.appearance_width)
        self.path = DownPath(6, channels, config.image_size)

    def forward(self, images: Tensor, drawings: Tensor) -> Appearance:
        """Embed.

        Args:
            images: (B, K, 3, S, S) RGB in [-1, 1].
            drawings: (B, K, 3, S, S) their landmark images.

        Raises:
            ValueError: the shapes differ.
        """
        size = self.image_size
        if images.shape != drawings.shape or tuple(images.shape[2:]) != (3, size, size):
            raise ValueError(
                f"expected two (B, K, 3, {size}, {size}), given {tuple(images.shape)} and "
                f"{tuple(drawings.shape)}"
            )
        flat = torch.cat([images, drawings], dim=2).flatten(0, 1)
        # Leaky, where the paper has a plain ReLU: with one, all values were seen to die.
        vector = F.leaky_relu(self.path(flat)[-1].sum(dim=(2, 3)), 0.2)
        return Appearance(images, torch.unflatten(vector, 0, images.shape[:2]).mean(dim=1), ())
