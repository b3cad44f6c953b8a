"""Rebuild the bundled motions after the weights have changed.

python examples/make_motions.py --out weights/motions

The nod and the look around are numbers, and so is the smile: the neutral expression with the mouth
drawn apart and the brows raised a little.
"""

import argparse
from math import radians
from pathlib import Path

import numpy as np

from pdfgc import Avatar
from pdfgc.motion import FACE_STEP

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("motions"))
out = parser.parse_args().out
out.mkdir(parents=True, exist_ok=True)

avatar = Avatar.from_images([Path(__file__).with_name("astronaut.jpg")])
still = {"blink": 1.0, "gaze": (0.0, 0.0)}

angles = [(0, 0, 0), (0, -14, 0), (0, 6, 0), (0, 0, 0)]
nod = [(0.5 * i, tuple(radians(a) for a in each)) for i, each in enumerate(angles)]
avatar.motion(pose=nod, **still).save(out / "nod.motion.safetensors")

look = [(0.0, (0.0, 0.0)), (0.6, (0.4, 0.0)), (1.4, (-0.4, 0.0)), (2.0, (0.0, 0.2)), (2.6, (0, 0))]
avatar.motion(gaze=look, blink=1.0, pose=(0, 0, 0)).save(out / "look.motion.safetensors")

share = 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, 63))
smiling = avatar.model.rest_expression.cpu().numpy() + np.zeros((63, 1), np.float32)
# The first two values raise the brows and draw the mouth apart.
smiling[:, :2] += share[:, None] * np.array([0.03, 0.10]) / FACE_STEP
smile = avatar.motion(expression=smiling, pose=(0, 0, 0), **still)
smile.save(out / "smile.motion.safetensors")
