"""Weights and inputs of the parity fixture, made by a formula from names and places alone.

Nobody's weights are in this repository. `parity.npz` holds, for every tensor of the released files,
the middle and the reach of what fills it, and samples of what the authors' code gave with it.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pdfgc.importers.pdfgc_official import NETWORKS, manifest

PARITY = Path(__file__).with_name("parity.npz")

# Constants of the splitmix64 generator.
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_PIECE = 1 << 16  # numbers made at a time: what fits into the processor's cache


def uniform(name: str, count: int) -> NDArray[np.float64]:
    """`count` numbers in [-1, 1), multiples of 2**-23, that follow from the name."""
    start = np.uint64(zlib.crc32(name.encode()) * _GOLDEN % 2**64)
    numbers = np.empty(count)
    for first in range(0, count, _PIECE):
        z = np.arange(first + 1, min(first + _PIECE, count) + 1, dtype=np.uint64)
        z *= np.uint64(_FIRST)
        z += start
        for shift, factor in ((30, _FIRST), (27, _SECOND)):
            z ^= z >> np.uint64(shift)
            z *= np.uint64(factor)
        z ^= z >> np.uint64(31)
        numbers[first : first + _PIECE] = (z >> np.uint64(40)).astype(np.float64)
    numbers *= 2.0**-23
    numbers -= 1.0
    return numbers


def filled(network: str) -> dict[str, torch.Tensor]:
    """A file of the release, filled by formula."""
    with np.load(PARITY) as parity:
        middles, reaches = parity[f"fill/{network}"].astype(np.float64)
    tensors = {}
    for (key, shape), middle, reach in zip(
        manifest()[network].items(), middles, reaches, strict=True
    ):
        if key.endswith("num_batches_tracked"):
            tensors[key] = torch.tensor(0)
        elif key.endswith(".kernel"):
            row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
            tensors[key] = torch.outer(row, row)
        else:
            numbers = uniform(f"net_{network}/{key}", int(np.prod(shape)))
            numbers *= reach
            numbers += middle
            tensors[key] = torch.from_numpy(numbers.astype(np.float32).reshape(shape))
    return tensors


def picture(number: int, side: int = 224) -> NDArray[np.uint8]:
    """Test picture of a number: (side, side, 3) uint8 RGB, zigzag waves."""
    y, x, c = np.mgrid[0:side, 0:side, 0:3]
    wave = x * (2 + c + number) + y * (3 + 2 * c + number)
    wave += ((x * y * (1 + number + c)) >> 6) + 40 * number + 60 * c
    wave %= 512
    return np.where(wave < 256, wave, 511 - wave).astype(np.uint8)


def sound(samples: int = 8000) -> NDArray[np.int16]:
    """Test sound: (samples,) int16 at 16 kHz, a tone, a sweep and a trembling high tone."""
    t = np.arange(samples) / 16_000
    tone = 0.30 * np.sin(2 * np.pi * 220 * t)
    sweep = 0.20 * np.sin(2 * np.pi * (400 * t + 900 * t * t))
    high = 0.10 * np.sin(2 * np.pi * 3100 * t) * (1 + np.sin(2 * np.pi * 6 * t))
    return np.round(20_000 * (tone + sweep + high)).astype(np.int16)


def condensed(name: str, values: NDArray[np.generic]) -> NDArray[np.float64]:
    """What is kept of an array: its reach, three weighted sums of all of it, samples."""
    flat = np.asarray(values, np.float64).ravel()
    reach = np.abs(flat).max()
    sums = [flat @ uniform(f"{name}/{n}", flat.size) / np.sqrt(flat.size) for n in range(3)]
    at = ((uniform(f"{name}/at", _SAMPLES) + 1) / 2 * flat.size).astype(np.int64)
    return np.concatenate([[reach], sums, flat[at]])


_SAMPLES = 200

__all__ = ["NETWORKS", "PARITY", "condensed", "filled", "picture", "sound", "uniform"]
