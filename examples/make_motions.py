"""Rebuild the bundled motions after the weights have changed.

python examples/make_motions.py --out weights/motions

The nod and the look around are numbers. The smile is the change of the neutral expression by which
the expression encoder sees the mouth widen and the brows rise a little.
"""

from __future__ import annotations

import argparse
from math import radians
from pathlib import Path

import numpy as np
import torch

from pdfgc import Avatar
from pdfgc.motion import Motion

HERE = Path(__file__).parent
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("motions"))
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)

avatar = Avatar.from_images([HERE / "astronaut.jpg"])


def keys(*angles: tuple[float, float, float]) -> list[tuple[float, tuple[float, ...]]]:
    """One key every half second, from degrees."""
    return [(0.5 * i, tuple(radians(a) for a in each)) for i, each in enumerate(angles)]


still = {"blink": 1.0, "gaze": (0.0, 0.0)}
nod: Motion = avatar.motion(pose=keys((0, 0, 0), (0, -14, 0), (0, 6, 0), (0, 0, 0)), **still)
nod.save(options.out / "nod.motion.safetensors")
look = [(0.0, (0.0, 0.0)), (0.6, (0.4, 0.0)), (1.4, (-0.4, 0.0)), (2.0, (0.0, 0.2)), (2.6, (0, 0))]
avatar.motion(gaze=look, blink=1.0, pose=(0, 0, 0)).save(options.out / "look.motion.safetensors")
encoder = avatar.model.encoders.expression
share = 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, 63))
face = torch.from_numpy(share[:, None] * np.array([0.03, 0.10])).float()
neutral = avatar.model.rest_expression.cpu()
smile = avatar.motion(expression=(neutral + encoder.towards(face)).numpy(), pose=(0, 0, 0), **still)
smile.save(options.out / "smile.motion.safetensors")
