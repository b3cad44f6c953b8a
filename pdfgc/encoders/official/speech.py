"""The released speech encoder: a thin residual network with squeeze-excitation.

Its layout comes from speaker recognition (Hu et al., Squeeze-and-Excitation Networks, with
self-attentive pooling over time). It hears 0.2 s of sound.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import AudioConfig, EncoderConfig
from pdfgc.encoders.speech import SpeechEncoder

_DEPTHS = (3, 4, 6, 3)
_ATTENTION_WIDTH = 128
_SQUEEZE = 8


class Excitation(nn.Module):
    """Scales every channel by what all channels' means say."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // _SQUEEZE),
            nn.ReLU(),
            nn.Linear(channels // _SQUEEZE, channels),
            nn.Sigmoid(),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        scale: Tensor = self.fc(maps.mean(dim=(2, 3)))
        return maps * scale[:, :, None, None]


class ExcitedBlock(nn.Module):
    """Residual block; the first activation comes before its normalisation."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.se = Excitation(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h / stride, w / stride)."""
        short = maps if self.downsample is None else self.downsample(maps)
        inner = self.bn2(self.conv2(self.bn1(F.relu(self.conv1(maps)))))
        return F.relu(self.se(inner) + short)


class OfficialSpeechEncoder(SpeechEncoder):
    """E_aud as released: lip code of 0.2 s of speech. The codes are not normalised."""

    def __init__(self, config: EncoderConfig, audio: AudioConfig) -> None:
        nn.Module.__init__(self)
        self.window = (audio.n_mels, audio.window_mels)
        channels = config.speech_channels
        self.conv1 = nn.Conv2d(1, channels[0], 3, 1, 1)
        self.bn1 = nn.BatchNorm2d(channels[0])
        inputs = channels[0]
        for level, (outputs, depth) in enumerate(zip(channels, _DEPTHS, strict=True)):
            blocks = []
            for number in range(depth):
                stride = 2 if level and number == 0 else 1
                blocks.append(ExcitedBlock(inputs, outputs, stride))
                inputs = outputs
            self.add_module(f"layer{level + 1}", nn.Sequential(*blocks))
        merged = channels[-1] * audio.n_mels // 8
        self.attention = nn.Sequential(
            nn.Conv1d(merged, _ATTENTION_WIDTH, 1),
            nn.ReLU(),
            nn.BatchNorm1d(_ATTENTION_WIDTH),
            nn.Conv1d(_ATTENTION_WIDTH, merged, 1),
            nn.Softmax(dim=2),
        )
        self.fc = nn.Linear(merged, config.trunk_width)
        self.embed = nn.Linear(config.trunk_width, config.lip_width)

    def hidden(self, windows: Tensor) -> Tensor:
        """(B, n_mels, window_mels) to the feature (B, trunk_width)."""
        if tuple(windows.shape[1:]) != self.window:
            raise ValueError(f"expected (B, {self.window}), given {tuple(windows.shape)}")
        maps: Tensor = self.bn1(F.relu(self.conv1(windows.unsqueeze(1))))
        for level in range(len(_DEPTHS)):
            maps = self.get_submodule(f"layer{level + 1}")(maps)
        steps = maps.flatten(1, 2)
        feature: Tensor = self.fc((steps * self.attention(steps)).sum(dim=2))
        return feature

    def forward(self, windows: Tensor) -> Tensor:
        """Lip code of each window.

        Args:
            windows: (B, n_mels, window_mels) in [0, 1], see `pdfgc.media.official_windows`.

        Returns:
            (B, lip_width) lip codes.

        Raises:
            ValueError: the windows have another shape.
        """
        code: Tensor = self.embed(F.relu(self.hidden(windows)))
        return code
