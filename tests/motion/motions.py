"""Motions of chance."""

from __future__ import annotations

import numpy as np

from pdfgc.motion import Motion


def talk(frames: int = 20, fps: float = 25, seed: int = 0) -> Motion:
    rng = np.random.default_rng(seed)
    lip = rng.normal(size=(frames, 8))
    lip /= np.linalg.norm(lip, axis=1, keepdims=True)
    return Motion(
        lip.astype(np.float32),
        rng.normal(size=(frames, 6)).astype(np.float32),
        rng.normal(size=(frames, 6)).astype(np.float32),
        rng.normal(size=(frames, 30)).astype(np.float32),
        fps,
        "model-a",
    )
