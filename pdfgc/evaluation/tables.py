"""Cells and tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from pdfgc.metrics import Interval


def cell(value: Interval | None, digits: int) -> str:
    """An interval as text."""
    if value is None or value.n == 0:
        return "–"
    middle, low, high = (f"{each:.{digits}f}" for each in (value.median, value.low, value.high))
    return middle if low == middle == high else f"{middle} ({low} to {high})"


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells."""
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
