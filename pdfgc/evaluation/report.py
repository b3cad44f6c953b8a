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

from pdfgc.evaluation.reenactment import LOUDNESS, MODEL, REAL, SHUFFLED, STILL, ClipResult
from pdfgc.files import writing
from pdfgc.metrics import Interval, bootstrap_median
from pdfgc.weights import LoadedModel

FORMAT = "pdfgc.evaluation/1"

_PACKAGES = ("pdfgc", "torch", "numpy", "scipy", "mediapipe", "av")
_LABEL_PX, _LINE_PX = 64, 16

# Measure, what it is, digits.
_MEASURES = (
    ("l1", "L1 (0 to 1)", 4),
    ("psnr", "PSNR (dB)", 2),
    ("ssim", "SSIM", 3),
    ("landmarks", "landmark distance / interocular", 4),
    ("mouth", "mouth distance, aligned / interocular", 4),
    ("yaw_deg", "yaw error (°)", 2),
    ("pitch_deg", "pitch error (°)", 2),
    ("roll_deg", "roll error (°)", 2),
    ("gaze_deg", "gaze error (°)", 2),
    ("openness", "openness error", 3),
    ("yaw_r", "yaw correlation", 2),
    ("pitch_r", "pitch correlation", 2),
    ("roll_r", "roll correlation", 2),
    ("gaze_yaw_r", "gaze yaw correlation", 2),
    ("gaze_pitch_r", "gaze pitch correlation", 2),
    ("openness_r", "openness correlation", 2),
    ("blink_f1", "blink F1", 2),
    ("mouth_r", "mouth opening correlation", 2),
    ("jitter", "jitter / interocular", 4),
    ("lost", "frames without a face", 3),
)
_SPEECH = (
    ("mouth_r", "mouth correlation, best lag within ±5 frames", 2),
    ("lag", "that lag (frames; > 0: late)", 1),
    ("mouth_r_at_0", "mouth correlation without lag", 2),
    ("voice_r", "correlation with the voice's loudness", 2),
    ("mouth", "mouth distance, aligned / interocular", 4),
    ("silence", "mouth opening in silence", 3),
)


def summarise(results: Sequence[ClipResult], *, seed: int = 0) -> dict[str, Any]:
    """Medians over clips with bootstrap intervals; persons are drawn as a whole.

    Args:
        results: what a protocol gave.
        seed: of the bootstrap.

    Returns:
        `rows`, `ratios` and `speech`, each row a mapping of measures to `Interval`s.
    """

    def over(
        clips: Sequence[ClipResult], values: Iterable[Mapping[str, float]]
    ) -> dict[str, Interval]:
        rows = list(values)
        persons = [clip.person for clip in clips]
        return {
            name: bootstrap_median([row[name] for row in rows], persons, seed=seed)
            for name in rows[0]
        }

    speaking = [each for each in results if each.speech]
    return {
        "rows": {row: over(results, (r.rows[row] for r in results)) for row in results[0].rows},
        "ratios": {
            row: over(results, (each.ratios[row] for each in results)) for row in (REAL, MODEL)
        },
        "speech": {
            row: over(speaking, (each.speech[row] for each in speaking))
            for row in (speaking[0].speech if speaking else ())
        },
    }


def origin(loaded: LoadedModel) -> dict[str, Any]:
    """What the numbers of a run hang on: versions, and which weights; no paths."""
    with loaded.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "versions": {"python": platform.python_version()} | {n: _version(n) for n in _PACKAGES},
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "weights": {
            "file": loaded.path.name,
            "sha256": digest,
            "model_id": loaded.model_id,
            "preset": loaded.model.config.preset,
            "training": loaded.training,
        },
    }


def as_json(
    results: Sequence[ClipResult],
    summary: Mapping[str, Any],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """One JSON document of a run.

    Args:
        results: what the protocol gave.
        summary: from `summarise`.
        about: `origin` and whatever else says how the run was made (data's hash, settings, seeds).

    Returns:
        Plain values; null stands for what has no value.
    """
    document = {
        "format": FORMAT,
        "protocol": "self-reenactment",
        **about,
        **summary,
        "clips": [
            {
                "key": each.key,
                "person": each.person,
                "frames": each.frames,
                "rows": each.rows,
                "ratios": each.ratios,
                "speech": each.speech,
            }
            for each in results
        ],
    }
    plain: dict[str, Any] = _plain(document)
    return plain


def write_json(document: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a document.

    Raises:
        InputError: the place cannot be written.
    """
    with writing(path) as partial:
        partial.write_text(json.dumps(_plain(document), indent=1) + "\n", encoding="utf-8")


def as_markdown(summary: Mapping[str, Any]) -> str:
    """The summary as tables: medians over clips, 95 % intervals, how many clips count."""
    rows, ratios = summary["rows"], summary["ratios"]
    head = ["", *rows, *(f"{row} / {STILL}" for row in ratios), "clips"]
    body = []
    for name, title, digits in _MEASURES:
        cells = [_cell(rows[row][name], digits) for row in rows]
        shares = [_cell(each[name], 2) if name in each else "" for each in ratios.values()]
        body.append([title, *cells, *shares, str(rows[MODEL][name].n)])
    text = table(head, body)
    speech = summary["speech"]
    if speech:
        order = [row for row in (REAL, MODEL, SHUFFLED, LOUDNESS, STILL) if row in speech]
        body = [
            [title, *(_cell(speech[row].get(name), digits) for row in order)]
            for name, title, digits in _SPEECH
        ]
        text += "\nLips driven by sound, all else by the frames "
        text += f"({speech[MODEL]['mouth_r'].n} clips):\n\n"
        text += table(["", *order], body)
    return text


def contact_sheet(results: Sequence[ClipResult], persons: int = 6) -> NDArray[np.uint8]:
    """Source, driving frames and the model's frames of some persons, two persons side by side.

    Args:
        results: what the protocol gave; of each person the first clip is shown.
        persons: how many, evenly spaced over all.

    Returns:
        (H, W, 3) uint8 RGB. Per person, above: the source and real frames; below: the model's.
    """
    first = {each.person: each for each in reversed(results)}
    shown = [first[person] for person in sorted(first)]
    at = np.linspace(0, len(shown) - 1, min(persons, len(shown))).round().astype(int)
    blocks = []
    for clip in (shown[i] for i in at):
        sample = clip.sample
        above = np.concatenate([sample.source, *sample.driving], axis=1)
        label = _label(sample.source.shape[0], (clip.person, "above: real", "below: model"))
        below = np.concatenate([label, *sample.made], axis=1)
        blocks.append(np.concatenate([above, below], axis=0))
    if len(blocks) % 2:
        blocks.append(np.full_like(blocks[0], 255))
    pairs = [np.concatenate(blocks[i : i + 2], axis=1) for i in range(0, len(blocks), 2)]
    return np.concatenate(pairs, axis=0)


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


def _cell(value: Interval | None, digits: int) -> str:
    if value is None or value.n == 0:
        return "–"
    middle, low, high = (f"{each:.{digits}f}" for each in (value.median, value.low, value.high))
    return middle if low == middle == high else f"{middle} ({low} to {high})"


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells."""
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float | np.floating):
        # Six significant digits: beyond that there is only noise.
        return float(f"{float(value):.6g}") if math.isfinite(value) else None
    return value
