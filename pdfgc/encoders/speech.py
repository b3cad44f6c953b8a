"""The speech encoder: lip codes from sound."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from pdfgc.config import AudioConfig, EncoderConfig
from pdfgc.encoders.layers import ResidualDown, shared_dropout
from pdfgc.encoders.lip import as_lip_code


class SpeechEncoder(nn.Module):
    """E_aud of PD-FGC (stage 2): lip code of a window of speech, in the space of `LipEncoder`."""

    def __init__(self, config: EncoderConfig, audio: AudioConfig) -> None:
        super().__init__()
        self.window = (audio.n_mels, audio.window_mels)
        channels = config.speech_channels
        # Time is kept longer than frequency: the moment of a closure matters more than its pitch.
        self.stem = nn.Sequential(
            nn.Conv2d(1, channels[0], 5, (2, 1), 2, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        )
        blocks: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            blocks += [ResidualDown(inputs, outputs), ResidualDown(outputs, outputs, stride=1)]
        self.blocks = nn.Sequential(*blocks)
        height, width = -(-audio.n_mels // 2), audio.window_mels
        for _ in channels[1:]:
            height, width = -(-height // 2), -(-width // 2)
        self.project = nn.Sequential(
            nn.Linear(channels[-1] * height * width, 2 * config.hidden_width),
            nn.ReLU(),
            nn.Linear(2 * config.hidden_width, config.lip_width),
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Lip code of each window.

        Args:
            windows: (B, n_mels, window_mels) log-mel windows, see `pdfgc.media.mel_windows`.

        Returns:
            (B, lip_width) L2-normalised lip codes.

        Raises:
            ValueError: the windows have another shape.
        """
        if tuple(windows.shape[1:]) != self.window:
            raise ValueError(f"expected (B, {self.window}), given {tuple(windows.shape)}")
        maps = self.blocks(self.stem(windows.unsqueeze(1)))
        # Few voices are ever enough: without this it learns by heart what each has said.
        seen = shared_dropout(maps.flatten(1), 0.3, self.training)
        return as_lip_code(self.project(seen))
