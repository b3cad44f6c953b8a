"""What packing left out, and why: as numbers, as a table and as a page with pictures."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from pdfgc.files import writing

REPORT = "report.json"
_PICTURES = 240
"""Pictures on a page: enough to judge a limit by, few enough to open."""
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums }
section { display: flex; flex-wrap: wrap; gap: .8rem } figure { margin: 0; width: 160px }
img, .none { width: 160px; height: 120px; object-fit: contain; background: #8883 }
figcaption { font-size: 12px; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd } }
"""


@dataclass(frozen=True)
class Dropped:
    """A clip, or a part of it, that was left out.

    Attributes:
        id: the clip.
        start_s: where the part begins (seconds).
        end_s: where it ends.
        reason: why; the kind stands before the colon.
        picture: its middle frame as JPEG in base64, where it could be read.
    """

    id: str
    start_s: float
    end_s: float
    reason: str
    picture: str = ""

    @property
    def kind(self) -> str:
        """The kind of reason."""
        return self.reason.split(":")[0]


@dataclass(frozen=True)
class PackReport:
    """What a run made.

    Attributes:
        n_clips: raw clips looked at.
        n_samples: samples written.
        n_frames: frames written.
        n_frames_with_sound: of these, in samples with sound.
        n_frames_tracked: raw frames on which a face was found.
        n_frames_seen: raw frames looked at.
        dropped: what was left out, and why.
    """

    n_clips: int
    n_samples: int
    n_frames: int
    n_frames_with_sound: int
    n_frames_tracked: int
    n_frames_seen: int
    dropped: list[Dropped]

    def reasons(self) -> dict[str, int]:
        """How many parts were dropped for which kind of reason, most frequent first."""
        kinds = Counter(drop.kind for drop in self.dropped)
        return dict(kinds.most_common())


def write_report(report: PackReport, folder: Path) -> None:
    """Write `report.json`, `report.csv` (one line per part that was left out) and `report.html`."""
    dropped = [
        {name: value for name, value in asdict(drop).items() if name != "picture"}
        for drop in report.dropped
    ]
    facts = asdict(report) | {"dropped": dropped, "reasons": report.reasons()}
    with writing(folder / REPORT) as partial:
        partial.write_text(json.dumps(facts, indent=1))
    with (
        writing(folder / "report.csv") as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file)
        table.writerow(["id", "start_s", "end_s", "kind", "reason"])
        for drop in report.dropped:
            table.writerow([drop.id, drop.start_s, drop.end_s, drop.kind, drop.reason])
    with writing(folder / "report.html") as partial:
        partial.write_text(page(report), encoding="utf-8")


def page(report: PackReport) -> str:
    """The report as one HTML page without anything from outside."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for drop in report.dropped:
        seconds[drop.kind] += drop.end_s - drop.start_s
    rows = "".join(
        f"<tr><td>{escape(kind)}</td><td class=n>{count}</td>"
        f"<td class=n>{seconds[kind]:.1f}</td></tr>"
        for kind, count in report.reasons().items()
    )
    sections = "".join(
        f"<h2>{escape(kind)}</h2><section>{_figures(report, kind)}</section>"
        for kind in report.reasons()
    )
    kept = (
        f"{report.n_samples} samples, {report.n_frames} frames "
        f"({report.n_frames_with_sound} with sound) of {report.n_clips} clips; a face was found "
        f"on {report.n_frames_tracked} of {report.n_frames_seen} frames."
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>What was packed</title><style>{_STYLE}</style><h1>What was packed</h1>"
        f"<p>{kept}</p><h2>Left out</h2>"
        "<table><tr><th>reason</th><th>parts</th><th>seconds</th></tr>"
        f"{rows}</table>{sections}</html>"
    )


def _figures(report: PackReport, kind: str) -> str:
    of_kind = [drop for drop in report.dropped if drop.kind == kind]
    most = max(6, _PICTURES // max(1, len(report.reasons())))
    figures = [
        "<figure>"
        + (
            f'<img loading=lazy alt="" src="data:image/jpeg;base64,{drop.picture}">'
            if drop.picture
            else "<div class=none></div>"
        )
        + f"<figcaption>{escape(drop.id)}, {drop.start_s:.2f} to {drop.end_s:.2f} s<br>"
        f"{escape(drop.reason)}</figcaption></figure>"
        for drop in of_kind[:most]
    ]
    if len(of_kind) > most:
        figures.append(f"<p>and {len(of_kind) - most} more, see report.csv</p>")
    return "".join(figures)
