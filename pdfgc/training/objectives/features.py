"""What frozen encoders see in every frame of a bank."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.files import writing
from pdfgc.training.clips import ClipBank


class FrameFeatures:
    """A frozen encoder's output for every frame of a bank, computed once for its numbers.

    Args:
        encoder: takes face crops (B, 3, side, side) in [-1, 1].
        bank: whose frames are read; the result is kept beside them.
        side: of the pictures that the encoder takes (px).
    """

    def __init__(self, encoder: nn.Module, bank: ClipBank, side: int) -> None:
        encoder.eval()
        device = next(encoder.parameters()).device
        digest = hashlib.sha256()
        for name, value in sorted(encoder.state_dict().items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        cache = bank.folder / f"features-{digest.hexdigest()[:16]}.npy"
        if not cache.is_file():
            rows = self._compute(encoder, bank.frames, side, device)
            with writing(cache) as partial:
                np.save(partial, rows.cpu().numpy())
        self.rows = torch.from_numpy(np.load(cache)).to(device)

    @staticmethod
    def _compute(
        encoder: nn.Module, frames: NDArray[np.uint8], side: int, device: torch.device
    ) -> Tensor:
        rows = []
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            for start in range(0, len(frames), 64):
                picture = torch.tensor(frames[start : start + 64]).to(device)
                image = picture.permute(0, 3, 1, 2).float() / 127.5 - 1
                image = F.interpolate(image, size=side, mode="bilinear", antialias=True)
                rows.append(encoder(image).float())
        return torch.cat(rows)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Output for bank rows, (..., width)."""
        return self.rows[rows]
