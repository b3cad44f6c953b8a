"""Every number that shapes a model or a run: signal constants, crops, model presets, training.

All configurations are frozen, validated when they are made, and travel as JSON beside the weights.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pdfgc.errors import InputError

_STRICT = ConfigDict(extra="forbid")

T = TypeVar("T")


def exact_div(numerator: int, denominator: int) -> int:
    """Divide two integers that must divide without a rest.

    Raises:
        ValueError: there is a rest.
    """
    if numerator % denominator:
        raise ValueError(f"{numerator} is not a multiple of {denominator}.")
    return numerator // denominator


@dataclass(frozen=True, config=_STRICT)
class AudioConfig:
    """How sound is seen by the speech encoder."""

    sample_rate: int = 16_000
    """Samples per second of every waveform inside the project (Hz)."""
    hop_length: int = 160
    """Samples between two mel steps."""
    n_fft: int = 1024
    """Length of the Fourier transform (samples)."""
    win_length: int = 640
    """Length of the Hann window (samples)."""
    n_mels: int = 80
    """Mel bands (Slaney scale, area-normalised)."""
    f_min: float = 55.0
    """Lower edge of the lowest band (Hz)."""
    f_max: float = 7600.0
    """Upper edge of the highest band (Hz)."""
    fps: int = 25
    """Video frames per second that the speech encoder answers with."""
    window_past: int = 27
    """Mel steps of a window before the middle of its video frame."""
    window_ahead: int = 9
    """Mel steps of a window from the middle of its video frame on."""
    early_samples: int = 0
    """Samples by which the spectrum of a mel step lies before the step's time (0: around it)."""

    def __post_init__(self) -> None:
        """Refuse rates that do not divide and windows that look too far ahead."""
        exact_div(self.sample_rate, self.hop_length * self.fps)
        if self.look_ahead_s > 0.12:
            raise ValueError(
                f"window_ahead looks {self.look_ahead_s * 1000:.0f} ms ahead; 120 ms is the limit."
            )

    @property
    def mels_per_frame(self) -> int:
        """Mel steps per video frame."""
        return exact_div(self.sample_rate, self.hop_length * self.fps)

    @property
    def samples_per_frame(self) -> int:
        """Audio samples per video frame."""
        return exact_div(self.sample_rate, self.fps)

    @property
    def look_ahead_s(self) -> float:
        """Seconds of sound after a frame's start that its window hears."""
        steps = (self.window_ahead - 1) * self.hop_length
        half = self.win_length // 2 - self.early_samples
        return (self.samples_per_frame // 2 + steps + half) / self.sample_rate

    @property
    def window_mels(self) -> int:
        """Mel steps in one window."""
        return self.window_past + self.window_ahead


@dataclass(frozen=True, config=_STRICT)
class CropConfig:
    """Where the square face crop lies in a frame."""

    scale: float = 1.7
    """Side of the crop over the longer side of the box around the landmarks."""
    rise: float = 0.08
    """Share of the crop's side by which its centre lies above the centre of that box."""
    size: int = 256
    """Side of packed crops (px)."""


@dataclass(frozen=True, config=_STRICT)
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
    hidden_width: int = 128
    """Width of hidden layers in heads, and of the eye encoder's hidden feature."""
    speech_channels: tuple[int, ...] = (24, 40, 80, 112)
    """Channels of the speech encoder at 1/2, 1/4, 1/8 and 1/16 of the mel bands."""
    lip_width: int = 32
    """Width of the lip code."""


@dataclass(frozen=True, config=_STRICT)
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


@dataclass(frozen=True, config=_STRICT)
class LandmarkConfig:
    """How a face's landmarks are taken apart where landmarks drive the generator."""

    face_expressions: int = 14
    """Expression coefficients of brows, eyes and cheeks: the first of the expression code."""
    lip_expressions: int = 12
    """Expression coefficients of lips and jaw: the first of the lip code."""


@dataclass(frozen=True, config=_STRICT)
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


@dataclass(frozen=True, config=_STRICT)
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


FAST = ModelConfig(preset="fast")
FAST_128 = ModelConfig(
    preset="fast-128",
    generator=GeneratorConfig(
        image_size=128, channels=(192, 160, 112, 64, 32), source_channels=(160, 128, 96, 48, 24)
    ),
)
TINY = ModelConfig(
    preset="tiny",
    generator=GeneratorConfig(
        image_size=64,
        analysis_size=64,
        channels=(32, 24, 16, 12),
        source_channels=(32, 24, 16, 8),
        appearance_width=32,
        style_width=32,
    ),
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
    generator=GeneratorConfig(
        driver="landmarks",
        identity=("adain",),
        image_size=64,
        analysis_size=64,
        base_size=8,
        channels=(32, 24, 16, 12),
        source_channels=(32, 24, 12, 0),
        appearance_width=32,
        style_width=32,
    ),
    encoders=_TINY_LANDMARK_ENCODERS,
    landmarks=LandmarkConfig(),
)
MARIONETTE_TINY = ModelConfig(
    preset="marionette-tiny",
    generator=GeneratorConfig(
        driver="landmarks",
        identity=("attention", "alignment"),
        image_size=64,
        analysis_size=64,
        base_size=8,
        channels=(32, 24, 16, 12),
        source_channels=(32, 24, 16, 12),
        appearance_width=32,
        style_width=32,
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
    generator=GeneratorConfig(
        identity=("adain",),
        image_size=64,
        analysis_size=64,
        channels=(32, 24, 16, 12),
        source_channels=(32, 24, 16, 8),
        appearance_width=32,
        style_width=32,
    ),
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


@dataclass(frozen=True, config=_STRICT)
class SuppliedTeacher:
    """A teacher that the user supplies."""

    kind: Literal["vgg19", "vggface", "emotion", "gaze"]
    """What it judges; `emotion` and `gaze` are networks written by torch.export."""
    path: str
    """Its file."""
    sha256: str
    """Checksum of the file."""
    licence: str
    """Under which licence it was trained and may be used; travels with the weights it teaches."""
    side: int = 224
    """Side of its input (px), for emotion and gaze."""
    weight: float = 1.0
    """Weight beside other teachers."""

    def __post_init__(self) -> None:
        """Refuse a teacher without a licence."""
        if not self.licence.strip():
            raise ValueError("licence must name the teacher's licence.")


@dataclass(frozen=True, config=_STRICT)
class TrainConfig:
    """One training stage's run."""

    steps: int = 1000
    """Optimizer steps of the stage."""
    batch_size: int = 16
    """Samples per step, over all processes."""
    parts: int = 1
    """Parts in which a batch is drawn and which processes share (at least one each): runs with the
    same parts see the same samples, on however many processes."""
    learning_rate: float = 2e-4
    """Peak learning rate of what the stage trains."""
    adversary_learning_rate: float = 4e-4
    """Learning rate of the discriminator."""
    adversary_steps: int = 1
    """Steps of the discriminator for each of the model."""
    shots: int = 8
    """Source frames of an episode in the meta stages: K."""
    teachers: tuple[SuppliedTeacher, ...] = ()
    """Supplied teachers of the stages that make pictures, beside those of stage teachers."""
    vgg19: str | None = None
    """File with VGG19's convolutions for the content loss of the meta stages, where supplied."""
    vggface: str | None = None
    """Likewise VGGFace's."""
    trunk_steps: int = 0
    """First steps of stage appearance, in which the trunk learns the tracker's numbers alone."""
    adversary_start: int = 0
    """Step from which the discriminator takes part."""
    warmup_steps: int = 100
    """Steps over which the learning rate rises."""
    final_learning_rate: float = 0.1
    """Learning rate at the last step over the peak (cosine in between)."""
    ema_decay: float = 0.999
    """Decay of the averaged weights."""
    clip_norm: float = 5.0
    """Largest gradient norm."""
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    """Arithmetic of the forward passes."""
    seed: int = 0
    """Seed of initialisation, sampling and augmentation."""
    checkpoint_every: int = 500
    """Steps between two checkpoints."""
    sample_every: int = 500
    """Steps between two sample grids."""
    log_every: int = 20
    """Steps between two lines of scalars."""
    person_cap: float = 0.25
    """Largest share of a batch that one person may take where appearance is trained."""
    alarm_after: int = 500
    """Step from which a contrastive loss that sits at chance is reported."""
    alarm_gain: float = 0.05
    """Retrieval above chance, as a share of what is possible, that counts as learned."""

    def __post_init__(self) -> None:
        """Refuse shares and counts that make no sense."""
        if not 0 < self.person_cap <= 1:
            raise ValueError("person_cap must be above 0 and at most 1.")
        if self.steps < 1 or self.batch_size < 1:
            raise ValueError("steps and batch_size must be at least 1.")
        if self.parts < 1 or self.batch_size % self.parts:
            raise ValueError("batch_size must be a multiple of parts.")
        if min(self.checkpoint_every, self.sample_every, self.log_every) < 1:
            raise ValueError("checkpoint_every, sample_every and log_every must be at least 1.")
        if not 0 <= self.ema_decay < 1 or self.clip_norm <= 0:
            raise ValueError("ema_decay must lie in [0, 1) and clip_norm be above 0.")
        if self.adversary_steps < 1 or self.shots < 1:
            raise ValueError("adversary_steps and shots must be at least 1.")


def to_json(config: Any) -> dict[str, Any]:
    """Turn a configuration into plain JSON values."""
    return asdict(config)


def from_json(kind: type[T], values: dict[str, Any], origin: str) -> T:
    """Read a configuration back and validate it.

    Args:
        kind: the configuration's class.
        values: what `to_json` gave.
        origin: file that the values came from, for the error.

    Raises:
        InputError: a key is unknown, missing or out of range.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{origin}: the configuration does not fit this version of pdfgc at {where!r} "
            f"({first['msg']}); use the version that wrote it."
        ) from error
