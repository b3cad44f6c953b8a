"""Every number that shapes a model or a run: signal constants, crops, model presets, training.

All configurations are frozen, validated when they are made, and travel as JSON beside the weights.
"""

from pdfgc.config.model import (
    EncoderConfig,
    GeneratorConfig,
    LandmarkConfig,
    ModelConfig,
    OfficialConfig,
)
from pdfgc.config.presets import (
    FAST,
    FAST_128,
    FEWSHOT,
    FEWSHOT_TINY,
    MARIONETTE,
    MARIONETTE_TINY,
    PAPER,
    PAPER_TINY,
    PDFGC_OFFICIAL,
    PRESETS,
    TINY,
)
from pdfgc.config.signal import AudioConfig, CropConfig, exact_div
from pdfgc.config.stored import from_json, to_json
from pdfgc.config.training import SuppliedTeacher, TrainConfig

__all__ = [
    "FAST",
    "FAST_128",
    "FEWSHOT",
    "FEWSHOT_TINY",
    "MARIONETTE",
    "MARIONETTE_TINY",
    "PAPER",
    "PAPER_TINY",
    "PDFGC_OFFICIAL",
    "PRESETS",
    "TINY",
    "AudioConfig",
    "CropConfig",
    "EncoderConfig",
    "GeneratorConfig",
    "LandmarkConfig",
    "ModelConfig",
    "OfficialConfig",
    "SuppliedTeacher",
    "TrainConfig",
    "exact_div",
    "from_json",
    "to_json",
]
