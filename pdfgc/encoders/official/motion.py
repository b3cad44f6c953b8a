"""The released motion encoder: one face-alignment trunk with four heads.

The trunk has the layout of the face alignment network (Bulat and Tzimiropoulos, How far are we from
solving the 2D & 3D face alignment problem?, section 3.1) with one hourglass; of its 68 maps only
one convolution of them is used. The heads are those of PD-FGC: mouth, head pose, eye, expression.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import EncoderConfig
from pdfgc.encoders.eye import EyeEncoder
from pdfgc.encoders.lip import LipEncoder
from pdfgc.encoders.motion import ExpressionEncoder, MotionEncoder
from pdfgc.encoders.pose import PoseEncoder
from pdfgc.motion import EXPRESSION_WIDTH, EYE_WIDTH, POSE_WIDTH

_LANDMARK_MAPS = 68
_DEPTH = 4

# The release's eye code has blink at 0, 1, 4, 5 and gaze at 2, 3; `Motion` has gaze first.
EYE_ORDER = (2, 3, 0, 1, 4, 5)
"""Place in the release's eye code of each number of `Motion.eye`."""


class SplitBlock(nn.Module):
    """Three 3x3 convolutions, each activated before, whose results are put side by side."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half, quarter = outputs // 2, outputs // 4
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, half, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, quarter, 3, 1, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(quarter)
        self.conv3 = nn.Conv2d(quarter, quarter, 3, 1, 1, bias=False)
        self.downsample: nn.Sequential | None = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False)
            )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w)."""
        first = self.conv1(F.relu(self.bn1(maps)))
        second = self.conv2(F.relu(self.bn2(first)))
        third = self.conv3(F.relu(self.bn3(second)))
        short = maps if self.downsample is None else self.downsample(maps)
        return torch.cat([first, second, third], dim=1) + short


class Hourglass(nn.Module):
    """Maps are refined at ever smaller sides and brought back, one shortcut per side."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        for level in range(1, depth + 1):
            for branch in ("b1", "b2", "b3"):
                self.add_module(f"{branch}_{level}", SplitBlock(channels, channels))
        self.add_module("b2_plus_1", SplitBlock(channels, channels))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        return self._level(maps, self.depth)

    def _middle(self, maps: Tensor, level: int) -> Tensor:
        assert level == 0
        smallest: Tensor = self.get_submodule("b2_plus_1")(maps)
        return smallest

    def _level(self, maps: Tensor, level: int) -> Tensor:
        beside = self.get_submodule(f"b1_{level}")(maps)
        low = self.get_submodule(f"b2_{level}")(F.max_pool2d(maps, 2))
        deeper = self._level if level > 1 else self._middle
        low = deeper(low, level - 1)
        low = self.get_submodule(f"b3_{level}")(low)
        size = beside.shape[-2:]
        enlarged = F.interpolate(low, size=size, mode="bilinear", align_corners=False)
        joined: Tensor = beside + enlarged
        return joined


class OfficialMotionEncoder(MotionEncoder):
    """The trunk: one feature that holds all motion of a face crop."""

    def __init__(self, config: EncoderConfig) -> None:
        nn.Module.__init__(self)
        first, second, third = config.trunk_channels
        self.conv1 = nn.Conv2d(3, first, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(first)
        self.conv2 = SplitBlock(first, second)
        self.conv3 = SplitBlock(second, second)
        self.conv4 = SplitBlock(second, third)
        self.m0 = Hourglass(third, _DEPTH)
        self.top_m_0 = SplitBlock(third, third)
        self.conv_last0 = nn.Conv2d(third, third, 1)
        self.bn_end0 = nn.BatchNorm2d(third)
        self.l0 = nn.Conv2d(third, _LANDMARK_MAPS, 1)
        self.bn5 = nn.BatchNorm2d(_LANDMARK_MAPS)
        self.conv6 = nn.Conv2d(_LANDMARK_MAPS, 1, 3, 2, 1)
        self.fc = nn.Linear((config.image_size // 8) ** 2, config.trunk_width)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [-1, 1] to the motion feature (B, trunk_width)."""
        maps = F.relu(self.bn1(self.conv1(image)))
        maps = F.max_pool2d(self.conv2(maps), 2)
        maps = self.top_m_0(self.m0(self.conv4(self.conv3(maps))))
        maps = self.l0(F.relu(self.bn_end0(self.conv_last0(maps))))
        maps = self.conv6(F.relu(self.bn5(maps)))
        feature: Tensor = self.fc(F.relu(maps.flatten(1)))
        return feature


class FactorHead(nn.Module):
    """Motion feature to one factor's code."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width)
        self.second = nn.Linear(width, width)
        self.embed = nn.Linear(width, outputs)

    def hidden(self, feature: Tensor) -> Tensor:
        """(..., width) to the factor's feature (..., width)."""
        rows = self.norm(F.relu(self.first(feature.flatten(0, -2))))
        hidden: Tensor = self.second(rows).view_as(feature)
        return hidden

    def code(self, hidden: Tensor) -> Tensor:
        """(..., width) to (..., outputs)."""
        code: Tensor = self.embed(F.relu(hidden))
        return code

    def forward(self, feature: Tensor) -> Tensor:
        """(..., width) to (..., outputs)."""
        return self.code(self.hidden(feature))


class OfficialLipEncoder(LipEncoder):
    """Lips of a face crop: the head that the release holds and does not use.

    Its codes are not normalised.

    Args:
        config: widths.
        trunk: the motion encoder, shared and held outside the parameters.
    """

    def __init__(self, config: EncoderConfig, trunk: OfficialMotionEncoder) -> None:
        nn.Module.__init__(self)
        self.factor = FactorHead(config.trunk_width, config.lip_width)
        self._shared = (trunk,)

    def from_feature(self, feature: Tensor) -> Tensor:
        """Motion feature (..., trunk_width) to lip code (..., lip_width)."""
        code: Tensor = self.factor(feature)
        return code

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [-1, 1] to lip code (B, lip_width)."""
        return self.from_feature(self._shared[0](image))


class OfficialEyeEncoder(EyeEncoder):
    """Gaze and blink in the release's own numbers.

    Args:
        config: widths.
        trunk: the motion encoder, shared and held outside the parameters.
    """

    def __init__(self, config: EncoderConfig, trunk: OfficialMotionEncoder) -> None:
        nn.Module.__init__(self)
        self.factor = FactorHead(config.trunk_width, EYE_WIDTH)
        self._shared = (trunk,)

    def hidden(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [-1, 1] to the eye feature (B, trunk_width)."""
        return self.factor.hidden(self._shared[0](image))

    def code(self, hidden: Tensor) -> Tensor:
        """(B, trunk_width) to (B, 6): two numbers of gaze, four of blink."""
        return self.factor.code(hidden)[..., EYE_ORDER]

    def from_feature(self, feature: Tensor) -> Tensor:
        """Motion feature (B, trunk_width) to (B, 6)."""
        return self.code(self.factor.hidden(feature))


class OfficialPoseEncoder(PoseEncoder):
    """Head pose in the release's own six numbers, whose order and units are not published.

    Args:
        config: widths.
        trunk: the motion encoder, shared and held outside the parameters.
    """

    def __init__(self, config: EncoderConfig, trunk: OfficialMotionEncoder) -> None:
        nn.Module.__init__(self)
        self.factor = FactorHead(config.trunk_width, POSE_WIDTH)
        self._shared = (trunk,)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [-1, 1] to (B, 6)."""
        return self.from_feature(self._shared[0](image))

    def from_feature(self, feature: Tensor) -> Tensor:
        """Motion feature (B, trunk_width) to (B, 6)."""
        code: Tensor = self.factor(feature)
        return code


class OfficialExpressionEncoder(ExpressionEncoder):
    """Expression of single frames: the release takes no mean over a window."""

    def __init__(self, config: EncoderConfig) -> None:
        nn.Module.__init__(self)
        self.window = 1
        self.factor = FactorHead(config.trunk_width, EXPRESSION_WIDTH)

    def forward(self, features: Tensor) -> Tensor:
        """(B, W, trunk_width) motion features of a window to its mean code (B, 30)."""
        mean: Tensor = self.factor(features).mean(dim=1)
        return mean

    def over_clip(self, features: Tensor) -> Tensor:
        """(T, trunk_width) motion features to (T, 30)."""
        codes: Tensor = self.factor(features)
        return codes
