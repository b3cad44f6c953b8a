"""Every knob turned alone on persons never seen: what was asked, measured, and leaked.

python benchmarks/knobs.py --data packed-val --weights default --out results
"""

from __future__ import annotations

import sys

from options import SEED, keep, model_of_persons, person_options

from pdfgc.evaluation.knobs_report import knobs_markdown, knobs_sheet, summarise_knobs
from pdfgc.evaluation.turning import turn_all
from pdfgc.tracking import MediaPipeBackend


def main() -> None:
    """Run the protocol and write what it gave."""
    given = person_options(__doc__, "knobs").parse_args()
    loaded, backend = model_of_persons(given), MediaPipeBackend()
    result = turn_all(
        given.data,
        loaded,
        backend=backend,
        persons=given.persons,
        progress=lambda line: print(line, file=sys.stderr),
    )
    summary = summarise_knobs(result, seed=SEED)
    about = {"protocol": "knobs", "persons": len(result.sources), "tracker": backend.name}
    sheet = knobs_sheet(result, loaded.model.config.generator.image_size)
    keep(given, loaded, about, summary, knobs_markdown(summary), sheet)


if __name__ == "__main__":
    main()
