"""The unified motion encoder of stage 1 and the expression head that reads it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import EncoderConfig
from pdfgc.encoders.layers import ImageTrunk, head
from pdfgc.motion import EXPRESSION_WIDTH, FACE_STEP

# Values that other encoders read: brows, corners of the mouth.
_READ = 2


class MotionEncoder(ImageTrunk):
    """E_mot of PD-FGC (stage 1): one feature that holds all motion of a face crop.

    Frozen after stage 1; `ExpressionEncoder` is a head on it.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config.picture, config.trunk_channels, config.trunk_width)


class ExpressionEncoder(nn.Module):
    """E_exp of PD-FGC (stage 3): expression as the mean over a window of frames.

    Its first two values say how far brows and corners of the mouth move
    (`pdfgc.motion.face_of_expression`); they are read elsewhere (`pdfgc.model.Encoders.features`),
    all else is a head on the unified motion feature.

    Args:
        config: widths.
        window: frames of the window, odd; 13 frames at 25 fps are 0.52 s.
    """

    def __init__(self, config: EncoderConfig, window: int) -> None:
        super().__init__()
        if window % 2 == 0:
            raise ValueError(f"window must be odd, given {window}")
        self.window = window
        self.head = head(config.trunk_width, config.hidden_width, EXPRESSION_WIDTH - _READ)

    def forward(self, features: Tensor) -> Tensor:
        """Average the head over a window.

        Args:
            features: (B, W, trunk_width + 2) motion features of the frames of one window, the
                height of their brows and the widening of their mouths
                (`pdfgc.model.Encoders.features`); fewer than `window` at the ends of a clip, 1 for
                stills.

        Returns:
            (B, 30) expression code.
        """
        mean: Tensor = self._codes(features).mean(dim=1)
        return mean

    def _codes(self, features: Tensor) -> Tensor:
        """(..., trunk_width + 2) to the codes of single frames (..., 30)."""
        motion, face = features[..., :-_READ], features[..., -_READ:]
        return torch.cat([face / FACE_STEP, self.head(motion)], dim=-1)

    def over_clip(self, features: Tensor) -> Tensor:
        """Expression code of every frame of a clip, centred window, truncated at the edges.

        Args:
            features: (T, trunk_width + 2), of consecutive frames at 25 fps.

        Returns:
            (T, 30) expression codes.
        """
        codes = self._codes(features)
        total = F.pad(codes.cumsum(0), (0, 0, 1, 0))
        frame = torch.arange(len(codes), device=codes.device)
        half = self.window // 2
        low = (frame - half).clamp(min=0)
        high = (frame + half + 1).clamp(max=len(codes))
        mean: Tensor = (total[high] - total[low]) / (high - low).unsqueeze(1)
        return mean
