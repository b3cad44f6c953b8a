"""Fail when a part of a preset became slower or larger than what was accepted.

python benchmarks/gate.py            # exit status 1 and a list of what is worse
python benchmarks/gate.py --accept   # write what was measured into accepted.json

The shortest time of several rounds is put over the fixed operation's shortest time of the same
rounds, on one thread: other load on the machine can only lengthen a time, so the shortest ones are
the least touched by it. What looks worse is measured again, twice at most. A part fails when its
ratio exceeds the accepted one by the tolerance in `accepted.json`; arithmetic and parameters, which
have no noise, by 1 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from pdfgc.evaluation.bench import random_model, sizes
from pdfgc.evaluation.speed import time_all
from pdfgc.files import writing
from pdfgc.media import read_audio, read_image

HERE = Path(__file__).resolve().parent
ACCEPTED = HERE / "accepted.json"
EXAMPLES = HERE.parent / "examples"
PRESETS, ROUNDS, SAMPLES = ("tiny", "fast"), 2, 8_000
TOLERANCE = 2.0
AGAIN = 2  # rounds of doubt: only what is worse every time fails
_FIXED, _EXACT = "fixed operation", 1.01


def measure(presets: tuple[str, ...], rounds: int) -> dict[str, dict[str, float]]:
    """Ratios, GFLOPs and parameters by preset."""
    torch.set_num_threads(1)
    image = read_image(EXAMPLES / "astronaut.jpg")
    sound = read_audio(EXAMPLES / "speech.flac")[:SAMPLES]
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for preset in presets:
            loaded = random_model(preset, "cpu", Path(folder))
            best: dict[str, float] = {}
            for _ in range(rounds):
                for each in time_all(loaded, image, sound):
                    name = _FIXED if each.what.startswith(_FIXED) else each.what
                    best[name] = min(best.get(name, each.best_ms), each.best_ms)
            fixed = best.pop(_FIXED)
            found[preset] = {f"ratio: {what}": ms / fixed for what, ms in best.items()}
            for size in sizes(preset):
                found[preset][f"GFLOPs: {size.what}"] = size.gflops
                found[preset][f"parameters: {size.what}"] = size.parameters
    return found


def best_of(
    one: dict[str, dict[str, float]], two: dict[str, dict[str, float]]
) -> dict[str, dict[str, float]]:
    """The smaller of each value."""
    return {
        preset: {name: min(value, two[preset][name]) for name, value in values.items()}
        for preset, values in one.items()
    }


def worse(found: dict[str, dict[str, float]], accepted: dict[str, Any]) -> list[str]:
    """What exceeds the accepted values, and what is missing on either side; one line each."""
    lines = []
    for preset, values in accepted["presets"].items():
        for name in sorted({*values, *found.get(preset, {})}):
            if name not in values or name not in found.get(preset, {}):
                lines.append(f"{preset}, {name}: is on one side only; accept it anew")
                continue
            limit = accepted["tolerance"] if name.startswith("ratio") else _EXACT
            if found[preset][name] > values[name] * limit:
                lines.append(
                    f"{preset}, {name}: {found[preset][name]:.3g}, accepted {values[name]:.3g} "
                    f"(at most x {limit:g})"
                )
    return lines


def main() -> None:
    """Measure, then compare or accept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--accept", action="store_true", help="write what was measured")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    found = measure(PRESETS, given.rounds)
    if given.accept:
        rounded = {
            preset: {name: float(f"{value:.4g}") for name, value in values.items()}
            for preset, values in found.items()
        }
        with writing(ACCEPTED) as partial:
            text = json.dumps({"tolerance": TOLERANCE, "presets": rounded}, indent=1)
            partial.write_text(text + "\n", encoding="utf-8")
        return
    accepted = json.loads(ACCEPTED.read_text(encoding="utf-8"))
    for _ in range(AGAIN):
        if worse(found, accepted):
            found = best_of(found, measure(PRESETS, given.rounds))
    lines = worse(found, accepted)
    for line in lines:
        print(line)
    print(f"{sum(map(len, found.values()))} values measured, {len(lines)} worse than accepted")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
