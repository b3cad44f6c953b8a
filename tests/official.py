"""The released networks, made narrow, so that tests run them quickly."""

from __future__ import annotations

from dataclasses import replace

from pdfgc.config import PRESETS, ModelConfig

OFFICIAL = PRESETS["pdfgc-official"]


def narrow() -> ModelConfig:
    """All layers of the preset, with few channels."""
    lip, appearance = 20, 512
    return replace(
        OFFICIAL,
        generator=replace(
            OFFICIAL.generator,
            channels=(16, 16, 16, 16, 8, 8),
            source_channels=(16, 0, 0, 0, 0, 0),
            appearance_width=appearance,
            style_width=appearance + lip + 42,
        ),
        encoders=replace(
            OFFICIAL.encoders,
            trunk_channels=(8, 16, 16),
            trunk_width=32,
            speech_channels=(8, 8, 16, 16),
            lip_width=lip,
        ),
    )
