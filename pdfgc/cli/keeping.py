"""Codes that are kept beside a clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdfgc.avatar import Clip


def keep_motion(clip: Clip, save_motion: Path | None, plot: Path | None) -> None:
    """Write the codes of a clip, as a motion and as a picture, where that was asked for."""
    if save_motion is not None:
        clip.motion.save(save_motion)
    if plot is not None:
        clip.plot(plot)
