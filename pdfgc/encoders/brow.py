"""The brow encoder: how high the brows stand."""

from __future__ import annotations

from torch import Tensor, nn

from pdfgc.config import EncoderConfig
from pdfgc.encoders.layers import BandTrunk

# The part of an aligned crop that holds brows and eyes, jittered or turned: rows, columns from its
# edges. Squeezed channels and width of the feature: it is one number that is read.
_ROWS, _COLUMNS = (0.125, 0.625), (0.125, 0.875)
_SQUEEZE, _WIDTH = 12, 16


class BrowEncoder(nn.Module):
    """How high the brows stand above the eyes, the first value of an expression code.

    The unified motion feature tells nothing of the brows of persons that it was not trained on
    (r -0.07 on validation persons); like lips and eyes they are read off their own band of the
    crop, as finely as the crop is sampled.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.trunk = BandTrunk(
            config.image_size, _ROWS, _COLUMNS, config.brow_channels, _WIDTH, _SQUEEZE
        )
        self.head = nn.Linear(_WIDTH, 1)

    def hidden(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [-1, 1] to the hidden feature (B, 16)."""
        feature: Tensor = self.trunk(image).relu()
        return feature

    def rise(self, hidden: Tensor) -> Tensor:
        """(B, 16) to (B, 1), see `forward`."""
        rise: Tensor = self.head(hidden)
        return rise

    def forward(self, image: Tensor) -> Tensor:
        """Height of the brows of a face crop.

        Args:
            image: (B, 3, S, S) RGB in [-1, 1].

        Returns:
            (B, 1): height over the eyes beyond the mean face's, interocular distances.
        """
        return self.rise(self.hidden(image))
