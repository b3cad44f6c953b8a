"""The schedule of learning rates."""

from __future__ import annotations

import math

from pdfgc.config import TrainConfig


def share_of_peak(config: TrainConfig, step: int) -> float:
    """Learning rate over its peak: linear warm-up, then cosine down to the final share."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    low = config.final_learning_rate
    return warm * (low + (1 - low) * (1 + math.cos(math.pi * step / config.steps)) / 2)
