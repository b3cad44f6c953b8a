"""The frozen trunk's features of a whole bank."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.files import writing
from pdfgc.model import TalkingHead
from pdfgc.training.sampler import Sampler


class MotionFeatures:
    """The frozen trunk's feature of every frame of a bank, computed once per trunk."""

    def __init__(self, model: TalkingHead, sampler: Sampler) -> None:
        trunk = model.encoders.motion.eval()
        device = next(trunk.parameters()).device
        digest = hashlib.sha256()
        for name, value in sorted(trunk.state_dict().items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        cache = sampler.bank.folder / f"features-{digest.hexdigest()[:16]}.npy"
        if not cache.is_file():
            rows = self._compute(trunk, sampler.bank.frames, model.config.encoders.image_size)
            with writing(cache) as partial:
                np.save(partial, rows.cpu().numpy())
        self.rows = torch.from_numpy(np.load(cache)).to(device)

    @staticmethod
    def _compute(trunk: nn.Module, frames: NDArray[np.uint8], side: int) -> Tensor:
        device = next(trunk.parameters()).device
        rows = []
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            for start in range(0, len(frames), 64):
                picture = torch.tensor(frames[start : start + 64]).to(device)
                image = picture.permute(0, 3, 1, 2).float() / 127.5 - 1
                image = F.interpolate(image, size=side, mode="bilinear", antialias=True)
                rows.append(trunk(image).float())
        return torch.cat(rows)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Features of bank rows, (..., trunk_width)."""
        return self.rows[rows]
