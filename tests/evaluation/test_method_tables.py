"""The few-shot paper's tables: its layout, its figures, and ours beside them."""

from __future__ import annotations

from math import nan

from pdfgc.evaluation.bench import as_table
from pdfgc.evaluation.method_tables import (
    PAPER_QUALITY,
    PAPER_TIMES,
    Took,
    paper_layout,
    quality_of,
    quality_table,
    time_table,
)
from pdfgc.evaluation.speed import set_up
from pdfgc.metrics import Interval


def _summary() -> dict[str, object]:
    rows = {
        f"T={t}": {
            "ssim": Interval(0.5 + t / 100, 0.4, 0.6, 3, 3),
            "csim": Interval(nan, nan, nan, 0, 0) if t == 1 else Interval(0.8, 0.7, 0.9, 3, 3),
        }
        for t in (32, 1, 8)
    }
    return {"rows": rows, "sets": {"texture": {"T=1": 12.34, "T=8": 11.0, "T=32": 10.0}}}


def test_lines_go_by_t_and_missing_values_stay_empty() -> None:
    lines = quality_of(_summary(), "mine")
    assert [each.shots for each in lines] == [1, 8, 32]
    text = quality_table(paper_layout(_summary(), "mine"))
    rows = text.splitlines()
    assert rows[0] == "| Method (T) | FID ↓ | SSIM ↑ | CSIM ↑ | USER ↓ |"
    assert "| mine (1) | 12.3 | 0.51 | – | – |" in rows
    assert "| mine (32) | 10.0 | 0.82 | 0.80 | – |" in rows
    assert "| Ours-FT (32) | 30.6 | 0.72 | 0.45 | 0.33 |" in rows
    assert "stands in for FID" in text


def test_a_supplied_network_gives_fid() -> None:
    given = _summary() | {"sets": {"inception": {"T=1": 50.0}, "texture": {"T=1": 1.0}}}
    assert next(iter(quality_of(given, "m"))).fid == 50.0
    assert "stands in" not in quality_table(paper_layout(given, "m"))


def test_times_stand_by_t_with_the_time_of_a_frame_below() -> None:
    text = time_table({"here": [Took("a", 0.5, 8), Took("a", 0.02)], "P40": PAPER_TIMES})
    rows = [row.split(" | ")[0].removeprefix("| ") for row in text.splitlines()[2:]]
    assert rows[0] == "*Few-shot learning*"
    assert rows.index("X2Face (1)") < rows.index("a (8)") < rows.index("X2Face (32)")
    assert rows[rows.index("*Inference*") + 1 :] == ["a", "X2Face", "Pix2pixHD", "Ours"]
    assert len(PAPER_QUALITY) == 6


def test_bench_lines_become_the_table_of_times() -> None:
    about = {"device": "cpu", "processor": "x", "threads": 1, "torch": "2", "preset": "p"}
    steps = {"tuning, ms per step, batch 4": 100.0, "generator, ms per frame, batch 1, 64 px": 20.0}
    works = {set_up(1): 30.0, set_up(8): 60.0, **steps}
    lines = [about | {"what": w, "ms": ms, "best_ms": ms, "ratio": 1.0} for w, ms in works.items()]
    text = as_table(lines)
    assert "| p-FF (8) | 0.06 | x, 1 threads |" in text
    assert "| p-FT (1) | 4.03 | x, 1 threads |" in text  # 40 steps and the set-up
    assert "| p-FT (8) | 8.06 | x, 1 threads |" in text  # 8 images: two batches in each pass
    assert "| p | 0.02 | x, 1 threads |" in text
    assert "| Ours-FF (32) | 0.221 | NVIDIA P40, the paper's |" in text
    assert "Few-shot learning" not in as_table([lines[-1] | {"what": "x"}])
