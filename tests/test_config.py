"""Configurations refuse what makes no sense and come back from JSON."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from pdfgc.config import (
    PRESETS,
    AudioConfig,
    GeneratorConfig,
    ModelConfig,
    TrainConfig,
    exact_div,
    from_json,
    to_json,
)
from pdfgc.errors import InputError


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_survive_json(name: str) -> None:
    values = json.loads(json.dumps(to_json(PRESETS[name])))
    assert from_json(ModelConfig, values, "x") == PRESETS[name]


def test_derived_signal_constants() -> None:
    audio = AudioConfig()
    assert (audio.mels_per_frame, audio.samples_per_frame, audio.window_mels) == (4, 640, 36)
    with pytest.raises(ValueError, match="not a multiple"):
        exact_div(7, 2)
    with pytest.raises(ValidationError, match="not a multiple"):
        AudioConfig(hop_length=170)
    with pytest.raises(ValidationError, match="120 ms"):
        AudioConfig(window_ahead=10)


def test_channels_must_reach_the_picture() -> None:
    with pytest.raises(ValidationError, match="do not reach"):
        GeneratorConfig(image_size=128)
    with pytest.raises(ValidationError, match="same length"):
        GeneratorConfig(source_channels=(8, 8))
    with pytest.raises(ValidationError, match="person_cap"):
        TrainConfig(person_cap=0)


def test_unknown_keys_name_the_file() -> None:
    with pytest.raises(InputError, match=r"w\.safetensors.*'nose'"):
        from_json(ModelConfig, {"preset": "x", "nose": 1}, "w.safetensors")
