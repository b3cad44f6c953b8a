"""`TalkingHead`: the typed parts of a model, and the one function that builds it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from pdfgc.config import LandmarkConfig, ModelConfig
from pdfgc.encoders import (
    Appearance,
    AppearanceEncoder,
    BrowEncoder,
    ExpressionEncoder,
    EyeEncoder,
    LipEncoder,
    MotionEncoder,
    PoseEncoder,
    SpeechEncoder,
)
from pdfgc.encoders.embedder import Embedder
from pdfgc.encoders.landmarks import LandmarkSpace, lip_code
from pdfgc.encoders.official import (
    OfficialAppearanceEncoder,
    OfficialExpressionEncoder,
    OfficialEyeEncoder,
    OfficialLipEncoder,
    OfficialMotionEncoder,
    OfficialPoseEncoder,
    OfficialSpeechEncoder,
)
from pdfgc.encoders.target import TargetEncoder
from pdfgc.encoders.transformer import LandmarkTransformer
from pdfgc.generator import CodesDriver, Generator, ModulatedGenerator
from pdfgc.generator.critic import LandmarkCritic
from pdfgc.generator.drawing import LandmarkDriver
from pdfgc.generator.fewshot import FewShotGenerator
from pdfgc.generator.marionette import MarionetteGenerator
from pdfgc.generator.plain import PlainGenerator
from pdfgc.motion import EXPRESSION_WIDTH, code_scale, code_width

_HEADS = (OfficialLipEncoder, OfficialEyeEncoder, OfficialPoseEncoder)


@dataclass(frozen=True)
class FrameCodes:
    """What single frames say about every factor.

    Attributes:
        feature: (B, trunk_width + 2) of which the expression encoder makes codes, see
            `Encoders.features`.
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
        lip: face crop to lip code.
        speech: log-mel window to lip code.
        eye: face crop to gaze and blink.
        pose: face crop to head pose.
        brow: face crop to the height of the brows; none where the motion feature tells it.
        expression: window of features to expression code.
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
        brow: BrowEncoder | None,
    ) -> None:
        super().__init__()
        self.appearance = appearance
        self.motion = motion
        self.lip = lip
        self.speech = speech
        self.eye = eye
        self.pose = pose
        self.expression = expression
        self.brow = brow

    def features(self, images: Tensor, mouth: Tensor | None = None) -> Tensor:
        """What expression is read off: motion features, brows and mouth width of face crops.

        Args:
            images: (B, 3, S, S) RGB in [-1, 1].
            mouth: (B, hidden_width) what `LipEncoder.hidden` made of them, where it is known.

        Returns:
            (B, trunk_width + 2), the last two the height of the brows and the widening of the
            mouth; (B, trunk_width) where the expression encoder takes no more.
        """
        motion: Tensor = self.motion(images)
        if self.brow is None:
            return motion
        mouth = self.lip.hidden(images) if mouth is None else mouth
        return torch.cat([motion, self.brow(images), self.lip.widening(mouth)], dim=1)

    def read(self, images: Tensor) -> FrameCodes:
        """Codes of face crops, (B, 3, S, S) RGB in [-1, 1]."""
        # What several codes are read off runs once.
        if self.brow is None:
            feature = self.features(images)
            lip, eye, pose = (
                encoder.from_feature(feature) if isinstance(encoder, _HEADS) else encoder(images)
                for encoder in (self.lip, self.eye, self.pose)
            )
            return FrameCodes(feature, lip, eye, pose)
        mouth = self.lip.hidden(images)
        feature = self.features(images, mouth)
        return FrameCodes(feature, self.lip.code(mouth), self.eye(images), self.pose(images))


class LandmarkEncoders(Encoders):
    """The encoders of a landmark model: codes are read off landmarks, not off pictures.

    Attributes:
        appearance: source images and their landmark images to a look.
        landmarks: landmarks to codes and back.
        transformer: expression coefficients of one image and its landmarks.
    """

    def __init__(
        self,
        appearance: Embedder | TargetEncoder,
        landmarks: LandmarkSpace,
        transformer: LandmarkTransformer,
    ) -> None:
        nn.Module.__init__(self)
        self.appearance = appearance  # type: ignore[assignment]
        self.landmarks = landmarks
        self.transformer = transformer
        self.brow = None

    def read(self, images: Tensor) -> FrameCodes:
        """Not of pictures alone.

        Raises:
            TypeError: always; `pdfgc.avatar` reads landmark models' codes off a face track.
        """
        raise TypeError("a landmark model's codes are read off landmarks, not off pictures")


class TalkingHead(nn.Module):
    """All trained parts of one model.

    Attributes:
        config: what it was built from.
        encoders: the factor encoders.
        generator: the shared generator.
        critic: the discriminator without its persons, where tuning starts from one.
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
        self.critic: LandmarkCritic | None = None

    def look(self, images: Tensor, codes: Tensor) -> Appearance:
        """The look of persons.

        Args:
            images: (B, K, 3, S, S) RGB in [-1, 1].
            codes: (B, K, D) joined codes of these images; landmark models draw them.
        """
        encoder = self.encoders.appearance
        generator = self.generator
        if isinstance(generator, FewShotGenerator | MarionetteGenerator) and self.drawn:
            drawings = generator.landmarks(codes, images.shape[-1])
            drawn: Appearance = encoder(images, drawings)
            return drawn
        plain: Appearance = encoder(images)
        return replace(plain, shape=generator.shape_of(plain.images, codes))

    @property
    def drawn(self) -> bool:
        """Whether landmark images drive the generator."""
        return self.config.landmarks is not None


def build_model(config: ModelConfig) -> TalkingHead:
    """Build a model from its configuration: the only place where parts are put together.

    Args:
        config: for instance `PRESETS["fast"]`.

    Returns:
        A model with random weights, in training mode.
    """
    if config.official is not None:
        return _official(config)
    if config.landmarks is not None:
        return _landmarks(config, config.landmarks)
    width = code_width(config.encoders.lip_width)
    scale = torch.tensor(code_scale(config.encoders.lip_width))
    driver = CodesDriver(width, config.generator.style_width, scale)
    # Attention and alignment together are MarioNETte's; alignment alone warps in one step.
    two_steps = {"attention", "alignment"} <= set(config.generator.identity)
    plain = PlainGenerator if config.generator.identity == ("adain",) else Generator
    return TalkingHead(
        config,
        Encoders(
            appearance=TargetEncoder(config.generator, drawn=False)  # type: ignore[arg-type]
            if two_steps
            else AppearanceEncoder(config.generator),
            motion=MotionEncoder(config.encoders),
            lip=LipEncoder(config.encoders),
            speech=SpeechEncoder(config.encoders, config.audio),
            eye=EyeEncoder(config.encoders),
            pose=PoseEncoder(config.encoders),
            expression=ExpressionEncoder(config.encoders, config.expression_window),
            brow=BrowEncoder(config.encoders),
        ),
        MarionetteGenerator(config.generator, driver)
        if two_steps
        else plain(config.generator, driver),
    )


def _landmarks(config: ModelConfig, landmarks: LandmarkConfig) -> TalkingHead:
    """Few-shot paper (`adain`) and MarioNETte (all else), driven by landmark images."""
    space = LandmarkSpace(landmarks, config.encoders.lip_width)
    transformer = LandmarkTransformer(config.encoders, space.alphas)
    driver, shape = LandmarkDriver(space), config.generator
    appearance: Embedder | TargetEncoder
    generator: Generator
    if shape.identity == ("adain",):
        appearance, generator = Embedder(shape), FewShotGenerator(shape, driver)
    else:
        appearance = TargetEncoder(shape, drawn=True)
        generator = MarionetteGenerator(shape, driver)
    model = TalkingHead(config, LandmarkEncoders(appearance, space, transformer), generator)
    model.critic = LandmarkCritic(shape)
    model.rest_lip.copy_(
        torch.from_numpy(lip_code(np.zeros((1, space.lip_width - 1), np.float32))[0])
    )
    return model


def _official(config: ModelConfig) -> TalkingHead:
    """The networks that the authors of PD-FGC released; their rest is the zero code."""
    trunk = OfficialMotionEncoder(config.encoders)
    model = TalkingHead(
        config,
        Encoders(
            appearance=OfficialAppearanceEncoder(config.generator),
            motion=trunk,
            lip=OfficialLipEncoder(config.encoders, trunk),
            speech=OfficialSpeechEncoder(config.encoders, config.audio),
            eye=OfficialEyeEncoder(config.encoders, trunk),
            pose=OfficialPoseEncoder(config.encoders, trunk),
            expression=OfficialExpressionEncoder(config.encoders),
            brow=None,
        ),
        ModulatedGenerator(config.generator, config.encoders.lip_width),
    )
    model.rest_lip.zero_()
    return model
