"""The lip encoder, and what lip codes of pictures and of speech have in common."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import EncoderConfig
from pdfgc.encoders.layers import BandTrunk, head

# The part of an aligned crop that holds the lips, jittered or turned: rows, columns from its edges.
_ROWS, _COLUMNS = (0.5, 1.0), (0.1875, 0.8125)


class LipEncoder(nn.Module):
    """E_lip of PD-FGC (stage 2): lip code of a face crop, in the space of `SpeechEncoder`.

    It looks at the band of the crop where the mouth lies on a light trunk of its own, as the eye
    encoder does: lips part by few pixels, and a trunk that sees the whole face reads half of it.

    How far the corners of the mouth are drawn apart is read off the same trunk: it is no part of
    the code, since smiles are expression's.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.trunk = BandTrunk(
            config.image_size, _ROWS, _COLUMNS, config.light_channels, config.hidden_width
        )
        self.head = head(config.hidden_width, config.hidden_width, config.lip_width)
        self.corners = nn.Linear(config.hidden_width, 1)

    def hidden(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [-1, 1] to the hidden feature (B, hidden_width)."""
        feature: Tensor = self.trunk(image).relu()
        return feature

    def code(self, hidden: Tensor) -> Tensor:
        """(B, hidden_width) to L2-normalised lip codes (B, lip_width)."""
        return as_lip_code(self.head(hidden))

    def widening(self, hidden: Tensor) -> Tensor:
        """(B, hidden_width) to (B, 1): mouth width beyond the mean face's, over interocular."""
        widening: Tensor = self.corners(hidden)
        return widening

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [-1, 1] to L2-normalised lip codes (B, lip_width)."""
        return self.code(self.hidden(image))


def as_lip_code(raw: Tensor) -> Tensor:
    """Anything (..., D) as lip codes of length 1, whose first value is how far the lips part.

    The first value does not hang on the others, as it would if all were divided by their length.
    """
    first = torch.tanh(raw[..., :1].float())
    others = F.normalize(raw[..., 1:].float(), dim=-1)
    return torch.cat([first, others * (1 - first.square()).clamp(min=1e-6).sqrt()], dim=-1)
