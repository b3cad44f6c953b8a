"""Plots as SVG that stands inside a page: no scripts, no files beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from pdfgc.metrics import Interval

_COLOURS = {"real": "#3a7d44", "model": "#1f5fbf", "held still": "#9a9a9a"}
_OTHER = "#b5651d"
_ROW_PX, _LABEL_PX, _PLOT_PX = 22, 190, 420
_LINE_W, _LINE_H, _MARGIN = 300, 76, 18


def colour_of(row: str) -> str:
    """One colour for a row, everywhere."""
    return _COLOURS.get(row, _OTHER)


def interval_plot(title: str, values: Sequence[tuple[str, Interval]]) -> str:
    """Medians as dots with their intervals, one line for each row.

    Args:
        title: above the plot.
        values: row and its median over clips; rows without a value are left out.
    """
    shown = [(row, each) for row, each in values if each.n]
    if not shown:
        return ""
    low = min(0.0, *(each.low for _, each in shown))
    high = max(each.high for _, each in shown)
    high = high if high > low else low + 1.0
    height = _ROW_PX * (len(shown) + 2)

    def x(value: float) -> float:
        return _LABEL_PX + (value - low) / (high - low) * _PLOT_PX

    width = _LABEL_PX + _PLOT_PX + 90
    parts = [
        f'<svg class="plot" viewBox="0 0 {width} {height}" width="{width}" role="img">',
        f'<text x="4" y="15" class="title">{escape(title)}</text>',
    ]
    for number, (row, each) in enumerate(shown, 1):
        y, colour = _ROW_PX * (number + 0.5), colour_of(row)
        parts += [
            f'<text x="4" y="{y + 4:.0f}">{escape(row)}</text>',
            f'<line x1="{x(each.low):.1f}" x2="{x(each.high):.1f}" y1="{y:.0f}" y2="{y:.0f}" '
            f'stroke="{colour}" stroke-width="3" stroke-opacity="0.45"/>',
            f'<circle cx="{x(each.median):.1f}" cy="{y:.0f}" r="5" fill="{colour}"/>',
            f'<text x="{x(each.high) + 9:.1f}" y="{y + 4:.0f}" class="value">'
            f"{each.median:.3g}</text>",
        ]
    y = _ROW_PX * (len(shown) + 1)
    parts.append(
        f'<line x1="{_LABEL_PX}" x2="{_LABEL_PX + _PLOT_PX}" y1="{y}" y2="{y}" stroke="#bbb"/>'
    )
    for value in (low, (low + high) / 2, high):
        parts.append(
            f'<text x="{x(value):.1f}" y="{y + 15}" text-anchor="middle" class="tick">'
            f"{value:.3g}</text>"
        )
    return "".join([*parts, "</svg>"])


def line_plot(title: str, rows: Mapping[str, NDArray[np.floating]], fps: float) -> str:
    """A channel over time, one line for each row.

    Args:
        title: above the plot.
        rows: (T,) values by row; what is not finite leaves a gap.
        fps: frames per second.
    """
    values = np.concatenate([np.asarray(each, np.float64) for each in rows.values()])
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    low, high = float(values.min()), float(values.max())
    spread = high - low or 1.0
    height, inner = _LINE_H + 2 * _MARGIN, _LINE_W - 8
    parts = [
        f'<svg class="plot" viewBox="0 0 {_LINE_W} {height}" width="{_LINE_W}" role="img">',
        f'<text x="4" y="12" class="title">{escape(title)}</text>',
    ]
    for row, each in rows.items():
        last = max(len(each) - 1, 1)
        points = [
            f"{4 + inner * t / last:.1f},{_MARGIN + _LINE_H * (1 - (value - low) / spread):.1f}"
            for t, value in enumerate(np.asarray(each, np.float64))
            if np.isfinite(value)
        ]
        parts.append(
            f'<polyline fill="none" stroke="{colour_of(row)}" stroke-width="1.4" '
            f'points="{" ".join(points)}"/>'
        )
    seconds = max(len(each) for each in rows.values()) / fps
    parts += [
        f'<text x="4" y="{height - 3}" class="tick">{low:.3g} to {high:.3g}</text>',
        f'<text x="{_LINE_W - 4}" y="{height - 3}" text-anchor="end" class="tick">'
        f"{seconds:.1f} s</text>",
    ]
    return "".join([*parts, "</svg>"])
