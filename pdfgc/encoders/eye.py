"""The eye encoder: gaze and blink."""

from __future__ import annotations

from torch import Tensor, nn

from pdfgc.config import EncoderConfig
from pdfgc.encoders.layers import BandTrunk, head
from pdfgc.motion import EYE_WIDTH

# The part of an aligned crop that holds the eyes, jittered or turned: rows, columns from its edges.
_ROWS, _COLUMNS = (0.25, 0.75), (0.125, 0.875)


class EyeEncoder(nn.Module):
    """E_eye of PD-FGC (stage 2) on its own light trunk.

    It looks at the band of the crop where the eyes lie, as finely as the crop is sampled: an eye
    that turns by ten degrees moves its iris by a pixel.

    The contrastive loss on eye composites acts on `hidden`, the regression to the tracker on the
    code.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.trunk = BandTrunk(
            config.image_size, _ROWS, _COLUMNS, config.light_channels, config.hidden_width
        )
        self.head = head(config.hidden_width, config.hidden_width, EYE_WIDTH)

    def hidden(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [-1, 1] to the hidden feature (B, hidden_width)."""
        feature: Tensor = self.trunk(image)
        return feature

    def code(self, hidden: Tensor) -> Tensor:
        """(B, hidden_width) to (B, 6): gaze yaw, pitch (rad), openness left, right, two free."""
        code: Tensor = self.head(hidden.relu())
        return code

    def forward(self, image: Tensor) -> Tensor:
        """Gaze and blink of a face crop.

        Args:
            image: (B, 3, S, S) RGB in [-1, 1].

        Returns:
            (B, 6): gaze yaw and pitch relative to the head (rad), left and right openness
            (1 = the person's own open eye), two free values.
        """
        return self.code(self.hidden(image))
