"""Teachers that the user supplies: checked against a checksum, their licence named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from pdfgc.config import SuppliedTeacher
from pdfgc.errors import InputError
from pdfgc.teachers.interface import Teacher
from pdfgc.teachers.vgg import VggFeatures, vgg19, vggface


class VggTeacher(Teacher):
    """L1 over five layers, summed and weighted (few-shot paper, section 3.4).

    Args:
        network: VGG19 or VGGFace.
        weight: 1e-2 and 2e-3 in the paper.
    """

    def __init__(self, network: VggFeatures, weight: float) -> None:
        self.network, self.weight = network, weight

    def difference(self, image: Tensor, target: Tensor) -> Tensor:
        """Weighted sum of L1 over the layers."""
        self.network.to(image.device)
        pairs = zip(self.network(image), self.network(target), strict=True)
        return self.weight * sum(
            (F.l1_loss(made, real) for made, real in pairs), start=0 * image.sum()
        )


class ScriptedTeacher(Teacher):
    """L1 between what a network of the user says of two pictures, relative to its size.

    An EMOCA-style emotion network or a gaze network, exported with `torch.export` at some fixed
    side (`torch.export.save`, file .pt2): one float input (B, 3, side, side) RGB in [-1, 1], one
    float output (B, D).

    Args:
        path: the file.
        side: side of its input (px).
        weight: of the loss.
    """

    def __init__(self, path: Path, side: int, weight: float) -> None:
        self.side, self.weight = side, weight
        try:
            self.network = torch.export.load(str(path)).module()
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            raise InputError(
                f"{path}: is no exported network ({error}); write it with torch.export.save."
            ) from error
        self.network.requires_grad_(False)

    def difference(self, image: Tensor, target: Tensor) -> Tensor:
        """Weighted relative L1."""
        self.network.to(image.device)
        small = [
            F.interpolate(picture.float(), size=(self.side, self.side), mode="area")
            for picture in (image, target)
        ]
        made, real = self.network(small[0]), self.network(small[1]).detach()
        loss: Tensor = self.weight * F.l1_loss(made, real) / real.abs().mean().clamp(min=1e-3)
        return loss


def supplied_teacher(config: SuppliedTeacher) -> Teacher:
    """Load one supplied teacher.

    Raises:
        InputError: the file is missing, its checksum differs, or it holds something else.
    """
    path = Path(config.path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give the {config.kind} teacher's file.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != config.sha256.lower():
        raise InputError(
            f"{path}: has the checksum {found[:12]}..., not {config.sha256[:12]}...; get the file "
            f"again, or give its own sha256."
        )
    if config.kind == "vgg19":
        return VggTeacher(vgg19(path), 1e-2 * config.weight)
    if config.kind == "vggface":
        return VggTeacher(vggface(path), 2e-3 * config.weight)
    return ScriptedTeacher(path, config.side, config.weight)
