"""What a model costs: parameters and arithmetic of every part, beside the budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pdfgc.config import ModelConfig
from pdfgc.encoders import Appearance
from pdfgc.encoders.official import OfficialEyeEncoder, OfficialLipEncoder, OfficialPoseEncoder
from pdfgc.generator.fewshot import FewShotGenerator
from pdfgc.generator.marionette import MarionetteGenerator
from pdfgc.model import LandmarkEncoders, build_model
from pdfgc.motion import code_width

_GIGA = 1e9
# The budget of `fast`, which its smaller form keeps too.
_BUDGETED = ("fast", "fast-128")
_BUDGET_GFLOPS = {
    "generator": 8.0,
    "motion": 1.0,
    "lip": 0.3,
    "eye": 0.3,
    "pose": 0.3,
    "speech": 0.1,
}
_BUDGET_PARAMETERS = 12_000_000


@dataclass(frozen=True)
class Part:
    """One part of a model.

    Attributes:
        name: `motion` is the stage-1 trunk with all that makes expression codes of it.
        parameters: numbers that were learned.
        gflops: billions of floating-point operations, 2 x multiply-adds of convolutions and
            matrix products, for one image, frame or window.
        per: what one call is.
        budget_gflops: the most it may take, where there is a budget.
    """

    name: str
    parameters: int
    gflops: float
    per: str
    budget_gflops: float | None


@dataclass(frozen=True)
class Cost:
    """A model's cost.

    Attributes:
        preset: name of the configuration.
        parts: what it consists of.
        parameters: of all parts that inference needs.
        budget_parameters: the most they may be, where there is a budget.
    """

    preset: str
    parts: tuple[Part, ...]
    parameters: int
    budget_parameters: int | None

    @property
    def gflops_per_frame(self) -> float:
        """Of a frame that speech drives; each driving clip adds `gflops_per_driving_frame`."""
        return sum(part.gflops for part in self.parts if part.per == "frame")

    @property
    def gflops_per_driving_frame(self) -> float:
        """Of a frame of a clip that drives one factor or all."""
        return sum(part.gflops for part in self.parts if part.per == "driving frame")

    @property
    def within_budget(self) -> bool:
        """Whether every part with a budget keeps it."""
        few = self.budget_parameters is None or self.parameters <= self.budget_parameters
        return few and all(
            # As many digits as the budget is given with.
            part.budget_gflops is None or round(part.gflops, 1) <= part.budget_gflops
            for part in self.parts
        )


def cost_of(config: ModelConfig) -> Cost:
    """Count parameters and arithmetic of a model with one source image."""
    # Some networks are large: there, counting goes without any numbers.
    large = config.official is not None or config.landmarks is not None
    with torch.device("meta" if large else "cpu"):
        return _counted_landmarks(config) if config.landmarks else _counted(config)


def _counted_landmarks(config: ModelConfig) -> Cost:
    """The parts of a landmark model; tracking and drawing are not counted."""
    # The bases of the landmarks are numbers from a file: they are made where files are read.
    with torch.device("cpu"):
        model = build_model(config).eval().requires_grad_(False)
    model.to(torch.get_default_device())
    side, inner = config.generator.image_size, config.encoders.image_size
    picture, face = torch.zeros(1, 3, side, side), torch.zeros(1, 3, inner, inner)
    encoders, generator = model.encoders, model.generator
    if not isinstance(encoders, LandmarkEncoders) or not isinstance(
        generator, FewShotGenerator | MarionetteGenerator
    ):
        raise TypeError(f"preset {config.preset} is no landmark model")
    shape = torch.zeros(1, *encoders.landmarks.mean.shape)
    look = encoders.appearance(picture[None], picture[None])
    calls: dict[str, tuple[nn.Module, Callable[[], object], str]] = {
        "appearance": (
            encoders.appearance,
            lambda: encoders.appearance(picture[None], picture[None]),
            "source image",
        ),
        "transformer": (
            encoders.transformer,
            lambda: encoders.transformer(face, shape),
            "driving frame",
        ),
        "generator": (generator, lambda: generator.paint(look, picture), "frame"),
    }
    parts = []
    for name, (module, call, per) in calls.items():
        with FlopCounterMode(display=False) as counter:
            call()
        gflops = counter.get_total_flops() / _GIGA
        parts.append(Part(name, _size(module), gflops, per, None))
    return Cost(config.preset, tuple(parts), sum(part.parameters for part in parts), None)


def _counted(config: ModelConfig) -> Cost:
    # Gradients are switched off by the parameters: the counter breaks under no_grad where a
    # model expands views.
    model = build_model(config).eval().requires_grad_(False)
    encoders = model.encoders
    side, inner = config.generator.image_size, config.encoders.image_size
    image, face = torch.zeros(1, 1, 3, side, side), torch.zeros(1, 3, inner, inner)
    window = torch.zeros(1, config.audio.n_mels, config.audio.window_mels)
    codes = torch.zeros(1, code_width(config.encoders.lip_width))
    feature = torch.zeros(1, config.encoders.trunk_width)
    mouth = torch.zeros(1, config.encoders.hidden_width)
    appearance: Appearance = encoders.appearance(image)
    calls = {
        "appearance": ((encoders.appearance,), lambda: encoders.appearance(image), "source image"),
        "motion": (
            tuple(filter(None, (encoders.motion, encoders.brow, encoders.expression))),
            lambda: encoders.expression(encoders.features(face, mouth)[None]),
            "driving frame",
        ),
        "lip": ((encoders.lip,), lambda: _read(encoders.lip, feature, face), "driving frame"),
        "eye": ((encoders.eye,), lambda: _read(encoders.eye, feature, face), "driving frame"),
        "pose": ((encoders.pose,), lambda: _read(encoders.pose, feature, face), "driving frame"),
        "speech": ((encoders.speech,), lambda: encoders.speech(window), "frame"),
        "generator": (
            (model.generator,),
            lambda: model.generator(appearance, codes[None], codes),
            "frame",
        ),
    }
    limits = _BUDGET_GFLOPS if config.preset in _BUDGETED else {}
    parts = []
    for name, (modules, call, per) in calls.items():
        with FlopCounterMode(display=False) as counter:
            call()  # type: ignore[no-untyped-call]
        gflops = counter.get_total_flops() / _GIGA
        parts.append(Part(name, sum(map(_size, modules)), gflops, per, limits.get(name)))
    total = sum(part.parameters for part in parts)
    return Cost(config.preset, tuple(parts), total, _BUDGET_PARAMETERS if limits else None)


def _read(encoder: nn.Module, feature: Tensor, face: Tensor) -> Tensor:
    """What an encoder makes of a face; a head of the motion trunk reads the trunk's feature."""
    heads = (OfficialLipEncoder, OfficialEyeEncoder, OfficialPoseEncoder)
    code: Tensor = encoder.from_feature(feature) if isinstance(encoder, heads) else encoder(face)
    return code


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
