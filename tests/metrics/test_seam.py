from __future__ import annotations

import numpy as np
import pytest

from pdfgc.compositor import Compositor, soft_mask
from pdfgc.metrics import seam_error

SIDE = 64


def _mask(feather: bool) -> np.ndarray:
    axis = (np.arange(SIDE) + 0.5) / SIDE
    soft = soft_mask(axis[None], axis[:, None])
    return soft if feather else (soft > 0.5).astype(float)


def test_a_hard_edge_counts_by_its_height() -> None:
    under = np.full((SIDE, SIDE, 3), 100, np.uint8)
    mask = np.zeros((SIDE, SIDE))
    mask[:, : SIDE // 2] = 1  # a straight border
    pasted = under.copy()
    pasted[:, : SIDE // 2] = 151
    # Half of the step lies on each of the two pixels beside the border.
    assert seam_error(pasted[None], under, mask) == pytest.approx([0.2 / 2])


def test_what_was_there_before_is_no_seam() -> None:
    rng = np.random.default_rng(0)
    under = rng.integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    assert seam_error(under[None], under, _mask(True)) == pytest.approx([0])


def test_a_soft_border_leaves_less_of_a_seam_than_a_hard_one() -> None:
    under = np.full((SIDE, SIDE, 3), 100, np.uint8)
    head = np.full((SIDE, SIDE, 3), 140, np.uint8)
    crop = np.array([SIDE / 2, SIDE / 2, SIDE])
    soft = Compositor(under, crop).paste(head)
    hard = np.where(_mask(False)[..., None] > 0, head, under)
    values = [
        seam_error(each[None], under, _mask(feather))[0]
        for each, feather in ((soft, True), (hard, False))
    ]
    assert 0 < values[0] < 0.5 * values[1]


def test_sizes_must_fit() -> None:
    with pytest.raises(ValueError, match="one size"):
        seam_error(
            np.zeros((1, 4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8), np.zeros((3, 4))
        )
    flat = np.zeros((1, 4, 4, 3), np.uint8)
    assert np.isnan(seam_error(flat, flat[0], np.ones((4, 4)))).all()
