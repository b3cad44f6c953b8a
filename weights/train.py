"""The run that makes the bundled weights: every stage with the settings it was given.

python weights/train.py --data packed --out runs/fast-128

Goes on where it stopped. A stage in which somebody wants other settings is run with `pdfgc train`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pdfgc.config import PRESETS, TrainConfig
from pdfgc.training.trainer import train_all

RUNS = {
    "appearance": TrainConfig(
        steps=2400,
        batch_size=10,
        learning_rate=8e-4,
        ema_decay=0.998,
        trunk_steps=1000,
        adversary_start=2000,
    ),
    "lip": TrainConfig(steps=1400, batch_size=6, learning_rate=8e-4, ema_decay=0.995),
    "eye": TrainConfig(steps=1100, batch_size=14, learning_rate=1.5e-3, ema_decay=0.995),
    "pose": TrainConfig(steps=3000, batch_size=48, learning_rate=1.5e-3, ema_decay=0.998),
    "expression": TrainConfig(
        steps=4000,
        batch_size=10,
        learning_rate=7e-4,
        ema_decay=0.997,
        warmup_steps=60,
        adversary_start=2000,
    ),
}


def main() -> None:
    """Train all stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that pdfgc pack made")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()

    def report(stage: str, step: int, steps: int, scalars: dict[str, float]) -> None:
        shown = "  ".join(f"{name} {value:.4f}" for name, value in scalars.items())
        sys.stdout.write(f"{stage} {step}/{steps}  {shown}\n")

    train_all(given.data, given.out, PRESETS["fast-128"], RUNS, device=given.device, report=report)


if __name__ == "__main__":
    main()
