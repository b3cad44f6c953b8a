"""Source images as the model takes them, and crops of them to tune on."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from pdfgc.avatar.encoding import CodeReader, joined, to_tensor
from pdfgc.avatar.source import Sources
from pdfgc.training.finetuning import Shots

# An image is also seen a little larger, smaller and elsewhere: so there is something to learn.
_CROPS = 3
_SHIFT, _ZOOM = 0.06, 0.08


def pictures_of(sources: Sources, reader: CodeReader) -> Tensor:
    """(K, 3, S, S) RGB in [-1, 1], what the model sees of source images."""
    side = reader.loaded.model.config.generator.image_size
    crops = [
        reader.cut(image, crop, side)
        for image, crop in zip(sources.images, sources.crops, strict=True)
    ]
    return to_tensor(np.stack(crops), reader.loaded.device)


def shots_of(sources: Sources, reader: CodeReader, *, seed: int) -> Shots:
    """Each image as it is and in jittered crops, with the codes of each crop.

    Args:
        sources: images with their crops.
        reader: reads codes.
        seed: of the jitter.
    """
    chance = np.random.default_rng(seed)
    images, crops, numbers = [], [], []
    for number, (image, crop) in enumerate(zip(sources.images, sources.crops, strict=True)):
        for variant in range(1 + _CROPS):
            place = np.array(crop, np.float32)
            if variant:
                place[:2] += chance.uniform(-_SHIFT, _SHIFT, 2) * crop[2]
                place[2] *= np.exp(chance.uniform(-_ZOOM, _ZOOM))
            images.append(image)
            crops.append(place)
            numbers.append(number)
    codes = reader.images(images, np.stack(crops))
    every = Sources(tuple(images), np.stack(crops), codes)
    return Shots(pictures_of(every, reader), joined(codes, reader.loaded.device), tuple(numbers))
