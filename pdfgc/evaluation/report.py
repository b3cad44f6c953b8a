"""Results of the protocols as JSON, as a table, and as a sheet of pictures."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pdfgc.evaluation.case import LOUDNESS, MODEL, REAL, SHUFFLED, STILL, Case, Protocol
from pdfgc.evaluation.clips import resized
from pdfgc.evaluation.leakage import CHANNELS_OF
from pdfgc.evaluation.measures import MEASURES, SETS
from pdfgc.evaluation.method_tables import paper_layout, quality_table
from pdfgc.evaluation.tables import cell, table
from pdfgc.files import writing
from pdfgc.metrics import Interval
from pdfgc.weights import LoadedModel

FORMAT = "pdfgc.evaluation/2"
TITLES = {
    Protocol.SELF: "Self-reenactment",
    Protocol.AUDIO: "Lips driven by sound, all else by the frames",
    Protocol.CROSS: "Cross-person reenactment",
    Protocol.FACTORS: "One factor driven at a time: the leakage matrix",
    Protocol.SHOTS: "Few-shot: T images of a person",
}
"""How tables and pages call the protocols."""

_PACKAGES = ("pdfgc", "torch", "numpy", "scipy", "mediapipe", "av")
_LABEL_PX, _LINE_PX = 64, 16


def origin(loaded: LoadedModel) -> dict[str, Any]:
    """What the numbers of a run hang on: versions, and which weights; no paths."""
    with loaded.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        **about_machine(),
        "weights": {
            "file": loaded.path.name,
            "sha256": digest,
            "model_id": loaded.model_id,
            "preset": loaded.model.config.preset,
            "training": loaded.training,
        },
    }


def about_machine() -> dict[str, Any]:
    """Versions and machine; no paths."""
    return {
        "versions": {"python": platform.python_version()} | {n: _version(n) for n in _PACKAGES},
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
    }


def as_json(
    cases: Sequence[Case], summary: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, Any]:
    """One JSON document of a run.

    Args:
        cases: what the protocols gave.
        summary: from `summarise`.
        about: versions, hashes, settings, seeds and whatever else says how the run was made.

    Returns:
        Plain values; null stands for what has no value.
    """
    document = {
        "format": FORMAT,
        **about,
        "protocols": summary,
        "cases": [
            {
                "protocol": each.protocol.value,
                "name": each.name,
                "person": each.person,
                "frames": each.frames,
                "rows": each.rows,
                "ratios": each.ratios,
            }
            for each in cases
        ],
    }
    values: dict[str, Any] = plain(document)
    return values


def write_json(document: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a document.

    Raises:
        InputError: the place cannot be written.
    """
    with writing(path) as partial:
        partial.write_text(json.dumps(plain(document), indent=1) + "\n", encoding="utf-8")


def as_markdown(summary: Mapping[str, Any], system: str = MODEL) -> str:
    """The summary as tables: medians over clips, 95 % intervals, how many clips count.

    Args:
        summary: from `summarise`.
        system: how it is called in the few-shot paper's table.
    """
    text = ""
    for protocol in Protocol:
        if protocol.value in summary:
            given = summary[protocol.value]
            text += f"\n### {TITLES[protocol]} ({given['cases']} videos)\n\n"
            if protocol is Protocol.SHOTS:
                text += quality_table(paper_layout(given, system)) + "\n"
            text += (
                _factor_tables(given) if protocol is Protocol.FACTORS else _rows(protocol, given)
            )
    return text.lstrip()


def ordered(rows: Iterable[str]) -> list[str]:
    """Rows in the order in which they are read."""
    first = (REAL, MODEL, STILL, SHUFFLED, LOUDNESS)
    return sorted(rows, key=lambda row: (first.index(row) if row in first else len(first), row))


def _rows(protocol: Protocol, given: Mapping[str, Any]) -> str:
    rows, ratios = given["rows"], given["ratios"]
    order, shares = ordered(rows), ordered(ratios)
    head = ["", *order, *(f"{row} / {STILL}" for row in shares), "clips"]
    body = []
    for each in MEASURES[protocol]:
        values = [rows[row].get(each.name) for row in order]
        if any(value is not None and value.n for value in values):
            cells = [cell(value, each.digits) for value in values]
            cells += [cell(ratios[row].get(each.name), 2) for row in shares]
            count = max(value.n for value in values if value is not None)
            body.append([each.title, *cells, str(count)])
    for network, title in SETS.items():
        if network in given["sets"]:
            found = given["sets"][network]
            cells = [f"{found[row]:.2f}" if row in found else "–" for row in order]
            body.append([title, *cells, *("" for _ in shares), ""])
    return table(head, body)


def _factor_tables(given: Mapping[str, Any]) -> str:
    text = ""
    for row in ordered(given["change"]):
        change, follow = given["change"][row], given["follow"][row]
        text += f"{row}: change of each factor (columns) when one is driven (rows)\n\n"
        head = ["driven", *CHANNELS_OF, "gain", "correlation", "frames without a face"]
        body = [
            [
                factor,
                *(cell(change[factor][column], 2) for column in CHANNELS_OF),
                *(cell(follow[factor][name], 2) for name in ("gain", "r", "lost")),
            ]
            for factor in change
        ]
        text += table(head, body) + "\n"
    return text


def contact_sheet(cases: Sequence[Case], persons: int = 6) -> NDArray[np.uint8] | None:
    """Source, driving frames and the model's frames of some persons, two persons side by side.

    Args:
        cases: of one protocol; of each person the first is shown.
        persons: how many, evenly spaced over all.

    Returns:
        (H, W, 3) uint8 RGB. Per person, above: the source and real frames; below: the model's.
        None where there is nothing to see.
    """
    first = {each.person: each.sample for each in reversed(cases) if each.sample is not None}
    shown = [(person, first[person]) for person in sorted(first)]
    if not shown:
        return None
    at = np.linspace(0, len(shown) - 1, min(persons, len(shown))).round().astype(int)
    blocks = []
    for person, sample in (shown[i] for i in at):
        above = np.concatenate([sample.source, *sample.driving], axis=1)
        label = _label(sample.source.shape[0], (person, "above: real", "below: model"))
        below = np.concatenate([label, *sample.made], axis=1)
        blocks.append(np.concatenate([above, below], axis=0))
    if len(blocks) % 2:
        blocks.append(np.full_like(blocks[0], 255))
    pairs = [np.concatenate(blocks[i : i + 2], axis=1) for i in range(0, len(blocks), 2)]
    return np.concatenate(pairs, axis=0)


def sheet(rows: Sequence[Sequence[NDArray[np.uint8]]], side: int) -> NDArray[np.uint8]:
    """Rows of equally many pictures (S, S, 3) uint8 RGB, each `side` px large, as one."""
    return np.concatenate(
        [np.concatenate([resized(each[None], side)[0] for each in row], axis=1) for row in rows]
    )


def write_picture(picture: NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Write a PNG.

    Raises:
        InputError: the place cannot be written.
    """
    with writing(Path(path)) as partial:
        Image.fromarray(picture).save(partial, format="PNG")


def _label(side: int, lines: Sequence[str]) -> NDArray[np.uint8]:
    """A white square with small lines of text."""
    picture = Image.new("RGB", (max(side, _LABEL_PX), max(side, _LABEL_PX)), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((4, 4 + number * _LINE_PX), line, fill="black")
    return np.asarray(picture.resize((side, side)) if picture.size[0] != side else picture)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def plain(value: Any) -> Any:
    """Values as JSON has them: intervals as objects, what is not finite as null."""
    if isinstance(value, Interval):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float | np.floating):
        # Six significant digits: beyond that there is only noise.
        return float(f"{float(value):.6g}") if math.isfinite(value) else None
    return value
