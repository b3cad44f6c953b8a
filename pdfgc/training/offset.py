"""How far sound and mouth are apart in a clip: loudness against mouth opening."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.metrics.speech import envelope, loudness_db
from pdfgc.tracking.track import FaceTrack
from pdfgc.training.pack_config import PackConfig

_REACH_S = 0.8
_LEAST_S = 2.0


@dataclass(frozen=True)
class Offset:
    """Where sound and mouth fit best.

    Attributes:
        ms: by how much the sound is later than the lips.
        r: Pearson correlation there; 0 where the clip is too short or silent to tell.
    """

    ms: float
    r: float


def offset_of(track: FaceTrack, sound: NDArray[np.float32], config: PackConfig) -> Offset:
    """Find the lag at which loudness follows the mouth's opening best.

    A crude measure, as mouths open for other reasons too: right to a frame or two on several
    seconds of speech, and worth believing where its correlation is high.

    Args:
        track: of the piece.
        sound: (N,) float32 sound of the piece.
        config: rates.
    """
    n_frames = len(track)
    if n_frames < _LEAST_S * config.fps:
        return Offset(0.0, 0.0)
    loud = envelope(loudness_db(sound, n_frames, round(config.sample_rate / config.fps)))
    mouth = np.asarray(track.mouth, np.float64)
    reach = min(round(_REACH_S * config.fps), n_frames // 3)
    best = Offset(0.0, 0.0)
    for lag in range(-reach, reach + 1):
        # Sound that is later by `lag` frames: loudness at t + lag belongs to the mouth at t.
        ahead, behind = loud[max(0, lag) : n_frames + min(0, lag)], mouth[max(0, -lag) :]
        behind = behind[: len(ahead)]
        if ahead.std() < 1e-6 or behind.std() < 1e-6:
            continue
        r = float(np.corrcoef(ahead, behind)[0, 1])
        if r > best.r:
            best = Offset(lag * 1000 / config.fps, r)
    return best
