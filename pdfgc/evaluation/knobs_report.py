"""What turning every knob gave: numbers, a table, and a sheet of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdfgc.evaluation.channels import CHANNELS
from pdfgc.evaluation.moving import NOTHING
from pdfgc.evaluation.report import sheet
from pdfgc.evaluation.tables import table
from pdfgc.evaluation.turning import KnobResult, Turned
from pdfgc.metrics import Interval, bootstrap_median


def summarise_knobs(result: KnobResult, *, seed: int = 0) -> dict[str, Any]:
    """Medians over persons, with bootstrap intervals.

    Args:
        result: what the protocol gave.
        seed: of the bootstrap.

    Returns:
        `knobs`: for each what was asked and measured at both ends, gain, correlation, lost frames,
        and the movement of every channel in natural standard deviations, from which the largest
        that nobody asked for is named; `nothing`: the same movement where nothing was asked.
    """
    by_name: dict[str, list[Turned]] = {}
    for each in result.turned:
        by_name.setdefault(each.moved.factor, []).append(each)

    def middle(values: list[float]) -> Interval:
        return bootstrap_median(values, seed=seed)

    def movement(rows: list[Turned]) -> dict[str, Interval]:
        return {name: middle([each.moved.movement[name] for each in rows]) for name in CHANNELS}

    nothing = movement(by_name.pop(NOTHING))
    knobs = {}
    for name, rows in by_name.items():
        ends = [each.ends() for each in rows]
        knob, moves = rows[0].knob, movement(rows)
        assert knob is not None
        others = {n: each for n, each in moves.items() if n not in {knob.channel, *knob.own}}
        leak = max(others, key=lambda each: others[each].median)
        knobs[name] = {
            "channel": sorted({each.knob.channel for each in rows if each.knob}),
            "unit": knob.unit,
            "asked": [middle([asked[end] for asked, _ in ends]) for end in (0, 1)],
            "measured": [middle([measured[end] for _, measured in ends]) for end in (0, 1)],
            "gain": middle([each.moved.gain for each in rows]),
            "r": middle([each.moved.r for each in rows]),
            "lost": float(np.mean([each.moved.lost for each in rows])),
            "leak": {"channel": leak, "movement": others[leak]},
            "movement": moves,
        }
    return {"knobs": knobs, "nothing": nothing, "spread": result.spread}


def knobs_markdown(summary: dict[str, Any]) -> str:
    """The summary as a table."""

    def ends(pair: list[Interval], unit: str) -> str:
        digits = 1 if unit in ("°", "%") else 2
        return " to ".join(f"{each.median:+.{digits}f}" for each in pair) + f" {unit}".rstrip()

    def number(value: Interval) -> str:
        return f"{value.median:.2f}" if value.n else "–"

    text = "Each knob turned alone: what was asked of its channel and what the tracker saw on the\n"
    text += "frames, at both ends; gain 1 is as asked; leak is the movement of the channel that\n"
    text += "moved most without being asked, in standard deviations on real clips, and beside it\n"
    text += "what that channel does by itself when nothing is asked.\n\n"
    body = []
    for name, row in summary["knobs"].items():
        leak = row["leak"]
        noise = summary["nothing"][leak["channel"]].median
        body.append(
            [
                name,
                ends(row["asked"], row["unit"]),
                ends(row["measured"], row["unit"]),
                number(row["gain"]),
                number(row["r"]),
                f"{leak['channel']} {leak['movement'].median:.2f} ({noise:.2f})",
                f"{row['lost']:.2f}",
            ]
        )
    head = ["knob", "asked", "measured", "gain", "correlation", "leak", "frames without a face"]
    return text + table(head, body)


def knobs_sheet(result: KnobResult, side: int) -> NDArray[np.uint8]:
    """One row per person: the source, then each knob at its lowest and its highest.

    Args:
        result: what the protocol gave.
        side: of a picture (px).

    Returns:
        (H, W, 3) uint8 RGB.
    """
    rows = []
    for person, source in result.sources.items():
        pictures = [source]
        for each in result.turned:
            if each.moved.person == person and each.knob is not None:
                asked = each.moved.asked
                pictures += [each.moved.frames[n] for n in (np.argmin(asked), np.argmax(asked))]
        rows.append(pictures)
    return sheet(rows, side)
