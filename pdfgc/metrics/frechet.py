"""How far two sets of pictures are apart, by the features of a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def frechet_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Fréchet distance of the two Gaussians that fit two sets of features.

    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
    Equilibrium", NeurIPS 2017, section 3: with the pooled features of Inception v3 it is FID. It
    grows as sets become smaller: compare sets of equal size only.

    Args:
        first: (n, D) features, n at least 2.
        second: (m, D) features, m at least 2.

    Returns:
        At least 0; 0 for equal means and covariances.

    >>> points = np.random.default_rng(0).normal(size=(50, 3))
    >>> round(frechet_distance(points, points + [2.0, 0, 0]), 6)
    4.0
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if min(len(one), len(two)) < 2 or one.shape[1:] != two.shape[1:] or one.ndim != 2:
        raise ValueError(f"expected (n, D) and (m, D), given {one.shape} and {two.shape}")
    apart = one.mean(0) - two.mean(0)
    spread_one, spread_two = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (one, two))
    # The product of two covariances has real eigenvalues of at least 0: no matrix root is needed.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(spread_one @ spread_two).real, 0))
    distance = apart @ apart + np.trace(spread_one) + np.trace(spread_two) - 2 * roots.sum()
    return float(max(distance, 0.0))
