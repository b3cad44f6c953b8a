"""Speed and memory, one line of JSON each.

python benchmarks/speed.py --weights default --threads 2 --out speed.jsonl
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from options import demo_options

from pdfgc.evaluation.report import origin
from pdfgc.evaluation.speed import Memory, Timing, as_lines, peak_memory, processor, time_all
from pdfgc.files import writing
from pdfgc.media import read_audio, read_image
from pdfgc.weights import load_model


def main() -> None:
    """Time, weigh, print and keep."""
    parser = demo_options(__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of speech, end to end")
    parser.add_argument(
        "--memory",
        type=float,
        nargs="*",
        default=[10.0, 300.0],
        help="lengths of speech (s) whose peak memory is measured",
    )
    parser.add_argument("--out", type=Path, help="file for the lines")
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    loaded = load_model(given.weights, given.device)
    sound = read_audio(given.speech)
    made = origin(loaded)
    about = {
        **processor(loaded.device),
        "preset": made["weights"]["preset"],
        "model_id": made["weights"]["model_id"],
        "torch": made["versions"]["torch"],
        "pdfgc": made["versions"]["pdfgc"],
    }

    def entries() -> Iterator[Timing | Memory]:
        yield from time_all(loaded, read_image(given.source), sound[: int(given.seconds * 16_000)])
        for length in given.memory:
            yield peak_memory(given.source, given.weights, sound, length, device=given.device)

    lines = []
    for line in as_lines(entries(), about):
        print(line, flush=True)
        lines.append(line)
    if given.out:
        with writing(given.out) as partial:
            partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
