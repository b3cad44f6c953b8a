"""The report as one page: tables, plots, contact sheets, every case, the worst first."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pdfgc.evaluation.case import MODEL, REAL, Case, Protocol
from pdfgc.evaluation.evaluate import Evaluation
from pdfgc.evaluation.leakage import CHANNELS_OF
from pdfgc.evaluation.measures import MEASURES, SETS, Measure
from pdfgc.evaluation.method_tables import QUALITY_HEAD, paper_layout, quality_rows
from pdfgc.evaluation.plots import colour_of, interval_plot, line_plot
from pdfgc.evaluation.report import TITLES, contact_sheet, ordered, plain
from pdfgc.evaluation.tables import cell
from pdfgc.metrics import Interval

_FPS = 25.0
_QUALITY = 82
# By what the cases of a protocol are put in order, the first of which there is a value.
_WORST = {
    Protocol.SELF: ("landmarks", "l1"),
    Protocol.AUDIO: ("mouth_r", "mouth"),
    Protocol.CROSS: ("csim", "expression"),
    Protocol.FACTORS: ("r",),
    Protocol.SHOTS: ("csim", "ssim"),
}
# What is drawn beside the tables.
_PLOTTED = {
    Protocol.SELF: ("landmarks", "csim", "ssim", "yaw_r", "openness_r", "mouth_r"),
    Protocol.AUDIO: ("mouth_r", "mouth_r_at_0", "sync_confidence"),
    Protocol.CROSS: ("csim", "driver_csim", "yaw_r", "expression"),
    Protocol.FACTORS: (),
    Protocol.SHOTS: ("csim", "ssim", "texture"),
}
_FACTOR_MEASURES = (
    Measure("r", "correlation with the driving clip", 2, True),
    Measure("gain", "gain", 2, True),
    Measure("lost", "frames without a face", 3, False),
    *(Measure(factor, f"change of {factor}", 2, None) for factor in CHANNELS_OF),
)


@dataclass(frozen=True)
class _Cell:
    text: str
    row: str
    measure: str
    value: float | None


def page(done: Evaluation, about: Mapping[str, Any]) -> str:
    """The page as HTML that needs no other file.

    Args:
        done: what the run gave.
        about: `system`, versions, weights.
    """
    from jinja2 import Environment

    template = (files("pdfgc.evaluation") / "page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    facts = {key: value for key, value in {**about, **done.about}.items() if key != "missing"}
    return environment.from_string(template).render(
        system=about["system"],
        facts=[(key, json.dumps(plain(value), indent=1)) for key, value in facts.items()],
        missing=about.get("missing", []),
        protocols=[
            _section(protocol, done, str(about["system"]))
            for protocol in Protocol
            if done.of(protocol)
        ],
        colours={row: colour_of(row) for row in (REAL, MODEL)},
    )


def _section(protocol: Protocol, done: Evaluation, system: str) -> dict[str, Any]:
    cases, given = done.of(protocol), done.summary[protocol.value]
    measures = _FACTOR_MEASURES if protocol is Protocol.FACTORS else MEASURES[protocol]
    key = _sorting(protocol, cases, measures)
    sheet = contact_sheet(cases)
    section: dict[str, Any] = {
        "name": protocol.value,
        "title": TITLES[protocol],
        "count": len(cases),
        "sheet": None if sheet is None else _jpeg(sheet),
        "cases": [_case(case, measures) for case in _worst_first(cases, key)],
        "sorted_by": key.name,
        "measures": [each for each in measures if _rank(cases, each)],
    }
    if protocol is Protocol.FACTORS:
        return section | _matrix(given)
    if protocol is Protocol.SHOTS:
        section |= {"paper": quality_rows(paper_layout(given, system)), "head": QUALITY_HEAD}
    order = ordered(given["rows"])
    return section | {
        "order": order,
        "table": _table(given, order, measures),
        "plots": [
            interval_plot(
                each.title,
                [(row, given["rows"][row][name]) for row in order if name in given["rows"][row]],
            )
            for name in _PLOTTED[protocol]
            for each in measures
            if each.name == name
        ],
    }


def _table(
    given: Mapping[str, Any], order: Sequence[str], measures: Sequence[Measure]
) -> list[tuple[str, list[_Cell]]]:
    lines = []
    for each in measures:
        values = [given["rows"][row].get(each.name) for row in order]
        if any(value is not None and value.n for value in values):
            cells = [
                _Cell(cell(value, each.digits), row, each.name, _number(value))
                for row, value in zip(order, values, strict=True)
            ]
            ratio = given["ratios"].get(MODEL, {}).get(each.name)
            cells.append(_Cell(cell(ratio, 2), "model / held still", each.name, _number(ratio)))
            lines.append((each.title, cells))
    for network, title in SETS.items():
        found = given["sets"].get(network)
        if found:
            cells = [
                _Cell(f"{found[row]:.2f}", row, f"set_{network}", found[row])
                if row in found
                else _Cell("–", row, f"set_{network}", None)
                for row in order
            ]
            lines.append((title, [*cells, _Cell("", "", "", None)]))
    return lines


def _matrix(given: Mapping[str, Any]) -> dict[str, Any]:
    """The leakage matrix of each row, and the natural coupling."""
    matrices = []
    for row in ordered(given["change"]):
        lines = []
        for factor, changes in given["change"][row].items():
            cells = [
                (
                    _Cell(
                        cell(changes[column], 2),
                        row,
                        f"{factor}>{column}",
                        _number(changes[column]),
                    ),
                    factor == column,
                    min(1.0, changes[column].median / 3) if changes[column].n else 0.0,
                )
                for column in CHANNELS_OF
            ]
            follow = given["follow"][row][factor]
            lines.append((factor, cells, [cell(follow[name], 2) for name in ("gain", "r", "lost")]))
        matrices.append((row, lines))
    return {
        "factors": list(CHANNELS_OF),
        "matrices": matrices,
        "coupling": given.get("coupling"),
        "spread": given.get("spread"),
    }


def _case(case: Case, measures: Sequence[Measure]) -> dict[str, Any]:
    rows = ordered(case.rows)
    values = [
        (each.title, [_text(case.rows[row].get(each.name), each.digits) for row in rows])
        for each in measures
        if any(_finite(case.rows[row].get(each.name)) for row in rows)
    ]
    channels = case.series.get(MODEL, {})
    shown = case.sample
    pictures = None
    if shown is not None:
        above = np.concatenate([shown.source, *shown.driving], axis=1)
        blank = np.full_like(shown.source, 255)
        pictures = _jpeg(np.concatenate([above, np.concatenate([blank, *shown.made], axis=1)]))
    return {
        "name": case.name,
        "person": case.person,
        "frames": case.frames,
        "rows": rows,
        "values": values,
        "ranks": json.dumps({each.name: _rank_of(case, each) for each in measures}),
        "pictures": pictures,
        "film": None if shown is None else base64.b64encode(shown.film).decode(),
        "plots": [
            line_plot(name, {row: rows[name] for row, rows in case.series.items()}, _FPS)
            for name in channels
        ],
    }


def _rank_of(case: Case, measure: Measure) -> float | None:
    """How bad a case is by a measure, larger being worse; None where nothing is known."""
    own = case.rows.get(MODEL) or next(iter(case.rows.values()))
    value = own.get(measure.name)
    if not _finite(value) or measure.more_is_better is None:
        return None
    assert value is not None
    return -value if measure.more_is_better else value


def _rank(cases: Sequence[Case], measure: Measure) -> bool:
    return any(_rank_of(case, measure) is not None for case in cases)


def _sorting(protocol: Protocol, cases: Sequence[Case], measures: Sequence[Measure]) -> Measure:
    named = {each.name: each for each in measures}
    wanted = [named[name] for name in _WORST[protocol]]
    return next((each for each in wanted if _rank(cases, each)), wanted[0])


def _worst_first(cases: Sequence[Case], measure: Measure) -> list[Case]:
    def worse(case: Case) -> tuple[float, str]:
        rank = _rank_of(case, measure)
        return (math.inf if rank is None else -rank, case.name)

    return sorted(cases, key=worse)


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _number(value: Interval | None) -> float | None:
    return None if value is None or not value.n else value.median


def _text(value: float | None, digits: int) -> str:
    return f"{value:.{digits}f}" if value is not None and math.isfinite(value) else "–"


def _jpeg(picture: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=_QUALITY)
    return base64.b64encode(buffer.getvalue()).decode()
