"""The source images: upright, with one face each, its crop and its own codes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pdfgc.avatar.encoding import CodeReader
from pdfgc.errors import InputError
from pdfgc.files import writing
from pdfgc.media import read_image
from pdfgc.motion import FACTORS, Motion
from pdfgc.tracking import Choice, track_image
from pdfgc.training.tuned import TunedState

Image = str | os.PathLike[str] | NDArray[np.uint8]

MIN_FACE_PX = 40
"""A smaller face (longer side of the box around its landmarks) shows too little to be animated."""

_FORMAT = "pdfgc.avatar/1"
_TUNED = "tuned."


@dataclass(frozen=True)
class Sources:
    """What an avatar is made of.

    Attributes:
        images: K times (H, W, 3) uint8 RGB; the animated head is pasted into the first.
        crops: (K, C) float32, rows of `CodeReader.crops`: centre x, centre y, side in px, and the
            angle where the model has one.
        codes: K frames, the codes of each image itself.
    """

    images: tuple[NDArray[np.uint8], ...]
    crops: NDArray[np.float32]
    codes: Motion

    @classmethod
    def read(cls, images: Image | Sequence[Image], reader: CodeReader, face: Choice) -> Sources:
        """Read, track and encode source images.

        Raises:
            InputError: an image cannot be read, shows no face, several and no choice, or one that
                is too small.
        """
        given = [images] if isinstance(images, str | os.PathLike | np.ndarray) else list(images)
        if not given:
            raise InputError("An avatar needs at least one source image; none was given.")
        pictures, crops = [], []
        for number, each in enumerate(given):
            if isinstance(each, np.ndarray):
                name, picture = f"source image {number}", _checked(each, number)
            else:
                name, picture = str(each), read_image(each)
            track = track_image(
                picture,
                backend=reader.backend,
                choose=face,
                crop=reader.loaded.model.config.crop,
                name=name,
            )
            box = track.box[0]
            side = float(max(box[2] - box[0], box[3] - box[1]))
            if side < MIN_FACE_PX:
                raise InputError(
                    f"{name}: the face is {side:.0f} px large, at least {MIN_FACE_PX} px are "
                    f"needed; give a larger picture of it."
                )
            pictures.append(picture)
            crops.append(reader.crops(track)[0])
        places = np.stack(crops)
        return cls(tuple(pictures), places, reader.images(pictures, places))

    def save(self, path: str | os.PathLike[str], tuned: TunedState | None = None) -> None:
        """Write an `.avatar.safetensors` file.

        Args:
            path: where to.
            tuned: what tuning changed in the model, kept with it.

        Raises:
            InputError: the place cannot be written.
        """
        tensors = {f"image.{k}": np.ascontiguousarray(i) for k, i in enumerate(self.images)}
        tensors["crops"] = np.ascontiguousarray(self.crops)
        tensors |= {f"codes.{n}": np.ascontiguousarray(getattr(self.codes, n)) for n in FACTORS}
        head: dict[str, object] = {
            "format": _FORMAT,
            "images": len(self.images),
            "model_id": self.codes.model_id,
            "fps": self.codes.fps,
        }
        if tuned is not None:
            tensors |= {f"{_TUNED}{n}": v.numpy() for n, v in tuned.tensors.items()}
            head["tuned_for"] = tuned.model_id
        with writing(path) as partial:
            # Written by Python, so that a full disk is an OSError like everywhere.
            partial.write_bytes(save(tensors, {"pdfgc": json.dumps(head)}))

    @classmethod
    def load(cls, path: str | os.PathLike[str], reader: CodeReader) -> Sources:
        """Read what `save` wrote; codes of another model are made anew from the images.

        Raises:
            InputError: the file is missing, damaged or no avatar.
        """
        if not Path(path).is_file():
            raise InputError(f"{path}: there is no such avatar file; check the name.")
        try:
            with safe_open(path, framework="numpy") as file:
                head = json.loads((file.metadata() or {}).get("pdfgc", "{}"))
                if head.get("format") != _FORMAT:
                    raise InputError(f"{path}: holds no avatar; give an .avatar.safetensors.")
                images = tuple(file.get_tensor(f"image.{k}") for k in range(head["images"]))
                crops = file.get_tensor("crops")
                rows = {name: file.get_tensor(f"codes.{name}") for name in FACTORS}
        except (SafetensorError, OSError, json.JSONDecodeError, KeyError) as error:
            raise InputError(
                f"{path}: is no readable avatar file ({error}); make it again."
            ) from error
        if head["model_id"] != reader.loaded.model_id:
            if crops.shape[1] != reader.crop_width:
                crops = _recropped(images, crops, reader)
            return cls(images, crops, reader.images(list(images), crops))
        codes = Motion(
            **rows, fps=head["fps"], model_id=head["model_id"], own_units=reader.own_units
        )
        return cls(images, crops, codes)


def tuned_state(path: str | os.PathLike[str]) -> TunedState | None:
    """What tuning changed, in a file that `Sources.save` wrote and `Sources.load` has read."""
    with safe_open(path, framework="pt") as file:
        head = json.loads((file.metadata() or {})["pdfgc"])
        if "tuned_for" not in head:
            return None
        names = [name for name in file.keys() if name.startswith(_TUNED)]  # noqa: SIM118
        tensors = {name.removeprefix(_TUNED): file.get_tensor(name) for name in names}
        return TunedState(head["tuned_for"], tensors)


def _recropped(
    images: tuple[NDArray[np.uint8], ...], crops: NDArray[np.float32], reader: CodeReader
) -> NDArray[np.float32]:
    """The reader's own crops of the faces that lie in the crops of another model."""
    found = []
    for number, (image, crop) in enumerate(zip(images, crops, strict=True)):
        x, y, half = float(crop[0]), float(crop[1]), float(crop[2]) / 2
        track = track_image(
            image,
            backend=reader.backend,
            choose=(x - half, y - half, x + half, y + half),
            crop=reader.loaded.model.config.crop,
            name=f"source image {number}",
        )
        found.append(reader.crops(track)[0])
    return np.stack(found)


def _checked(image: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(
            f"Source image {number} is {image.dtype} {image.shape}; give (H, W, 3) uint8 RGB."
        )
    return np.ascontiguousarray(image)
