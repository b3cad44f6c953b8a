"""Our own small teachers: face geometry, gaze, expression and identity, on four light trunks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

import pdfgc.config as configs
from pdfgc.config import EncoderConfig
from pdfgc.encoders.layers import ImageTrunk, head
from pdfgc.errors import InputError
from pdfgc.files import writing
from pdfgc.teachers.interface import Teacher

EXPRESSION_SIGNS = 5
"""Brow height, distance of the brows, height of the mouth's corners, its width and its gap."""
IDENTITY_WIDTH = 64
_GEOMETRY_STEP = 4


def geometry_points(n_landmarks: int) -> Tensor:
    """Which landmarks the geometry teacher knows: every fourth of them."""
    return torch.arange(0, n_landmarks, _GEOMETRY_STEP)


@dataclass(frozen=True)
class Seen:
    """What the teachers say of pictures.

    Attributes:
        geometry: (B, P, 3) landmarks in crop coordinates.
        gaze: (B, 4) gaze yaw and pitch (rad), left and right openness.
        expression: (B, EXPRESSION_SIGNS) in head axes, against the person's own mean.
        identity: (B, IDENTITY_WIDTH) L2-normalised.
    """

    geometry: Tensor
    gaze: Tensor
    expression: Tensor
    identity: Tensor


class FaceNetworks(nn.Module):
    """Four light networks, each its own trunk: what one is about does not blur the others.

    Args:
        config: widths; those of the light trunks are used.
        n_landmarks: of the tracker.
    """

    def __init__(self, config: EncoderConfig, n_landmarks: int) -> None:
        super().__init__()
        self.config, self.n_landmarks = config, n_landmarks
        outputs = {
            "geometry": 3 * len(geometry_points(n_landmarks)),
            "gaze": 4,
            "expression": EXPRESSION_SIGNS,
            "identity": IDENTITY_WIDTH,
        }
        width = config.hidden_width
        self.trunks = nn.ModuleDict(
            {name: ImageTrunk(config.picture, config.light_channels, width) for name in outputs}
        )
        self.heads = nn.ModuleDict(
            {name: head(width, width, count) for name, count in outputs.items()}
        )

    def forward(self, image: Tensor) -> Seen:
        """(B, 3, image_size, image_size) RGB in [-1, 1] to what is seen."""
        out = {name: self.heads[name](trunk(image)).float() for name, trunk in self.trunks.items()}
        return Seen(
            geometry=out["geometry"].unflatten(1, (-1, 3)),
            gaze=out["gaze"],
            expression=out["expression"],
            identity=F.normalize(out["identity"], dim=1),
        )

    def maps(self, image: Tensor) -> list[Tensor]:
        """The trunks' maps of a picture, four levels each."""
        found: list[Tensor] = []
        for trunk in self.trunks.values():
            if not isinstance(trunk, ImageTrunk):
                raise TypeError("a teacher's trunk is no ImageTrunk")
            found.append(trunk.stem(image))
            for block in trunk.blocks:
                found.append(block(found[-1]))
        return found


class OwnTeacher(Teacher):
    """Perceptual loss over our own networks: relative L1 of their maps, and of what they say.

    As the few-shot paper's content loss (section 3.4), with faces in the place of ImageNet.

    Args:
        networks: trained.
    """

    def __init__(self, networks: FaceNetworks) -> None:
        self.networks = networks.eval().requires_grad_(False)

    def difference(self, image: Tensor, target: Tensor) -> Tensor:
        """Mean over the maps plus mean over geometry, gaze, expression and identity."""
        networks = self.networks.to(image.device)
        image, target = (_at(picture, networks.config.image_size) for picture in (image, target))
        with torch.no_grad():
            real, wanted = networks.maps(target), networks(target)
        made, seen = networks.maps(image), networks(image)
        maps = torch.stack(
            [
                F.l1_loss(a.float(), b.float()) / b.float().abs().mean().clamp(min=1e-3)
                for a, b in zip(made, real, strict=True)
            ]
        ).mean()
        said = (
            F.l1_loss(seen.geometry, wanted.geometry)
            + F.l1_loss(seen.gaze, wanted.gaze)
            + F.l1_loss(seen.expression, wanted.expression)
            + (1 - (seen.identity * wanted.identity).sum(1)).mean()
        )
        total: Tensor = maps + said
        return total


def _at(image: Tensor, side: int) -> Tensor:
    if image.shape[-1] == side:
        return image
    return F.interpolate(image, size=(side, side), mode="area")


def save_teachers(networks: FaceNetworks, path: str | os.PathLike[str]) -> None:
    """Write the networks as safetensors with their configuration."""
    import json

    tensors = {name: value.cpu().contiguous() for name, value in networks.state_dict().items()}
    about = json.dumps([configs.to_json(networks.config), networks.n_landmarks])
    with writing(path) as partial:
        save_file(tensors, str(partial), {"teachers": about})


def load_teachers(path: str | os.PathLike[str]) -> OwnTeacher:
    """Read networks that `save_teachers` wrote.

    Raises:
        InputError: the file is missing, damaged or holds something else.
    """
    import json

    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file; run pdfgc train teachers first.")
    try:
        with safe_open(str(path), "pt") as file:
            about: Mapping[str, str] = file.metadata() or {}
        shape, n_landmarks = json.loads(about["teachers"])
        networks = FaceNetworks(
            configs.from_json(EncoderConfig, shape, str(path)), int(n_landmarks)
        )
        networks.load_state_dict(load_file(str(path)))
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path}: holds no teachers ({error}); run pdfgc train teachers again."
        ) from error
    return OwnTeacher(networks)
