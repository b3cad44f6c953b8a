"""How the source's look enters the generator: alignment by predicted flow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdfgc.generator.layers import resize, start_at_zero, upsample, warp

# By how much what a source does not show lowers the logits of its mask and its confidence.
_HIDDEN_MASK, _HIDDEN_CONFIDENCE = 8.0, 4.0


@dataclass(frozen=True)
class Flow:
    """Where each of K sources is looked up, per output pixel.

    Attributes:
        field: (B, K, 2, h, w) backward flow, x then y, the picture spans [-1, 1].
        mask: (B, K, 1, h, w) logit of how much of the source is seen there.
        confidence: (B, K, 1, h, w) logit of the source's weight among the K.
    """

    field: Tensor
    mask: Tensor
    confidence: Tensor

    def enlarge(self, side: int) -> Flow:
        """The same flow at another side (px)."""
        maps = torch.cat([self.field, self.mask, self.confidence], dim=2)
        larger = torch.unflatten(upsample(maps.flatten(0, 1), side), 0, maps.shape[:2])
        return Flow(larger[:, :, :2], larger[:, :, 2:3], larger[:, :, 3:])

    @classmethod
    def nowhere(cls, like: Tensor, side: int) -> Flow:
        """A flow of zero for as many sources as `like` (B, K, ...); sources are visible."""
        empty = like.new_zeros(*like.shape[:2], 1, side, side)
        # Copying is the better first guess.
        return cls(empty.expand(-1, -1, 2, -1, -1), empty + 1.0, empty)

    def plus(self, head: Tensor) -> Flow:
        """This flow upon the head's, at this one's side.

        Args:
            head: (B, K, 3, S, S) the head's flow, and what of it a source does not show, in [0, 1].
        """
        head = at_side(head, self.field.shape[-1])
        field, hidden = head[:, :, :2], head[:, :, 2:]
        # A source that shows it goes before one that does not.
        return Flow(
            self.field + field,
            self.mask - _HIDDEN_MASK * hidden,
            self.confidence - _HIDDEN_CONFIDENCE * hidden,
        )

    def blend(self, maps: Tensor) -> Tensor:
        """Warp each source's maps by its own flow and blend them by confidence.

        Args:
            maps: (B, K, C, H, W).

        Returns:
            (B, C, h, w) float32.
        """
        moved = warp(maps.flatten(0, 1), self.field.flatten(0, 1))
        return self.weighed(torch.unflatten(moved, 0, maps.shape[:2]))

    def weighed(self, maps: Tensor) -> Tensor:
        """Mean (B, C, h, w) over the sources of maps (B, K, C, h, w), by confidence."""
        if maps.shape[1] == 1:
            return maps[:, 0]
        return torch.sum(maps * self.confidence.float().softmax(dim=1), dim=1)

    def visible(self) -> Tensor:
        """(B, 1, h, w) share of the blended sources that is seen."""
        return self.weighed(self.mask.float().sigmoid())


def at_side(maps: Tensor, side: int) -> Tensor:
    """Maps (B, K, C, S, S) of sources at another side (px)."""
    if maps.shape[-1] == side:
        return maps
    return torch.unflatten(resize(maps.flatten(0, 1), side), 0, maps.shape[:2])


class FlowHead(nn.Module):
    """Predicts the residual flow, mask and confidence of one level for each source.

    The decoder's maps are shared by the sources; each source's own motion modulates them, since
    how far a source has to move depends on where it stands.
    """

    def __init__(self, channels: int, style_width: int) -> None:
        super().__init__()
        self.modulate = nn.Linear(2 * style_width, 2 * channels)
        self.predict = nn.Conv2d(channels, 4, 3, 1, 1)
        nn.init.normal_(self.modulate.weight, std=0.02)
        nn.init.zeros_(self.modulate.bias)
        start_at_zero(self.predict)

    def forward(self, maps: Tensor, pair: Tensor, before: Flow) -> Flow:
        """Refine a flow.

        Args:
            maps: (B, C, h, w) decoder maps.
            pair: (B, K, 2 * style_width) source's and driving embedding.
            before: flow so far, at the same side.

        Returns:
            The refined flow.
        """
        scale, shift = self.modulate(pair)[..., None, None].chunk(2, dim=2)
        moved = torch.relu(torch.addcmul(shift, maps.unsqueeze(1), 1 + scale)).flatten(0, 1)
        step = self.predict(moved).float()
        step = torch.unflatten(step, 0, pair.shape[:2])
        return Flow(
            field=before.field + step[:, :, :2],
            mask=before.mask + step[:, :, 2:3],
            confidence=before.confidence + step[:, :, 3:],
        )


class GlobalFlow(nn.Module):
    """The flow of what is no head: one affine movement per source, read off the codes."""

    def __init__(self, style_width: int) -> None:
        super().__init__()
        self.affine = nn.Sequential(
            nn.Linear(2 * style_width, style_width),
            nn.ReLU(),
            start_at_zero(nn.Linear(style_width, 6)),
        )

    def forward(self, pair: Tensor, grid: Tensor) -> Tensor:
        """Affine flow of each source.

        Args:
            pair: (B, K, 2 * style_width) source's and driving embedding.
            grid: (1, h, w, 2) from `identity_grid`.

        Returns:
            (B, K, 2, h, w) backward flow.
        """
        matrix = self.affine(pair).float()
        matrix = torch.unflatten(matrix, -1, (2, 3))
        ones = torch.ones_like(grid[..., :1])
        points = torch.cat([grid, ones], dim=-1)[0]
        return torch.einsum("bkij,hwj->bkihw", matrix, points)
