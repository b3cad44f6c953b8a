"""Self-reenactment on a pack: one JSON, a table in Markdown and a sheet of pictures.

python benchmarks/quality.py --data packed-val --weights default --out results
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

from pdfgc.evaluation.reenactment import MAX_FRAMES, reenact
from pdfgc.evaluation.rendering import renderer_for
from pdfgc.evaluation.report import (
    as_json,
    as_markdown,
    contact_sheet,
    origin,
    summarise,
    write_json,
    write_picture,
)
from pdfgc.files import writing
from pdfgc.tracking import MediaPipeBackend
from pdfgc.training.shards import ShardIndex
from pdfgc.weights import DEFAULT, load_model

SEED = 0


def main() -> None:
    """Run the protocol and write what it gave."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="pack of persons never trained on")
    parser.add_argument("--weights", default=DEFAULT, help="file or packaged name")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--name", default="reenactment", help="how the files in it begin")
    parser.add_argument("--preset", help="larger model to put the weights into")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frames", type=int, default=MAX_FRAMES, help="of each clip, at most")
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    loaded = load_model(given.weights, given.device, preset=given.preset)
    backend = MediaPipeBackend()
    results = reenact(
        given.data,
        renderer_for(loaded),
        backend=backend,
        max_frames=given.frames,
        progress=lambda line: print(line, file=sys.stderr),
    )
    summary = summarise(results, seed=SEED)
    about = origin(loaded) | {
        "data": {
            "digest": ShardIndex(given.data).digest,
            "clips": len(results),
            "persons": len({each.person for each in results}),
            "frames": sum(each.frames for each in results),
        },
        "settings": {
            "frames_per_clip": given.frames,
            "seed": SEED,
            "device": given.device,
            "threads": given.threads,
            "tracker": backend.name,
            "seconds": round(time.perf_counter() - started, 1),
        },
    }
    write_json(as_json(results, summary, about), given.out / f"{given.name}.json")
    table = as_markdown(summary)
    with writing(given.out / f"{given.name}.md") as partial:
        partial.write_text(table, encoding="utf-8")
    write_picture(contact_sheet(results), given.out / f"{given.name}.png")
    print(table)


if __name__ == "__main__":
    main()
