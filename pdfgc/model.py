"""`TalkingHead`: the typed parts of a model, and the one function that builds it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdfgc.config import ModelConfig
from pdfgc.encoders import (
    AppearanceEncoder,
    ExpressionEncoder,
    EyeEncoder,
    LipEncoder,
    MotionEncoder,
    PoseEncoder,
    SpeechEncoder,
)
from pdfgc.encoders.official import (
    OfficialAppearanceEncoder,
    OfficialExpressionEncoder,
    OfficialEyeEncoder,
    OfficialLipEncoder,
    OfficialMotionEncoder,
    OfficialPoseEncoder,
    OfficialSpeechEncoder,
)
from pdfgc.generator import CodesDriver, Generator, ModulatedGenerator
from pdfgc.motion import EXPRESSION_WIDTH, code_scale, code_width


@dataclass(frozen=True)
class FrameCodes:
    """What single frames say about every factor.

    Attributes:
        feature: (B, trunk_width) motion features, of which the expression encoder makes codes.
        lip: (B, lip_width).
        eye: (B, 6).
        pose: (B, 6).
    """

    feature: Tensor
    lip: Tensor
    eye: Tensor
    pose: Tensor


class Encoders(nn.Module):
    """The encoders of a model, each public and usable alone.

    Attributes:
        appearance: source images to maps and a vector.
        motion: face crop to the unified motion feature (stage 1).
        lip: motion feature to lip code.
        speech: log-mel window to lip code.
        eye: face crop to gaze and blink.
        pose: face crop to head pose.
        expression: window of motion features to expression code.
    """

    def __init__(
        self,
        appearance: AppearanceEncoder,
        motion: MotionEncoder,
        lip: LipEncoder,
        speech: SpeechEncoder,
        eye: EyeEncoder,
        pose: PoseEncoder,
        expression: ExpressionEncoder,
    ) -> None:
        super().__init__()
        self.appearance = appearance
        self.motion = motion
        self.lip = lip
        self.speech = speech
        self.eye = eye
        self.pose = pose
        self.expression = expression

    def read(self, images: Tensor) -> FrameCodes:
        """Codes of face crops, (B, 3, S, S) RGB in [-1, 1]."""
        feature = self.motion(images)
        # Where eye and pose encoder are heads of the same trunk, it runs once.
        if isinstance(self.eye, OfficialEyeEncoder) and isinstance(self.pose, OfficialPoseEncoder):
            eye, pose = self.eye.from_feature(feature), self.pose.from_feature(feature)
        else:
            eye, pose = self.eye(images), self.pose(images)
        return FrameCodes(feature, self.lip(feature), eye, pose)


class TalkingHead(nn.Module):
    """All trained parts of one model.

    Attributes:
        config: what it was built from.
        encoders: the factor encoders.
        generator: the shared generator.
        rest_lip: (lip_width,) lip code of silence, learned with the weights.
        rest_expression: (30,) neutral expression, learned with the weights.
        free_eye: (2,) learned mean of the eye code's free values.
    """

    rest_lip: Tensor
    rest_expression: Tensor
    free_eye: Tensor

    def __init__(self, config: ModelConfig, encoders: Encoders, generator: Generator) -> None:
        super().__init__()
        self.config = config
        self.encoders = encoders
        self.generator = generator
        lip = config.encoders.lip_width
        self.register_buffer("rest_lip", torch.full((lip,), lip**-0.5))
        self.register_buffer("rest_expression", torch.zeros(EXPRESSION_WIDTH))
        self.register_buffer("free_eye", torch.zeros(2))


def build_model(config: ModelConfig) -> TalkingHead:
    """Build a model from its configuration: the only place where parts are put together.

    Args:
        config: for instance `PRESETS["fast"]`.

    Returns:
        A model with random weights, in training mode.
    """
    if config.official is not None:
        return _official(config)
    width = code_width(config.encoders.lip_width)
    scale = torch.tensor(code_scale(config.encoders.lip_width))
    return TalkingHead(
        config,
        Encoders(
            appearance=AppearanceEncoder(config.generator),
            motion=MotionEncoder(config.encoders),
            lip=LipEncoder(config.encoders),
            speech=SpeechEncoder(config.encoders, config.audio),
            eye=EyeEncoder(config.encoders),
            pose=PoseEncoder(config.encoders),
            expression=ExpressionEncoder(config.encoders, config.expression_window),
        ),
        Generator(config.generator, CodesDriver(width, config.generator.style_width, scale)),
    )


def _official(config: ModelConfig) -> TalkingHead:
    """The networks that the authors of PD-FGC released; their rest is the zero code."""
    trunk = OfficialMotionEncoder(config.encoders)
    model = TalkingHead(
        config,
        Encoders(
            appearance=OfficialAppearanceEncoder(config.generator),
            motion=trunk,
            lip=OfficialLipEncoder(config.encoders),
            speech=OfficialSpeechEncoder(config.encoders, config.audio),
            eye=OfficialEyeEncoder(config.encoders, trunk),
            pose=OfficialPoseEncoder(config.encoders, trunk),
            expression=OfficialExpressionEncoder(config.encoders),
        ),
        ModulatedGenerator(config.generator, config.encoders.lip_width),
    )
    model.rest_lip.zero_()
    return model
