"""One training stage's run, and the teachers that a user supplies to it."""

from __future__ import annotations

from typing import Literal

from pydantic.dataclasses import dataclass

from pdfgc.config.strict import STRICT


@dataclass(frozen=True, config=STRICT)
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


@dataclass(frozen=True, config=STRICT)
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
        if self.seed < 0:
            raise ValueError("seed must be at least 0.")
        if self.adversary_steps < 1 or self.shots < 1:
            raise ValueError("adversary_steps and shots must be at least 1.")
