"""The tables of the few-shot paper in its own layout, with its figures to set beside.

Zakharov et al., "Few-Shot Adversarial Learning of Realistic Neural Talking Head Models", ICCV
2019: table 1 (quality) and table 2 (time on one NVIDIA P40). A method stands with its number of
source images T in brackets; FF only embeds them, FT is tuned on them for 40 passes as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from pdfgc.evaluation.measures import SETS
from pdfgc.evaluation.tables import table


@dataclass(frozen=True)
class Quality:
    """One line of the table of quality.

    Attributes:
        method: its name.
        shots: T.
        fid: Fréchet distance.
        ssim: mean structural similarity.
        csim: identity.
        user: share of people's answers that find the made picture; NaN where nobody was asked.
    """

    method: str
    shots: int
    fid: float
    ssim: float
    csim: float
    user: float = nan


@dataclass(frozen=True)
class Took:
    """One line of the table of times.

    Attributes:
        method: its name.
        seconds: for the few-shot learning, or for one frame.
        shots: T of the few-shot learning; None for a frame.
    """

    method: str
    seconds: float
    shots: int | None = None


QUALITY_HEAD = ("Method (T)", "FID ↓", "SSIM ↑", "CSIM ↑", "USER ↓")

PAPER_QUALITY = (
    Quality("Ours-FF", 1, 46.1, 0.61, 0.42, 0.43),
    Quality("Ours-FT", 1, 48.5, 0.64, 0.35, 0.46),
    Quality("Ours-FF", 8, 42.2, 0.64, 0.47, 0.40),
    Quality("Ours-FT", 8, 42.2, 0.68, 0.42, 0.39),
    Quality("Ours-FF", 32, 40.4, 0.65, 0.48, 0.38),
    Quality("Ours-FT", 32, 30.6, 0.72, 0.45, 0.33),
)
"""The paper's own rows on VoxCeleb2, 50 videos with 32 held-out frames each."""

PAPER_TIMES = (
    Took("X2Face", 0.236, 1),
    Took("Pix2pixHD", 33.92, 1),
    Took("Ours", 43.84, 1),
    Took("Ours-FF", 0.061, 1),
    Took("X2Face", 1.176, 8),
    Took("Pix2pixHD", 52.40, 8),
    Took("Ours", 85.48, 8),
    Took("Ours-FF", 0.138, 8),
    Took("X2Face", 7.542, 32),
    Took("Pix2pixHD", 122.6, 32),
    Took("Ours", 258.0, 32),
    Took("Ours-FF", 0.221, 32),
    Took("X2Face", 0.110),
    Took("Pix2pixHD", 0.034),
    Took("Ours", 0.139),
)
"""The paper's, in seconds on one NVIDIA P40."""


def quality_of(given: Mapping[str, Any], method: str) -> list[Quality]:
    """The lines of a summary of the few-shot protocol, by T.

    Args:
        given: of `summarise`, for `Protocol.SHOTS`.
        method: what the system is called.
    """
    distances = given["sets"].get(_network(given), {})

    def middle(row: str, name: str) -> float:
        value = given["rows"][row].get(name)
        return value.median if value is not None and value.n else nan

    lines = [
        Quality(
            method,
            int(row.removeprefix("T=")),
            distances.get(row, nan),
            middle(row, "ssim"),
            middle(row, "csim"),
        )
        for row in given["rows"]
    ]
    return sorted(lines, key=lambda each: each.shots)


def _network(given: Mapping[str, Any]) -> str:
    return "inception" if "inception" in given["sets"] else "texture"


def paper_layout(given: Mapping[str, Any], method: str) -> dict[str, list[Quality]]:
    """A summary's lines and the paper's own, by what stands above them; see `quality_of`."""
    note = f"these clips; CSIM normalised, FID: {SETS[_network(given)]}"
    return {
        note: quality_of(given, method),
        "VoxCeleb2, Zakharov et al. 2019: other data, recogniser and size": list(PAPER_QUALITY),
    }


def quality_rows(groups: Mapping[str, Sequence[Quality]]) -> list[list[str]]:
    """The lines of `quality_table` as cells; what stands above a group has one cell."""
    rows = []
    for title, lines in groups.items():
        rows.append([title])
        for each in lines:
            values = ((each.fid, 1), (each.ssim, 2), (each.csim, 2), (each.user, 2))
            cells = [f"{value:.{n}f}" if isfinite(value) else "–" for value, n in values]
            rows.append([f"{each.method} ({each.shots})", *cells])
    return rows


def quality_table(groups: Mapping[str, Sequence[Quality]]) -> str:
    """Markdown in the layout of the paper's table 1.

    Args:
        groups: lines by what stands above them, the data.
    """
    rows = quality_rows(groups)
    empty = [""] * (len(QUALITY_HEAD) - 1)
    return table(QUALITY_HEAD, [[f"*{r[0]}*", *empty] if len(r) == 1 else r for r in rows])


def time_table(groups: Mapping[str, Sequence[Took]]) -> str:
    """Markdown in the layout of the paper's table 2.

    Args:
        groups: lines by machine; few-shot learning comes first, T by T, then the time per frame.
    """
    body = []
    for title, wanted in (("Few-shot learning", True), ("Inference", False)):
        body.append([f"*{title}*", "", ""])
        lines = [
            (each, machine)
            for machine, own in groups.items()
            for each in own
            if (each.shots is not None) is wanted
        ]
        for each, machine in sorted(lines, key=lambda line: line[0].shots or 0):
            shots = "" if each.shots is None else f" ({each.shots})"
            body.append([f"{each.method}{shots}", f"{each.seconds:.4g}", machine])
    return table(["Method (T)", "Time, s", "on"], body)
