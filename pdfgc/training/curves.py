"""Training curves as one picture: every scalar that a stage logged, over its steps."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from pdfgc.files import writing

_COLUMNS = 4
# What says how the run went, not what was learned.
_LEFT_OUT = frozenset({"step", "seconds"})


def draw_curves(lines: Path, picture: Path) -> None:
    """Draw the scalars of a run, each in a field of its own.

    Args:
        lines: JSON lines, each with `step` and scalars by name.
        picture: PNG to write; none is written where nothing was logged.
    """
    from matplotlib.figure import Figure

    series: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in lines.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for name, value in row.items():
            if name not in _LEFT_OUT:
                series[name].append((row["step"], value))
    if not series:
        return
    rows = -(-len(series) // _COLUMNS)
    figure = Figure(figsize=(3.2 * _COLUMNS, 1.9 * rows), layout="constrained")
    fields = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    for (name, points), field in zip(series.items(), fields, strict=False):
        field.plot(*zip(*points, strict=True), linewidth=1)
        field.set_title(name, fontsize=8)
        field.tick_params(labelsize=6)
        field.margins(x=0)
    for field in list(fields):
        field.set_axis_off()
    with writing(picture) as partial:
        figure.savefig(partial, format="png", dpi=100)
