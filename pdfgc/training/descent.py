"""One optimiser and how it takes a step: gradients shared, judged finite, clipped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pdfgc.training.ranks import share_gradients, shared_mean

if TYPE_CHECKING:
    from lightning.fabric import Fabric


class NotFinite(FloatingPointError):
    """A loss or its gradient is not finite; no weight was changed by it."""


class Player:
    """Adam over some parameters.

    Args:
        parameters: what learns.
        peak_rate: highest learning rate.
        clip_norm: largest norm of the gradient.
        fabric: device and precision.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        *,
        peak_rate: float,
        clip_norm: float,
        fabric: Fabric,
    ) -> None:
        self.parameters = list(parameters)
        self.peak_rate, self.clip_norm, self.fabric = peak_rate, clip_norm, fabric
        self.optimiser = torch.optim.Adam(self.parameters, lr=peak_rate, betas=(0.5, 0.99))

    def set_rate(self, share: float) -> None:
        """Set the learning rate as a share of its peak."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.peak_rate * share

    def descend(self, loss: Tensor) -> None:
        """Go one step down.

        Raises:
            NotFinite: the gradient's norm is not finite, on whichever process.
        """
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        share_gradients(self.parameters)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        # A loss that is not finite gives a gradient that is not: one look finds both, after the
        # gradients were shared, so that all processes stop together.
        if not torch.isfinite(norm) or not torch.isfinite(shared_mean(loss.detach())):
            raise NotFinite
        self.optimiser.step()

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's state."""
        return self.optimiser.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the state up again."""
        self.optimiser.load_state_dict(state)
