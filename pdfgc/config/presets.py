"""The table of model presets."""

from __future__ import annotations

from dataclasses import replace

from pdfgc.config.model import (
    EncoderConfig,
    GeneratorConfig,
    LandmarkConfig,
    ModelConfig,
    OfficialConfig,
)
from pdfgc.config.signal import AudioConfig

FAST = ModelConfig(preset="fast")
FAST_128 = ModelConfig(
    preset="fast-128",
    generator=GeneratorConfig(
        image_size=128, channels=(192, 160, 112, 64, 32), source_channels=(160, 128, 96, 48, 24)
    ),
)
_TINY_SHAPE = GeneratorConfig(
    image_size=64,
    analysis_size=64,
    channels=(32, 24, 16, 12),
    source_channels=(32, 24, 16, 8),
    appearance_width=32,
    style_width=32,
)
TINY = ModelConfig(
    preset="tiny",
    generator=_TINY_SHAPE,
    encoders=EncoderConfig(
        image_size=64,
        trunk_channels=(8, 16, 16, 32),
        trunk_width=32,
        light_channels=(8, 8, 16, 16),
        hidden_width=16,
        speech_channels=(8, 8, 16, 16),
        lip_width=8,
    ),
)

PDFGC_OFFICIAL = ModelConfig(
    preset="pdfgc-official",
    generator=GeneratorConfig(
        identity=(),
        image_size=224,
        analysis_size=224,
        base_size=7,
        channels=(512, 512, 512, 512, 256, 128),
        source_channels=(512, 0, 0, 0, 0, 0),
        appearance_width=2048,
        style_width=2590,
    ),
    encoders=EncoderConfig(
        image_size=224,
        trunk_channels=(64, 128, 256),
        trunk_width=512,
        light_channels=(),
        hidden_width=512,
        speech_channels=(32, 64, 128, 256),
        lip_width=500,
    ),
    audio=AudioConfig(
        n_fft=1280,
        win_length=1280,
        f_min=125.0,
        window_past=10,
        window_ahead=10,
        early_samples=480,
    ),
    expression_window=1,
    official=OfficialConfig(),
)

FEWSHOT = ModelConfig(
    preset="fewshot",
    generator=GeneratorConfig(
        driver="landmarks",
        identity=("adain",),
        analysis_size=256,
        base_size=16,
        channels=(512, 256, 128, 64, 64),
        source_channels=(512, 256, 128, 64, 0),
        appearance_width=512,
        style_width=512,
    ),
    encoders=EncoderConfig(lip_width=25),
    landmarks=LandmarkConfig(),
)
MARIONETTE = ModelConfig(
    preset="marionette",
    generator=GeneratorConfig(
        driver="landmarks",
        identity=("attention", "alignment"),
        analysis_size=256,
        base_size=16,
        channels=(512, 512, 256, 128, 64),
        source_channels=(512, 512, 256, 128, 64),
        appearance_width=512,
        style_width=256,
    ),
    encoders=EncoderConfig(lip_width=25),
    landmarks=LandmarkConfig(),
)
_TINY_LANDMARK_ENCODERS = EncoderConfig(
    image_size=64, light_channels=(8, 8, 16, 16), hidden_width=16, lip_width=25
)
FEWSHOT_TINY = ModelConfig(
    preset="fewshot-tiny",
    generator=replace(
        _TINY_SHAPE, driver="landmarks", identity=("adain",), source_channels=(32, 24, 12, 0)
    ),
    encoders=_TINY_LANDMARK_ENCODERS,
    landmarks=LandmarkConfig(),
)
MARIONETTE_TINY = ModelConfig(
    preset="marionette-tiny",
    generator=replace(
        _TINY_SHAPE,
        driver="landmarks",
        identity=("attention", "alignment"),
        source_channels=(32, 24, 16, 12),
    ),
    encoders=_TINY_LANDMARK_ENCODERS,
    landmarks=LandmarkConfig(),
)

PAPER = ModelConfig(
    preset="paper",
    generator=GeneratorConfig(
        identity=("adain",),
        analysis_size=256,
        base_size=16,
        channels=(512, 512, 256, 128, 64),
        source_channels=(512, 256, 128, 64, 32),
        appearance_width=512,
        style_width=448,
    ),
)
PAPER_TINY = ModelConfig(
    preset="paper-tiny",
    generator=replace(_TINY_SHAPE, identity=("adain",)),
    encoders=TINY.encoders,
)

PRESETS: dict[str, ModelConfig] = {
    c.preset: c
    for c in (
        *(TINY, FAST_128, FAST, PAPER_TINY, PAPER, PDFGC_OFFICIAL),
        *(FEWSHOT_TINY, FEWSHOT, MARIONETTE_TINY, MARIONETTE),
    )
}
"""Model presets by name."""
