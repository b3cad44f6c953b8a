"""The network of the landmark transformer: expression coefficients from one image."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from pdfgc.config import EncoderConfig
from pdfgc.encoders.layers import ImageTrunk, head
from pdfgc.tracking.contours import CONTOURS


class LandmarkTransformer(nn.Module):
    """Predicts alpha(c, t) from an image and its landmarks (MarioNETte, section 4.2).

    What the landmarks alone cannot tell - whether this face smiles or is made so - the image may.

    Args:
        config: sizes of the image trunk.
        alphas: number of coefficients.
    """

    def __init__(self, config: EncoderConfig, alphas: int) -> None:
        super().__init__()
        self.trunk = ImageTrunk(config.picture, config.light_channels, config.hidden_width)
        flat = 3 * len(CONTOURS.mesh)
        self.shape = nn.Sequential(nn.LayerNorm(flat), head(flat, 2 * config.hidden_width, alphas))
        self.join = head(config.hidden_width + alphas, 2 * config.hidden_width, alphas)

    def forward(self, image: Tensor, shape: Tensor) -> Tensor:
        """Predict.

        Args:
            image: (B, 3, S, S) RGB in [-1, 1] at the encoders' side.
            shape: (B, P', 3) landmarks in head axes without the mean; see `LandmarkSpace`.

        Returns:
            (B, alphas), of about unit spread over frames.
        """
        first = self.shape(shape.flatten(1))
        joint = torch.cat([torch.relu(self.trunk(image)), first], dim=1)
        return cast(Tensor, first + self.join(joint))
