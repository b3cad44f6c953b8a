"""The content loss of the few-shot paper: L1 between features of teachers."""

from __future__ import annotations

import os
from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from pdfgc.config import TrainConfig
from pdfgc.encoders import MotionEncoder
from pdfgc.teachers.interface import Teacher as Teacher
from pdfgc.teachers.supplied import VggTeacher
from pdfgc.teachers.vgg import vgg19, vggface
from pdfgc.weights import DEFAULT, load_model, packaged


class TrunkTeacher(Teacher):
    """L1 over the maps of our own motion trunk, relative to their size.

    It was trained on the tracker's numbers, so that its features are about faces: no download is
    needed.

    Args:
        trunk: of trained weights.
    """

    def __init__(self, trunk: MotionEncoder) -> None:
        self.trunk = trunk.eval().requires_grad_(False)

    def difference(self, image: Tensor, target: Tensor) -> Tensor:
        """Mean relative L1 over stem and blocks."""
        self.trunk.to(image.device)
        made, real = self._maps(image), self._maps(target)
        total = image.new_zeros(())
        for a, b in zip(made, real, strict=True):
            total = total + F.l1_loss(a.float(), b.float()) / b.float().abs().mean().clamp(min=1e-3)
        return total / len(made)

    def _maps(self, image: Tensor) -> list[Tensor]:
        size = self.trunk.size
        if tuple(image.shape[-2:]) != size:
            image = F.interpolate(image, size=size, mode="bilinear", align_corners=False)
        maps = [self.trunk.stem(image)]
        for block in self.trunk.blocks:
            maps.append(block(maps[-1]))
        return maps


def teachers_for(config: TrainConfig) -> list[Teacher]:
    """VGG networks where they are supplied, else our own trunk of the packaged weights.

    Raises:
        InputError: a file of the configuration cannot be read.
    """
    supplied: list[Teacher] = []
    if config.vgg19:
        supplied.append(VggTeacher(vgg19(config.vgg19), 1e-2))
    if config.vggface:
        supplied.append(VggTeacher(vggface(config.vggface), 2e-3))
    return supplied or own_teachers()


def own_teachers(weights: str | os.PathLike[str] = DEFAULT) -> list[Teacher]:
    """The motion trunk of packaged weights; none where there are no such weights."""
    if str(weights) not in packaged():
        return []
    trunk = load_model(weights, "cpu").model.encoders.motion
    return [TrunkTeacher(trunk)]


def content(teachers: Sequence[Teacher], image: Tensor, target: Tensor) -> Tensor:
    """Sum of the teachers' differences; the pixels' L1 where there is no teacher."""
    if not teachers:
        return F.l1_loss(image, target)
    return sum(
        (teacher.difference(image, target) for teacher in teachers), start=image.new_zeros(())
    )
