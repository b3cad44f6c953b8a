"""Samples per second of every stage and the share of waiting for data, one line of JSON each.

python benchmarks/training.py --data packed --preset fast-128 --steps 12 --out training.jsonl
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pdfgc.config import PRESETS
from pdfgc.evaluation.speed import fixed_operation, processor, time_ms
from pdfgc.files import writing
from pdfgc.training.stages import STAGES
from pdfgc.training.trainer import train
from pdfgc.weights import find_device


def main() -> None:
    """Run a few steps of each stage, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that pdfgc pack made")
    parser.add_argument("--preset", default="fast-128")
    parser.add_argument("--steps", type=int, default=12, help="of each stage; half warm up")
    parser.add_argument("--batch-size", type=int, default=None, help="by default each stage's")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="file for the lines")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = find_device(given.device)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for line in rates(given, Path(folder), device):
            lines.append(json.dumps(line | processor(device) | {"torch": torch.__version__}))
            print(lines[-1], flush=True)
    if given.out:
        with writing(given.out) as partial:
            partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rates(given: argparse.Namespace, out: Path, device: torch.device) -> Iterator[dict[str, Any]]:
    """Every stage's rate, all its losses taking part, beside the fixed operation's time."""
    half = max(1, given.steps // 2)
    for name, row in STAGES.items():
        if row.driver != PRESETS[given.preset].generator.driver:
            continue
        config = replace(
            row.defaults,
            steps=2 * half,
            batch_size=given.batch_size or row.defaults.batch_size,
            trunk_steps=0,
            adversary_start=0,
            log_every=half,
            sample_every=2 * half,
            checkpoint_every=2 * half,
        )
        before = fixed_ms(device)
        train(name, given.data, out, PRESETS[given.preset], config, device=device.type)
        fixed = (before + fixed_ms(device)) / 2
        scalars = json.loads((out / name / "scalars.jsonl").read_text().splitlines()[-1])
        rate = half * config.batch_size / scalars["seconds"]
        yield {
            "stage": name,
            "preset": given.preset,
            "samples_per_s": float(f"{rate:.4g}"),
            "ratio": float(f"{1000 / rate / fixed:.4g}"),
            "waiting": float(f"{scalars['waiting']:.3g}"),
            "fixed_ms": float(f"{fixed:.4g}"),
        }


def fixed_ms(device: torch.device) -> float:
    """Median time of the fixed operation (ms)."""
    return float(np.median(time_ms(fixed_operation(device), device)))


if __name__ == "__main__":
    main()
