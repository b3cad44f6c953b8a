"""Everything needed to build a model."""

from __future__ import annotations

from typing import Literal

from pydantic.dataclasses import dataclass

from pdfgc.config.signal import AudioConfig, CropConfig
from pdfgc.config.strict import STRICT


@dataclass(frozen=True, config=STRICT)
class EncoderConfig:
    """Widths of the encoders."""

    image_size: int = 128
    """Side of the square image that motion, eye and pose encoders see (px)."""
    trunk_channels: tuple[int, ...] = (24, 48, 96, 192)
    """Channels of the stage-1 trunk at 1/2, 1/4, 1/8 and 1/16 of the image."""
    trunk_width: int = 192
    """Width of the stage-1 motion feature."""
    light_channels: tuple[int, ...] = (16, 32, 64, 96)
    """Channels of the eye and pose trunks, likewise."""
    brow_channels: tuple[int, ...] = (8, 16, 24, 24)
    """Channels of the brow encoder's trunk, at its band's own size and halves of it."""
    hidden_width: int = 128
    """Width of hidden layers in heads, and of the eye encoder's hidden feature."""
    speech_channels: tuple[int, ...] = (24, 40, 76, 112)
    """Channels of the speech encoder at 1/2, 1/4, 1/8 and 1/16 of the mel bands."""
    lip_width: int = 32
    """Width of the lip code."""

    @property
    def picture(self) -> tuple[int, int]:
        """Height and width of that image (px)."""
        return self.image_size, self.image_size


@dataclass(frozen=True, config=STRICT)
class GeneratorConfig:
    """Shape of the shared generator."""

    driver: Literal["codes", "landmarks"] = "codes"
    """What motion the generator takes."""
    identity: tuple[Literal["adain", "attention", "alignment"], ...] = ("adain", "alignment")
    """Paths by which the source's look enters."""
    image_size: int = 256
    """Side of the picture it makes (px)."""
    analysis_size: int = 128
    """Side at which the source is analysed and the first picture made; sides above add detail."""
    base_size: int = 8
    """Side of the learned constant it starts from."""
    channels: tuple[int, ...] = (192, 160, 112, 64, 32, 16)
    """Channels at base_size, 2 x base_size, ... up to image_size."""
    source_channels: tuple[int, ...] = (160, 128, 96, 48, 24, 12)
    """Channels of the source's feature maps at the same sides."""
    appearance_width: int = 256
    """Width of the appearance vector."""
    style_width: int = 256
    """Width of the style that modulates every layer."""

    def __post_init__(self) -> None:
        """Refuse channel rows that do not reach the picture's side."""
        levels = len(self.channels)
        if len(self.source_channels) != levels:
            raise ValueError("channels and source_channels must have the same length.")
        if self.base_size * 2 ** (levels - 1) != self.image_size:
            raise ValueError(
                f"{levels} channels from base_size {self.base_size} do not reach "
                f"image_size {self.image_size}."
            )
        if not self.base_size <= self.analysis_size <= self.image_size:
            raise ValueError("analysis_size must lie between base_size and image_size.")

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the levels, from base_size up to image_size (px)."""
        return tuple(self.base_size * 2**level for level in range(len(self.channels)))


@dataclass(frozen=True, config=STRICT)
class LandmarkConfig:
    """How a face's landmarks are taken apart where landmarks drive the generator."""

    face_expressions: int = 14
    """Expression coefficients of brows, eyes and cheeks: the first of the expression code."""
    lip_expressions: int = 12
    """Expression coefficients of lips and jaw: the first of the lip code."""


@dataclass(frozen=True, config=STRICT)
class OfficialConfig:
    """What the authors' released inference code of PD-FGC does with its four networks."""

    lip_strength: float = 1.5
    """Default strength of lip codes that were read from speech or a clip."""
    expression_strength: float = 1.2
    """Default strength of expression codes, likewise."""
    eye_strength: float = 1.2
    """Default strength of gaze and blink, likewise."""
    lip_smoothing: tuple[float, float, float] = (0.27406862, 0.45186276, 0.27406862)
    """Shares of the frame before, the frame and the frame after in a lip code (Gaussian)."""
    pose_smoothing: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)
    """The same for the pose code."""
    frame_size: int = 224
    """Side of the frame that faces are aligned in (px)."""
    right_eye: tuple[float, float] = (87.0, 59.0)
    """Where the person's right eye lies in that frame (px)."""
    left_eye: tuple[float, float] = (137.0, 59.0)
    """Where the person's left eye lies."""
    mouth: tuple[float, float] = (112.0, 120.0)
    """Where the middle of the inner lips lies."""
    mouth_memory: float = 0.2
    """Share of the previous frame in the smoothed place of the mouth."""
    cut_size: int = 192
    """Side of the square at the middle of that frame's upper edge that the networks see (px)."""


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """Everything needed to build a model; stored with its weights."""

    preset: str
    """Name of the row of `PRESETS` it came from."""
    generator: GeneratorConfig = GeneratorConfig()
    encoders: EncoderConfig = EncoderConfig()
    audio: AudioConfig = AudioConfig()
    crop: CropConfig = CropConfig()
    expression_window: int = 13
    """Frames (at 25 fps) over which the expression feature is averaged: 0.52 s."""
    official: OfficialConfig | None = None
    """Set where the networks are those that the authors of PD-FGC released."""
    landmarks: LandmarkConfig | None = None
    """Set where landmark images drive the generator."""
