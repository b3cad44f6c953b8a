"""What drawing a frame costs, operation by operation, and whether other ways to draw it pay.

    python benchmarks/drawing.py --out drawing.json
    python benchmarks/drawing.py --compile --openvino --out drawing.json

From codes to pixels on one thread: the generator as it is, with every channel by itself, in
bfloat16, and, if asked for, by `torch.compile` and OpenVINO; one frame and four at a time. Ways
take turns, and what counts is the least processor time of each, which other work on the machine
touches little. Of each way also: how far its pixels are from those of the first, and what it costs
once.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from pdfgc import Avatar
from pdfgc.avatar.encoding import joined
from pdfgc.avatar.openvino_drawing import OpenVinoDrawing
from pdfgc.evaluation.report import origin, table
from pdfgc.evaluation.speed import processor
from pdfgc.files import writing
from pdfgc.weights import DEFAULT, load_model

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
BATCHES = (1, 4)
Way = Callable[[int], Tensor]


def main() -> None:
    """Measure every way, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default=DEFAULT, help="file or packaged name")
    parser.add_argument("--source", type=Path, default=EXAMPLES / "astronaut.jpg")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--compile", action="store_true", help="also by torch.compile")
    parser.add_argument("--openvino", action="store_true", help="also by OpenVINO")
    parser.add_argument("--out", type=Path, help="file for the figures")
    given = parser.parse_args()
    torch.set_num_threads(1)
    loaded = load_model(given.weights, "cpu")
    avatar = Avatar.from_images(given.source, weights=loaded)
    codes = joined(avatar.motion(duration_s=1.0), torch.device("cpu"))
    source = joined(avatar.source, torch.device("cpu"))[None]
    generator = loaded.model.generator
    image = avatar.animate(duration_s=0.04, crop=True)._painter.appearance

    def way(draw: Callable[..., Tensor]) -> Way:
        return lambda n: draw(image.expand(n), source.expand(n, -1, -1), codes[:n])

    planar = copy.deepcopy(generator).to(memory_format=torch.contiguous_format)

    def half(*given: Any) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            made: Tensor = generator(*given).image
        return made

    ways = {
        "as it is": way(lambda *given: generator(*given).image),
        "channels apart": way(lambda *given: planar(*given).image),
        "bfloat16": way(half),
    }
    if given.compile:
        compiled = torch.compile(generator)
        ways["torch.compile"] = way(lambda *given: compiled(*given).image)
    once = dict.fromkeys(ways, 0.0)
    if given.openvino:
        began = time.perf_counter()
        ways["OpenVINO"] = way(OpenVinoDrawing(loaded.model, 1))
        once["OpenVINO"] = time.perf_counter() - began
    with torch.inference_mode():
        found = measured(ways, once, given.rounds)
        costs = operations(ways["as it is"])
    print(
        table(
            ("way", *next(iter(found.values()))), [(n, *row.values()) for n, row in found.items()]
        )
    )
    print(table(("operation", "share"), [(name, f"{share:.3f}") for name, share in costs.items()]))
    made = {"ways": found, "operations": costs, **processor(loaded.device), **origin(loaded)}
    if given.out:
        with writing(given.out) as partial:
            partial.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def measured(
    ways: dict[str, Way], once: dict[str, float], rounds: int
) -> dict[str, dict[str, str]]:
    """Of each way: processor time of a frame, its ratio to the first's, difference, time once."""
    wanted = next(iter(ways.values()))(BATCHES[-1])
    apart: dict[str, float] = {}
    for name, draw in ways.items():
        began = time.perf_counter()
        made = [draw(n) for n in BATCHES][-1].float()
        if name == "torch.compile":
            once[name] = time.perf_counter() - began
        apart[name] = float((made - wanted).abs().max()) * 127.5
    best: dict[tuple[str, int], float] = {}
    for _ in range(rounds):
        for name, draw in ways.items():
            for n in BATCHES:
                began = time.process_time()
                draw(n)
                spent = (time.process_time() - began) / n * 1000
                best[name, n] = min(best.get((name, n), spent), spent)
    first = best[next(iter(ways)), 1]
    return {
        name: {
            **{f"ms, {n} at a time": f"{best[name, n]:.1f}" for n in BATCHES},
            **{f"ratio, {n}": f"{best[name, n] / first:.2f}" for n in BATCHES},
            "grey levels apart": f"{apart[name]:.3f}",
            "once, s": f"{once[name]:.1f}",
        }
        for name in ways
    }


def operations(draw: Way, most: int = 8) -> dict[str, float]:
    """Share of the costliest operations."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        draw(BATCHES[-1])
    rows = seen.key_averages()
    whole = sum(row.self_cpu_time_total for row in rows)
    ordered = sorted(rows, key=lambda row: -row.self_cpu_time_total)[:most]
    return {row.key: row.self_cpu_time_total / whole for row in ordered}


if __name__ == "__main__":
    main()
