from __future__ import annotations

import subprocess
import sys

import numpy as np

from pdfgc.evaluation.resident import peak_mb

_ASK = "from pdfgc.evaluation.resident import peak_mb; print(peak_mb())"


def _of_a_child() -> float:
    done = subprocess.run([sys.executable, "-c", _ASK], check=True, capture_output=True, text=True)
    return float(done.stdout)


def test_the_peak_counts_what_was_let_go() -> None:
    before = peak_mb()
    held = np.ones(max(1, int(before + 200)) * 2**17)
    del held
    assert peak_mb() > before + 150


def test_a_child_does_not_inherit_its_parents_peak() -> None:
    alone = _of_a_child()
    held = np.ones(int(alone + 400) * 2**17)
    assert held.nbytes > alone * 2**20
    assert _of_a_child() < 1.5 * alone
