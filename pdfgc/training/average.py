"""The averaged weights, which are what a run leaves."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, *, decay: float, step: int) -> None:
    """Move averaged weights (EMA) after a step; early on they follow more closely.

    Args:
        average: what is moved, in place.
        model: what it follows.
        decay: share that is kept in the long run.
        step: number of the step.
    """
    keep = min(decay, (1 + step) / (10 + step))
    latest = model.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(latest[name], 1 - keep)
        else:
            value.copy_(latest[name])
