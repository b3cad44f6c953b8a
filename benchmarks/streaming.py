"""Streaming at real-time speed: frames on time, first frame, jitter; a table and one JSON object.

python benchmarks/streaming.py --weights default --threads 2 --seconds 6 --out streaming.json
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from options import demo_options

from pdfgc import Avatar
from pdfgc.evaluation.report import origin
from pdfgc.evaluation.speed import processor
from pdfgc.evaluation.streaming import stream_in_real_time
from pdfgc.evaluation.tables import table
from pdfgc.files import writing
from pdfgc.media import read_audio
from pdfgc.weights import load_model


def main() -> None:
    """Push a recording as a microphone would, and keep the times."""
    parser = demo_options(__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="of speech")
    parser.add_argument("--chunk-ms", type=float, default=20.0, help="of sound in each push")
    parser.add_argument("--crop", action="store_true", help="the model's crop, not pasted back")
    parser.add_argument("--openvino", action="store_true", help="draw with OpenVINO")
    parser.add_argument("--out", type=Path, help="file for the figures")
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    loaded = load_model(given.weights, given.device)
    avatar = Avatar.from_images(given.source, weights=loaded)
    samples = read_audio(given.speech)[: int(given.seconds * 16_000)]
    if given.openvino:
        avatar.accelerate()
    # The first run warms the libraries up.
    stream_in_real_time(avatar, samples[:8_000], chunk_s=given.chunk_ms / 1000, crop=given.crop)
    found = stream_in_real_time(avatar, samples, chunk_s=given.chunk_ms / 1000, crop=given.crop)
    print(table(("figure", "value"), [(name, f"{value:g}") for name, value in found.rows()]))
    made = {
        **dict(found.rows()),
        "openvino": given.openvino,
        **processor(loaded.device),
        **origin(loaded),
    }
    print(json.dumps(made))
    if given.out:
        with writing(given.out) as partial:
            partial.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
