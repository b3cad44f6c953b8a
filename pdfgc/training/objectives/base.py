"""What every objective is: batches in, named losses out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from pdfgc.config import TrainConfig
from pdfgc.model import TalkingHead
from pdfgc.teachers.interface import Teacher
from pdfgc.training.adversary import Adversary
from pdfgc.training.batches import (
    Batch,
)
from pdfgc.training.sampler import Sampler


@dataclass(frozen=True)
class Pictures:
    """What a generator made in one pass.

    Attributes:
        image: (B, 3, S, S) made pictures.
        target: (B, 3, S, S) what they should look like.
        person: (B,) numbers of the persons.
    """

    image: Tensor
    target: Tensor
    person: Tensor


@dataclass(frozen=True)
class Outcome:
    """What one forward pass of an objective gives.

    Attributes:
        losses: unweighted losses by name; every name has a weight in the stage's row.
        scalars: figures to log beside them.
        pictures: what was made, for the adversary, where anything was.
        columns: pictures for the sample grid, (B, 3, S, S) each.
    """

    losses: dict[str, Tensor]
    scalars: dict[str, Tensor] = field(default_factory=dict)
    pictures: Pictures | None = None
    columns: tuple[Tensor, ...] = ()


class Objective(nn.Module, ABC):
    """A stage's losses, with the parts that only training needs.

    Args:
        model: the model that is trained.
        sampler: where batches come from.
        config: how the stage is run.
    """

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.adversary: Adversary | None = None
        self.teachers: Sequence[Teacher] = ()
        # Kept out of the module tree: the model has its own place in checkpoints.
        self._parts = (model, sampler)

    @property
    def model(self) -> TalkingHead:
        """The model that is trained."""
        return self._parts[0]

    @property
    def sampler(self) -> Sampler:
        """Where batches come from."""
        return self._parts[1]

    @abstractmethod
    def draw(self, step: int, size: int) -> Batch:
        """Draw the batch of a step."""

    @abstractmethod
    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Run the model and compute the losses.

        Args:
            batch: what `draw` gave.
            adversarial: whether the discriminator takes part yet.
        """

    def prepare(self) -> None:
        """Compute what stays fixed during the stage."""

    def finish(self, model: TalkingHead) -> None:
        """Set what the stage leaves in the finished model (rest codes and the like)."""

    def leave(self, folder: Path) -> None:
        """Write what the stage leaves beside the model."""
