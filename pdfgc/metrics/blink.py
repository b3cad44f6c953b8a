"""Blinks: where they are, and whether two clips blink together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import find_peaks

# A blink closes the eye by this much (1 = from open to shut), within this time.
_DEPTH, _LONGEST_S = 0.4, 0.8
# Two lids' closures this near are the same blink: shorter than any pause between two.
_APART_S = 0.16
TOLERANCE_S = 0.12
"""How far two blinks may be apart in time and still be the same."""


@dataclass(frozen=True)
class BlinkScore:
    """How well blinks meet those of a reference.

    Attributes:
        precision: share of the blinks that the reference has too; NaN without any.
        recall: share of the reference's blinks that were met; NaN where it has none.
        f1: harmonic mean; 0 where nothing was met, NaN where neither blinks.
        n_reference: blinks of the reference.
    """

    precision: float
    recall: float
    f1: float
    n_reference: int


def find_blinks(openness: ArrayLike, fps: float) -> NDArray[np.int64]:
    """Frames in which a blink is deepest.

    A blink is a dip of the openness by at least 0.4 that lasts at most 0.8 s at half its depth;
    eyes that are closed for longer, or that look down slowly, do not blink.

    Args:
        openness: (T,) mean openness of both eyes, 1 = the person's open eye.
        fps: frames per second.

    Returns:
        (n,) int64 frame numbers, growing.

    >>> lids = np.ones(50)
    >>> lids[20:24] = [0.5, 0.1, 0.1, 0.6]
    >>> find_blinks(lids, 25).tolist()
    [21]
    """
    lids = np.asarray(openness, np.float64)
    if len(lids) < 3:
        return np.zeros(0, np.int64)
    # The ends count as open, so that a blink at the edge of a clip is one too.
    padded = np.concatenate([[lids.max()], lids, [lids.max()]])
    peaks, _ = find_peaks(
        -padded,
        prominence=_DEPTH,
        width=(None, _LONGEST_S * fps),
        rel_height=0.5,
        distance=max(1, round(_APART_S * fps)),
    )
    return np.asarray(peaks - 1, np.int64)


def score_blinks(
    blinks: ArrayLike, reference: ArrayLike, fps: float, tolerance_s: float = TOLERANCE_S
) -> BlinkScore:
    """Pair the blinks of two clips, each at most once.

    Args:
        blinks: (n,) growing frame numbers.
        reference: (m,) growing frame numbers of the real clip.
        fps: frames per second.
        tolerance_s: how far paired blinks may be apart.

    >>> score_blinks([10, 40], [11, 60], fps=25).f1
    0.5
    """
    found, wanted = (np.sort(np.asarray(each, np.float64)) for each in (blinks, reference))
    met, at = 0, 0
    # On a line, taking the earliest possible partner pairs as many as can be paired.
    for frame in wanted:
        while at < len(found) and found[at] < frame - tolerance_s * fps:
            at += 1
        if at < len(found) and found[at] <= frame + tolerance_s * fps:
            met, at = met + 1, at + 1
    total = len(found) + len(wanted)
    return BlinkScore(
        precision=met / len(found) if len(found) else float("nan"),
        recall=met / len(wanted) if len(wanted) else float("nan"),
        f1=2 * met / total if total else float("nan"),
        n_reference=len(wanted),
    )
