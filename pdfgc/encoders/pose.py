"""The pose encoder."""

from __future__ import annotations

from torch import Tensor, nn

from pdfgc.config import EncoderConfig
from pdfgc.encoders.layers import ImageTrunk, head
from pdfgc.motion import POSE_WIDTH


class PoseEncoder(nn.Module):
    """E_pose of PD-FGC (stage 2) on its own light trunk."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.trunk = ImageTrunk(config.picture, config.light_channels, config.hidden_width)
        self.head = head(config.hidden_width, config.hidden_width, POSE_WIDTH)

    def forward(self, image: Tensor) -> Tensor:
        """Head pose of a face crop.

        Args:
            image: (B, 3, S, S) RGB in [-1, 1].

        Returns:
            (B, 6): yaw, pitch, roll (rad), x, y (fraction of the crop), log-scale.
        """
        pose: Tensor = self.head(self.trunk(image).relu())
        return pose
