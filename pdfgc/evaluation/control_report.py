"""What moving each factor alone gave: numbers, a table, and a sheet of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdfgc.evaluation.channels import CHANNELS
from pdfgc.evaluation.control import LATENT, SWEEPS, ControlResult
from pdfgc.evaluation.moving import NOTHING, Moved
from pdfgc.evaluation.report import sheet
from pdfgc.evaluation.tables import table
from pdfgc.metrics import bootstrap_median

# Frames of a sweep: lowest, middle, highest.
_LOW, _MIDDLE, _HIGH = 18, 0, 6


def summarise_control(result: ControlResult, *, seed: int = 0) -> dict[str, Any]:
    """Medians over persons.

    Args:
        result: what the protocol gave.
        seed: of the bootstrap.

    Returns:
        `yaw_row` (asked degrees and what was measured), `factors` (gain, correlation, lost frames),
        `leakage` (movement of every channel for every factor, in standard deviations on real
        clips), `spread` and `coupling` of real clips.
    """
    yaw = result.of("yaw")
    factors = (*(sweep.factor for sweep in SWEEPS), *LATENT)
    return {
        "yaw_row": [
            {
                "asked_deg": float(yaw[0].asked[frame]),
                "measured_deg": bootstrap_median(
                    [each.measured["yaw"][frame] for each in yaw], seed=seed
                ),
            }
            for frame in (_LOW, _MIDDLE, _HIGH)
        ],
        "factors": {
            factor: {
                "asked_spread": float(np.std(result.of(factor)[0].asked)),
                "gain": bootstrap_median([each.gain for each in result.of(factor)], seed=seed),
                "r": bootstrap_median([each.r for each in result.of(factor)], seed=seed),
                "lost": float(np.mean([each.lost for each in result.of(factor)])),
            }
            for factor in factors
        },
        "leakage": {
            factor: {
                name: bootstrap_median(
                    [each.movement[name] for each in result.of(factor)], seed=seed
                )
                for name in CHANNELS
            }
            for factor in (*factors, NOTHING)
        },
        "spread": result.spread,
        "coupling": result.coupling,
        "persons": [
            {
                "person": each.person,
                "factor": each.factor,
                "gain": each.gain,
                "r": each.r,
                "lost": each.lost,
                "movement": each.movement,
            }
            for each in result.moved
        ],
    }


def control_markdown(summary: dict[str, Any]) -> str:
    """The summary as three tables."""
    row = summary["yaw_row"]
    asked = ["asked yaw (°)", *(f"{each['asked_deg']:+.0f}" for each in row)]
    measured = ["measured (°)", *(f"{each['measured_deg'].median:+.1f}" for each in row)]
    text = table(asked, [measured])
    text += "\nEach factor moved alone: gain (1 = as asked), correlation with what was asked.\n\n"
    text += table(
        ["factor", "gain", "correlation", "frames without a face"],
        [
            [
                factor,
                "–" if not each["gain"].n else f"{each['gain'].median:.2f}",
                "–" if not each["r"].n else f"{each['r'].median:.2f}",
                f"{each['lost']:.2f}",
            ]
            for factor, each in summary["factors"].items()
        ],
    )
    text += "\nMovement of each channel (columns) when one factor (rows) moves, in standard\n"
    text += "deviations on real clips; when nothing moves, it is the tracker's own.\n\n"
    text += table(
        ["", *CHANNELS],
        [
            [factor, *(f"{each[name].median:.2f}" for name in CHANNELS)]
            for factor, each in summary["leakage"].items()
        ],
    )
    return text


def control_sheet(result: ControlResult, side: int) -> NDArray[np.uint8]:
    """One row per person: the source, then each factor at both ends.

    Columns: source; yaw at its lowest, middle and highest; pitch, roll, gaze yaw, gaze pitch and
    openness at both ends; the lips and the expression where their channel moved furthest.

    Args:
        result: what the protocol gave.
        side: of a picture (px).

    Returns:
        (H, W, 3) uint8 RGB.
    """
    rows = []
    for person, source in result.sources.items():
        own = [each for each in result.moved if each.person == person]
        pictures = [source]
        for each in (moved for moved in own if moved.factor != NOTHING):
            pictures += [each.frames[frame] for frame in _shown(each)]
        rows.append(pictures)
    return sheet(rows, side)


def _shown(moved: Moved) -> Sequence[int]:
    if moved.factor == "yaw":
        return (_LOW, _MIDDLE, _HIGH)
    if moved.factor in LATENT:
        return (int(np.argmin(moved.asked)), int(np.argmax(moved.asked)))
    return (_LOW, _HIGH)
