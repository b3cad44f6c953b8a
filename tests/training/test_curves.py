"""Curves of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from pdfgc.training.curves import draw_curves


def _drawn(folder: Path, values: list[float]) -> np.ndarray:
    lines = folder / "scalars.jsonl"
    rows = [
        {"step": 10 * i, "loss": v, "flow": 1.0, "shape": 2.0, "detail": 3.0, "seconds": i}
        for i, v in enumerate(values)
    ]
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    draw_curves(lines, folder / "curves.png")
    return np.asarray(Image.open(folder / "curves.png").convert("RGB"))


def test_what_was_logged_is_drawn(tmp_path: Path) -> None:
    falling = _drawn(tmp_path, [3.0, 2.0, 1.0])
    rising = _drawn(tmp_path, [1.0, 2.0, 3.0])
    assert falling.shape == rising.shape
    changed = (falling != rising).any(axis=(0, 2))
    # The first field shows the loss; where others begin depends on their labels' widths.
    assert changed[: len(changed) // 4].any()
    assert not changed[len(changed) // 2 :].any()


def test_an_empty_log_gives_no_picture(tmp_path: Path) -> None:
    (tmp_path / "scalars.jsonl").touch()
    draw_curves(tmp_path / "scalars.jsonl", tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()
