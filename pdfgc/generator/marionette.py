"""MarioNETte: attention over sources, and their maps aligned in two steps."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import GeneratorConfig
from pdfgc.encoders import Appearance
from pdfgc.encoders.placing import Placing
from pdfgc.encoders.residual import Down, convolution
from pdfgc.encoders.target import TargetLook
from pdfgc.generator.attention import ImageAttention
from pdfgc.generator.drawing import LandmarkDriver
from pdfgc.generator.drivers import CodesDriver, Driven
from pdfgc.generator.generator import Generated, Generator
from pdfgc.generator.identity import Flow
from pdfgc.generator.layers import AdaIN, start_at_zero, upsample, warp

_HEADS_OF_ATTENTION = 3
# Per unit of way that a source has to go, how much less its picture counts at first.
_NEARNESS = 20.0


class DriverEncoder(nn.Module):
    """E_x: a landmark image to the driver's maps z_x (MarioNETte, section 3.1)."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        channels = config.channels[::-1]
        self.stem = convolution(3, channels[0])
        self.down = nn.Sequential(*(Down(a, b, norm=True) for a, b in pairwise(channels)))

    def forward(self, drawing: Tensor) -> Tensor:
        """(B, 3, S, S) in [-1, 1] to (B, C, base_size, base_size)."""
        return cast(Tensor, self.down(self.stem(drawing)))


class CodeMaps(nn.Module):
    """The driver's maps where codes drive: a learned constant, modulated by embedded motion."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        channels, side = config.channels[0], config.base_size
        self.constant = nn.Parameter(torch.randn(1, channels, side, side))
        self.convs = nn.ModuleList(convolution(channels, channels) for _ in range(2))
        self.norms = nn.ModuleList(AdaIN(channels, config.style_width) for _ in range(2))

    def forward(self, style: Tensor) -> Tensor:
        """(B, style_width) to (B, C, base_size, base_size)."""
        maps = self.constant.expand(len(style), -1, -1, -1)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            maps = F.relu(norm(conv(maps), style))
        return maps


class AlignedUp(nn.Module):
    """One aligned block: a flow f_u warps the sources' pose-free maps, then a residual up block.

    Args:
        inputs: channels of the decoder's maps.
        source: channels of the sources' maps.
        outputs: channels out.
        align: False takes the sources' maps in as they lie (an ablation).
    """

    def __init__(self, inputs: int, source: int, outputs: int, *, align: bool = True) -> None:
        super().__init__()
        self.align = align
        self.flow = start_at_zero(nn.Conv2d(inputs, 2, 1))
        self.before = nn.InstanceNorm2d(inputs + source, affine=True)
        self.a = convolution(inputs + source, outputs)
        self.between = nn.InstanceNorm2d(outputs, affine=True)
        self.b = convolution(outputs, outputs)
        self.short = convolution(inputs + source, outputs, 1)

    def forward(
        self, maps: Tensor, sources: Tensor, before: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Run one block.

        Args:
            maps: (B, inputs, h, w) decoder maps u.
            sources: (B, K, C, h, w) pose-free maps.
            before: (B, 2, h / 2, w / 2) flow of the block below, which this one refines.

        Returns:
            (B, outputs, 2h, 2w) maps and the (B, 2, h, w) flow to the pose-free face.
        """
        side = maps.shape[-1]
        flow = 2 * torch.tanh(self.flow(maps).float())
        if before is not None:
            flow = flow + upsample(before, side)
        # Averaged over the sources first: all stand in the same frame.
        mean = sources.mean(dim=1)
        seen = warp(mean, flow) if self.align else mean
        joint = torch.cat([maps, seen.to(maps.dtype)], dim=1)
        inner = F.interpolate(F.relu(self.before(joint)), scale_factor=2.0)
        inner = self.b(F.relu(self.between(self.a(inner))))
        return F.interpolate(self.short(joint), scale_factor=2.0) + inner, flow


class MarionetteGenerator(Generator):
    """B and Q of MarioNETte (sections 3.2 and 3.3), driven by landmark images or by codes.

    With alignment, the pictures themselves are the last maps that are aligned, as in the shared
    generator: maps after instance norm have lost a face's colours. Of K pictures those count more
    that have a shorter way to the driving frame.

    Args:
        config: sides and channels; `identity` names the paths that are there.
        driver: draws codes as landmark images, or embeds them.
    """

    def __init__(self, config: GeneratorConfig, driver: LandmarkDriver | CodesDriver) -> None:
        nn.Module.__init__(self)
        self.config = config
        channels, sources = config.channels, config.source_channels
        if isinstance(driver, LandmarkDriver):
            self.landmarks = driver
            self.driver_maps: DriverEncoder | CodeMaps = DriverEncoder(config)
        else:
            self.driver = driver
            self.driver_maps = CodeMaps(config)
        self.placing = Placing()
        width = max(16, channels[0] // 8)
        looks = "attention" in config.identity
        self.blend = nn.ModuleList(
            ImageAttention(channels[0], sources[0], width)
            for _ in range(_HEADS_OF_ATTENTION if looks else 0)
        )
        # Without attention, the mean of the sources' maps is all that is known of them.
        self.mean = None if looks else nn.Conv2d(sources[0], channels[0], 1)
        align = "alignment" in config.identity
        self.levels = nn.ModuleList(
            AlignedUp(before, source, after, align=align)
            for before, source, after in zip(channels, sources, channels[1:], strict=False)
        )
        self.last = nn.InstanceNorm2d(channels[-1], affine=True)
        self.align = align
        self.picture = nn.Conv2d(channels[-1] + (3 if align else 0), 4 if align else 3, 3, 1, 1)
        self.nearness = nn.Parameter(torch.full((), _NEARNESS)) if align else None

    def forward(self, appearance: Appearance, source: Tensor, driving: Tensor) -> Generated:
        """Draw the sources' person with the driving motion.

        Args:
            appearance: look of B persons from K sources each, a `TargetLook`.
            source: (B, K, D) joined codes of the sources; not used by landmark images.
            driving: (B, D) joined driving codes.
        """
        if isinstance(self.driver_maps, DriverEncoder):
            return self.paint(appearance, self.landmarks(driving, self.config.image_size))
        return self._decode(_target(appearance), self.driver_maps(self.driver(driving)))

    def shape_of(self, images: Tensor, source: Tensor) -> Tensor | None:
        """Nothing: no lids and lips are laid upon a face here."""
        return None

    def synthesise(self, appearance: Appearance, source: Driven, driving: Driven) -> Generated:
        """As `forward`, from embedded codes."""
        del source  # the target encoder's own flow says how each source stands
        return self._decode(_target(appearance), self.driver_maps(driving.style))

    def paint(self, appearance: Appearance, drawing: Tensor) -> Generated:
        """As `forward`, from landmark images (B, 3, S, S) in [-1, 1]."""
        flow = self.placing.to_face(drawing, self.config.base_size)
        return self._decode(_target(appearance), self.driver_maps(drawing), flow)

    def _decode(self, look: TargetLook, maps: Tensor, flow: Tensor | None = None) -> Generated:
        for block in self.blend:
            maps = block(maps, look.seen)
        if self.mean is not None:
            seen = self.mean(look.seen.mean(dim=1))
            maps = maps + upsample(seen, maps.shape[-1])
        flows = []
        for level, sources in zip(self.levels, look.maps, strict=True):
            maps, flow = level(maps, sources, flow)
            flows.append(whole_flow(flow, look.flow))
        inner = F.relu(self.last(maps))
        if self.nearness is None:
            image = torch.tanh(self.picture(inner).float())
            return Generated(image, tuple(flows), image, torch.zeros_like(image[:, :1]))
        assert flow is not None
        whole = whole_flow(upsample(flow, self.config.image_size), look.flow)
        way = whole.field.norm(dim=2, keepdim=True).mean(dim=(3, 4), keepdim=True)
        near = (-self.nearness * way).expand_as(whole.mask)
        seen = Flow(whole.field, whole.mask, near).blend(look.images)
        made = self.picture(torch.cat([inner, seen.to(inner.dtype)], dim=1)).float()
        synthesis, copied = torch.tanh(made[:, :3]), torch.sigmoid(made[:, 3:])
        image = copied * seen + (1 - copied) * synthesis
        return Generated(image, tuple(flows), synthesis, copied)


def whole_flow(driving: Tensor, sources: Tensor) -> Flow:
    """Both steps as one flow: from the driving picture over the pose-free face to each source.

    Args:
        driving: (B, 2, h, w) flow f_u.
        sources: (B, K, 2, H, W) flows f_y.

    Returns:
        A flow at side h with equal confidence in every source.
    """
    batch, shots = sources.shape[:2]
    step = driving.repeat_interleave(shots, dim=0)
    moved = warp(sources.flatten(0, 1), step)
    field = torch.unflatten(step + moved, 0, (batch, shots))
    empty = torch.zeros_like(field[:, :, :1])
    return Flow(field, empty, empty)


def _target(appearance: Appearance) -> TargetLook:
    if not isinstance(appearance, TargetLook):
        raise TypeError("MarioNETte needs the look that its own target encoder gives")
    return appearance
