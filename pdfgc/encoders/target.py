"""E_y of MarioNETte: source images to maps of a pose-free face, and to what attention looks at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import GeneratorConfig
from pdfgc.encoders.appearance import Appearance
from pdfgc.encoders.layers import in_full_precision
from pdfgc.encoders.placing import Placing
from pdfgc.encoders.residual import Down, convolution


@dataclass(frozen=True)
class TargetLook(Appearance):
    """The look of `B` persons as MarioNETte takes it.

    Attributes:
        seen: (B, K, C, h, w) maps z_y of each source as it stands, for attention.
        flow: (B, K, 2, h, w) backward flow that brought each source to the pose-free face;
            `maps` are warped by it already.
    """

    seen: Tensor
    flow: Tensor

    def expand(self, frames: int) -> TargetLook:
        """The same single person for every frame of a batch (views, no copies)."""
        plain = super().expand(frames)
        return TargetLook(
            plain.images,
            plain.vector,
            plain.maps,
            self.seen.expand(frames, *self.seen.shape[1:]),
            self.flow.expand(frames, *self.flow.shape[1:]),
        )


class _Up(nn.Module):
    """Enlarges, takes in the map of the same side on the way down."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.conv = convolution(inputs + skip, outputs)
        self.norm = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, maps: Tensor, skip: Tensor) -> Tensor:
        larger = F.interpolate(maps, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        return F.relu(self.norm(self.conv(torch.cat([larger, skip], dim=1))))


class TargetEncoder(nn.Module):
    """U-Net whose maps are warped to a pose-free frame by a flow of its own (MarioNETte, 3.1, 3.3).

    Args:
        config: sides and channels.
        drawn: whether it sees landmark images beside the pictures; with codes as driver there are
            none.
    """

    def __init__(self, config: GeneratorConfig, *, drawn: bool) -> None:
        super().__init__()
        self.image_size, self.drawn = config.image_size, drawn
        channels = config.source_channels
        self.stem = convolution(6 if drawn else 3, channels[-1])
        pairs = list(zip(channels[:0:-1], channels[-2::-1], strict=True))
        self.down = nn.ModuleList(Down(a, b, norm=True) for a, b in pairs)
        self.deepest = Down(channels[0], channels[0], norm=True)
        # Up to half of the picture's side: one map for each aligned block of the decoder.
        kept = channels[:-1]
        self.up = nn.ModuleList(
            _Up(before, skip, skip)
            for before, skip in zip((channels[0], *kept[:-1]), kept, strict=True)
        )
        self.flow = nn.Conv2d(kept[-1], 2, 3, 1, 1)
        nn.init.zeros_(self.flow.weight)
        nn.init.zeros_(self.flow.bias)  # type: ignore[arg-type]
        self.vector = nn.Linear(channels[0], config.appearance_width)
        self.placing = Placing() if drawn else None

    def forward(self, images: Tensor, drawings: Tensor | None = None) -> TargetLook:
        """Look at sources.

        Args:
            images: (B, K, 3, S, S) RGB in [-1, 1].
            drawings: (B, K, 3, S, S) their landmark images, where the encoder sees them.

        Raises:
            ValueError: the shapes do not fit, or landmark images are missing.
        """
        size = self.image_size
        if tuple(images.shape[2:]) != (3, size, size) or (drawings is not None) != self.drawn:
            raise ValueError(
                f"expected (B, K, 3, {size}, {size}) images "
                f"{'with' if self.drawn else 'without'} landmark images"
            )
        flat = images if drawings is None else torch.cat([images, drawings], dim=2)
        maps = [self.stem(flat.flatten(0, 1))]
        for block in self.down:
            maps.insert(0, block(maps[0]))
        deepest = self.deepest(maps[0])
        found: list[Tensor] = []
        inner = deepest
        for block, skip in zip(self.up, maps[:-1], strict=True):
            inner = block(inner, skip)
            found.append(inner)
        flow = torch.tanh(self.flow(inner).float())
        if self.placing is not None and drawings is not None:
            flow = flow + self.placing.to_picture(drawings.flatten(0, 1), flow.shape[-1])
        shots = images.shape[:2]
        warped = tuple(torch.unflatten(_warped(each, flow), 0, shots) for each in found)
        vector = torch.unflatten(self.vector(deepest.mean(dim=(2, 3))), 0, shots).mean(dim=1)
        return TargetLook(
            images,
            vector,
            warped,
            torch.unflatten(deepest, 0, shots),
            torch.unflatten(flow, 0, shots),
        )


def _warped(maps: Tensor, flow: Tensor) -> Tensor:
    """Maps (n, C, h, w) moved by a flow (n, 2, H, W) of another side."""
    side = maps.shape[-1]
    small = F.interpolate(flow, size=(side, side), mode="area")
    axis = (torch.arange(side, device=maps.device, dtype=torch.float32) * 2 + 1) / side - 1
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    with in_full_precision(maps):
        return F.grid_sample(
            maps.float(),
            grid + small.permute(0, 2, 3, 1),
            padding_mode="border",
            align_corners=False,
        )
