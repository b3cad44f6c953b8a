"""Two steps of every stage, on as many processes as torchrun started; prints the scalars.

Run by `test_ranks.py`, alone and under torchrun: PACK OUT STAGE..., where `{stage}` in OUT stands
for the stage.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace

import torch

from pdfgc.config import PRESETS, TrainConfig
from pdfgc.training.trainer import train

CONFIG = TrainConfig(
    steps=3,
    batch_size=8,
    parts=2,
    adversary_start=1,
    warmup_steps=1,
    log_every=1,
    checkpoint_every=3,
    sample_every=3,
    learning_rate=1e-5,
    adversary_learning_rate=1e-5,
    precision="32-true",
)


def main() -> None:
    """Train, and print one line of JSON per step on the first process."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    pack, out, *stages = sys.argv[1:]
    for stage in stages:
        lines = []
        train(
            stage,
            pack,
            out.format(stage=stage),
            PRESETS["tiny"],
            replace(CONFIG, trunk_steps=1 if stage == "appearance" else 0),
            device="cpu",
            processes=int(os.environ.get("WORLD_SIZE", "1")),
            report=lambda step, steps, scalars, lines=lines: lines.append(scalars),
        )
        for line in lines:
            sys.stdout.write(json.dumps({"stage": stage} | line) + "\n")


if __name__ == "__main__":
    main()
