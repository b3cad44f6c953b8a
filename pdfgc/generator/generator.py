"""The shared generator: a decoder that looks its source up along predicted flow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import GeneratorConfig
from pdfgc.encoders import Appearance
from pdfgc.generator.drivers import CodesDriver, Driven
from pdfgc.generator.eyes import unfolded
from pdfgc.generator.head import HeadFlow
from pdfgc.generator.identity import Flow, FlowHead, GlobalFlow, at_side
from pdfgc.generator.layers import AdaIN, identity_grid, laid_as, resize, start_at_zero, upsample
from pdfgc.generator.mouth import plausible_inside
from pdfgc.motion import pose_of_codes

# Maps that say where the inside of the mouth is.
_MOUTH = 4
# As many times as this a picture's side tells light and colour.
_TINTS = 16


@dataclass(frozen=True)
class Generated:
    """What the generator gives.

    Attributes:
        image: (B, 3, S, S) RGB in [-1, 1].
        flows: one `Flow` per level, from the smallest side up.
        synthesis: (B, 3, S, S) the part of the picture that is made, not looked up.
        copied: (B, 1, S, S) share of each pixel, in [0, 1], that is looked up in the sources or,
            where none shows the inside of the mouth or the skin of a lid, in a plain drawing of it.
        seen: (B, 3, S, S) what `copied` is a share of, where the blended sources are not all of it.
        shape: (B, K, P, 2) the sources' own shapes (`pdfgc.generator.shape`), where they are read.
        mouth: (B, 4, S, S) the inside of the driving mouth (`pdfgc.generator.mouth`) and how much
            of it no source shows, where that is known.
    """

    image: Tensor
    flows: tuple[Flow, ...]
    synthesis: Tensor
    copied: Tensor
    seen: Tensor | None = None
    shape: Tensor | None = None
    mouth: Tensor | None = None


class AlignedBlock(nn.Module):
    """One level: enlarge, modulate, refine the flow, take in the warped source, modulate."""

    def __init__(self, inputs: int, channels: int, source_channels: int, style_width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, channels, 3, 1, 1, bias=False)
        self.first_norm = AdaIN(channels, style_width)
        self.flow = FlowHead(channels, style_width)
        self.second = nn.Conv2d(channels + source_channels, channels, 3, 1, 1, bias=False)
        self.second_norm = AdaIN(channels, style_width)
        self.shortcut = nn.Conv2d(inputs, channels, 1, bias=False)
        self.mouth = start_at_zero(nn.Conv2d(_MOUTH, channels, 1, bias=False))

    def forward(
        self,
        maps: Tensor,
        source: Tensor,
        style: Tensor,
        pair: Tensor,
        flow: Flow,
        head: Tensor,
        mouth: Tensor,
    ) -> tuple[Tensor, Flow, Flow]:
        """Run one level.

        Args:
            maps: (B, inputs, h, w) of the level below, h = side or side / 2.
            source: (B, K, source_channels, side, side) maps of the sources.
            style: (B, style_width).
            pair: (B, K, 2 * style_width).
            flow: what the levels below add to the head's flow.
            head: (B, K, 3, S, S) the head's flow and what the sources do not show.
            mouth: (B, 4, S, S) where the inside of the mouth is, and how much of it is hidden.

        Returns:
            (B, channels, side, side) maps, what is added to the head's flow, and their sum.
        """
        side = source.shape[-1]
        # Convolving before enlarging costs a quarter.
        inner, short = self.first(maps), self.shortcut(maps)
        if side != maps.shape[-1]:
            inner, short = upsample(inner, side), upsample(short, side)
        inner = self.first_norm(inner, style) + self.mouth(resize(mouth, side).to(inner.dtype))
        inner = F.leaky_relu_(inner, 0.2)
        if side != flow.field.shape[-1]:
            flow = flow.enlarge(side)
        flow = self.flow(inner, pair, flow)
        whole = flow.plus(head)
        looked_up = (whole.blend(source) * whole.visible()).to(inner.dtype)
        # What was sampled lies otherwise, and joined with `inner` would be laid anew at once.
        both = torch.cat([inner, laid_as(looked_up, inner)], dim=1)
        out = self.second_norm(self.second(both), style)
        return F.leaky_relu_(out, 0.2) + short, flow, whole


class PictureHead(nn.Module):
    """Turns maps into a picture and the share of it that is copied from the sources."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3, 1, 1)

    def start_silent(self) -> PictureHead:
        """Make the head add nothing at first, so that a larger network starts as the smaller."""
        start_at_zero(self.conv)
        return self

    def forward(self, maps: Tensor, before: Tensor | None) -> Tensor:
        """(B, C, S, S), (B, 4, S/2, S/2) or nothing, to (B, 4, S, S): RGB and copy logit."""
        out: Tensor = self.conv(maps).float()
        return out if before is None else out + upsample(before, out.shape[-1])


def tinted(picture: Tensor, like: Tensor) -> Tensor:
    """A picture with the light and the colours that another one has roughly there.

    Both are (B, 3, S, S) RGB in [-1, 1], and so is what is given back.

    What is made shows how lips and lids lie, but its colours are those of the persons that were
    learned from; what is looked up has the colours of the one that is drawn.
    """
    rough = resize(like - picture, _TINTS)
    return (picture + upsample(rough, picture.shape[-1])).clamp(-1.0, 1.0)


class Generator(nn.Module):
    """Decoder with AdaIN and alignment, driven by embedded motion.

    From a learned constant, laid upon the driving head and modulated by AdaIN from appearance, the
    sources' own motion and the driving motion (few-shot paper, section 3; PD-FGC's G_0 and G),
    every level predicts what is to be added to the head's flow, and a mask, and takes in the
    sources' maps warped by their sum (MarioNETte's target feature alignment, here in one step).
    The picture itself is the last map that is looked up; what is made where nothing can be looked
    up takes its colours from there.

    Args:
        config: shape of the network.
        driver: embeds the motion that drives it.
    """

    def __init__(self, config: GeneratorConfig, driver: CodesDriver) -> None:
        super().__init__()
        self.config = config
        self.driver = driver
        width = config.style_width
        self.constant = nn.Parameter(torch.randn(1, config.channels[0], *[config.base_size] * 2))
        self.style = nn.Sequential(
            nn.Linear(config.appearance_width + 2 * width, width),
            nn.ReLU(),
            nn.Linear(width, width),
        )
        self.global_flow = GlobalFlow(width)
        self.head_flow = HeadFlow(width)
        self.levels = nn.ModuleList(
            AlignedBlock(inputs, channels, source, width)
            for inputs, channels, source in zip(
                (config.channels[0], *config.channels[:-1]),
                config.channels,
                config.source_channels,
                strict=True,
            )
        )
        self.heads = nn.ModuleDict(
            {
                str(side): head if side == config.analysis_size else head.start_silent()
                for side, channels in zip(config.sides, config.channels, strict=True)
                if side >= config.analysis_size
                for head in [PictureHead(channels)]
            }
        )

    def forward(self, appearance: Appearance, source: Tensor, driving: Tensor) -> Generated:
        """Draw the sources' person with the driving motion.

        Args:
            appearance: look of B persons from K sources each.
            source: (B, K, D) joined codes of the sources themselves.
            driving: (B, D) joined driving codes.

        Returns:
            The picture, the flows and what they were made of.
        """
        return self.synthesise(appearance, self.driver.drive(source), self.driver.drive(driving))

    def shape_of(self, images: Tensor, source: Tensor) -> Tensor | None:
        """Where the features of sources lie, for `Appearance`: not to be read for every frame.

        Args:
            images: (B, K, 3, S, S) RGB in [-1, 1].
            source: (B, K, D) their joined codes.
        """
        return self.head_flow.own(self._analysed(images), pose_of_codes(source))

    def synthesise(self, appearance: Appearance, source: Driven, driving: Driven) -> Generated:
        """As `forward`, from embedded motion.

        Args:
            appearance: look of B persons from K sources each.
            source: (B, K, ...) motion of the sources themselves.
            driving: (B, ...) driving motion.
        """
        batch, shots = source.style.shape[:2]
        own = source.style.mean(dim=1)
        style = self.style(torch.cat([appearance.vector, own, driving.style], dim=1))
        pair = torch.cat([source.style, driving.style.unsqueeze(1).expand(-1, shots, -1)], dim=2)
        shape = appearance.shape
        if shape is None:
            shape = self.head_flow.own(self._analysed(appearance.images), source.pose)
        side = self._analysis_side
        moved = self.head_flow.between(shape, source, driving, side)
        around = self.global_flow(pair, identity_grid(side, side, own.device))
        head = moved.head.unsqueeze(1)
        field = head * moved.field + (1 - head) * around
        field = torch.cat([field, moved.hidden], dim=2)
        mouth = torch.cat([moved.inside, moved.hidden.amin(1)], dim=1)
        maps = self._laid(moved.place).expand(batch, -1, -1, -1)
        flow = Flow.nowhere(field, self.config.base_size)
        flows: list[Flow] = []
        picture: Tensor | None = None
        for level, look, at in zip(self.levels, appearance.maps, self.config.sides, strict=True):
            maps, flow, whole = level(maps, look, style, pair, flow, field, mouth)
            flows.append(whole)
            if str(at) in self.heads:
                picture = self.heads[str(at)](maps, picture)
        if picture is None:
            raise ValueError("the generator has no picture head; check analysis_size")
        synthesis = torch.tanh(picture[:, :3])
        mouth = resize(mouth, picture.shape[-1])
        hidden = mouth[:, 3:]
        # What no source shows is drawn as a mouth usually is: what is made there is still grey.
        copied = torch.sigmoid(picture[:, 3:])
        copied = copied + hidden * (1 - copied)
        seen = whole.blend(appearance.images)
        skin = Flow(at_side(moved.skin, seen.shape[-1]), whole.mask, whole.confidence)
        lid = whole.weighed(at_side(moved.lid, seen.shape[-1]))
        seen = unfolded(seen, skin.blend(appearance.images), lid)
        copied = copied + lid * (1 - copied)
        seen = seen + hidden * (plausible_inside(mouth, appearance.images[:, 0]) - seen)
        image = copied * seen + (1 - copied) * tinted(synthesis, seen)
        return Generated(image, tuple(flows), synthesis, copied, seen, moved.shape, mouth)

    @property
    def _analysis_side(self) -> int:
        # A larger picture's flow is that of the smaller, enlarged.
        return min(self.config.image_size, self.config.analysis_size)

    def _analysed(self, images: Tensor) -> Tensor:
        """Sources (B, K, 3, S, S) at the side where the picture is analysed."""
        smaller = resize(images.flatten(0, 1), self._analysis_side)
        return torch.unflatten(smaller, 0, images.shape[:2])

    def _laid(self, place: Tensor) -> Tensor:
        """The constant laid upon the head (B, S, S, 2): what belongs to an eye lies at the eye."""
        side = self.config.base_size
        grid = F.interpolate(place.permute(0, 3, 1, 2), size=(side, side), mode="area")
        constant = self.constant.expand(len(place), -1, -1, -1)
        with torch.autocast(device_type=place.device.type, enabled=False):
            return F.grid_sample(
                constant.float(),
                grid.permute(0, 2, 3, 1),
                padding_mode="border",
                align_corners=False,
            )
