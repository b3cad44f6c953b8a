"""Every knob turned alone on persons never seen: what was asked, measured, and leaked.

python benchmarks/knobs.py --data packed-val --weights default --out results
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from pdfgc.evaluation.knobs_report import knobs_markdown, knobs_sheet, summarise_knobs
from pdfgc.evaluation.report import FORMAT, origin, write_json, write_picture
from pdfgc.evaluation.turning import turn_all
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
    parser.add_argument("--name", default="knobs", help="how the files in it begin")
    parser.add_argument("--preset", help="larger model to put the weights into")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--persons", type=int, default=6)
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    loaded = load_model(given.weights, given.device, preset=given.preset)
    backend = MediaPipeBackend()
    result = turn_all(
        given.data,
        loaded,
        backend=backend,
        persons=given.persons,
        progress=lambda line: print(line, file=sys.stderr),
    )
    summary = summarise_knobs(result, seed=SEED)
    about = {
        "format": FORMAT,
        "protocol": "knobs",
        **origin(loaded),
        "data": {"digest": ShardIndex(given.data).digest, "persons": len(result.sources)},
        "settings": {"seed": SEED, "device": given.device, "tracker": backend.name},
    }
    write_json(about | summary, given.out / f"{given.name}.json")
    text = knobs_markdown(summary)
    with writing(given.out / f"{given.name}.md") as partial:
        partial.write_text(text, encoding="utf-8")
    write_picture(
        knobs_sheet(result, loaded.model.config.generator.image_size),
        given.out / f"{given.name}.png",
    )
    print(text)


if __name__ == "__main__":
    main()
