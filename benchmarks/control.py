"""Each factor moved alone on persons never seen: what was asked, what came, what came along.

python benchmarks/control.py --data packed-val --weights default --out results
"""

from __future__ import annotations

import sys

from options import SEED, keep, model_of_persons, person_options

from pdfgc.evaluation.control import control
from pdfgc.evaluation.control_report import control_markdown, control_sheet, summarise_control
from pdfgc.evaluation.rendering import CropRenderer
from pdfgc.tracking import MediaPipeBackend


def main() -> None:
    """Run the protocol and write what it gave."""
    given = person_options(__doc__, "control").parse_args()
    loaded, backend = model_of_persons(given), MediaPipeBackend()
    render = CropRenderer(loaded)
    result = control(
        given.data,
        render,
        backend=backend,
        persons=given.persons,
        progress=lambda line: print(line, file=sys.stderr),
    )
    summary = summarise_control(result, seed=SEED)
    about = {"protocol": "control", "persons": len(result.sources), "tracker": backend.name}
    sheet = control_sheet(result, render.side)
    keep(given, loaded, about, summary, control_markdown(summary), sheet)


if __name__ == "__main__":
    main()
