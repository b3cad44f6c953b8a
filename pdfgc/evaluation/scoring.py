"""One row of a case: what is measured on its frames, beside the real ones."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdfgc.compositor import Compositor, soft_mask
from pdfgc.evaluation.case import MODEL, REAL, STILL, Sample, Values
from pdfgc.evaluation.channels import channels
from pdfgc.evaluation.clips import resized
from pdfgc.evaluation.measuring import Measured, measure
from pdfgc.media import VideoWriter, read_video
from pdfgc.metrics import (
    correlation,
    expression_distance,
    find_blinks,
    gaze_correlation,
    gaze_error_deg,
    jitter,
    l1,
    landmark_distance,
    mouth_distance,
    mouth_sharpness,
    ms_ssim,
    pose_correlation,
    pose_error_deg,
    psnr,
    ratio_to_still,
    score_blinks,
    seam_error,
    ssim,
)
from pdfgc.tracking import FaceBackend

FACES = 4
"""Frames of a row whose identity is scored."""
EVERY = 4
"""Of the frames of a row, every how many-th counts where pictures as a whole are compared."""

Pictures = NDArray[np.uint8]
Floats = NDArray[np.float64]

# H.264's quality for every row, nearly free of loss to the eye; and that of films to look at.
_CRF, _FILM_CRF = 18.0, 30.0
_FILM_SIDE = 160
# A mouth moves if the middle 90 % of its opening spans this much (interocular distances).
_MOUTH_MOVES = 0.05
_MAX_PSNR = 100.0
_SAMPLES = 5
_SEAM_FRAMES = 8
# What a reader wants to see over time.
_SHOWN = ("yaw", "pitch", "gaze yaw", "gaze pitch", "openness", "mouth")


def encoded(pictures: Pictures, fps: float, crf: float = _CRF) -> Pictures:
    """The frames (T, S, S, 3) after the codec that users' files go through."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "row.mp4"
        _write(path, pictures, fps, crf)
        return np.stack([frame.image for frame in read_video(path)])


def _write(
    path: Path,
    pictures: Pictures,
    fps: float,
    crf: float,
    sound: NDArray[np.float32] | None = None,
) -> None:
    # On several threads x264 does not always give the same bytes; runs must give the same numbers.
    with VideoWriter(path, fps=fps, audio=sound, crf=crf, threads=1) as writer:
        for picture in pictures:
            writer.write(picture)


def sample(
    source: Pictures,
    driving: Pictures,
    made: Pictures,
    fps: float,
    sound: NDArray[np.float32] | None = None,
) -> Sample:
    """Frames of one case to look at: source (S, S, 3), driving and made (T, S, S, 3)."""
    at = np.linspace(0, len(driving) - 1, _SAMPLES).round().astype(int)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        sides = [resized(each, _FILM_SIDE) for each in (driving, made)]
        _write(path, np.concatenate(sides, axis=2), fps, _FILM_CRF, sound)
        film = path.read_bytes()
    return Sample(source.copy(), driving[at], made[at], film)


def measured(pictures: Pictures, fps: float, backend: FaceBackend, still: Measured) -> Measured:
    """What is seen in frames (T, S, S, 3); the held-still face where there is none."""
    found = measure(pictures, fps, backend)
    if found is None:
        lost = np.zeros(len(pictures), np.bool_)
        return Measured(still.landmarks, still.pose, still.gaze, still.aperture, still.mouth, lost)
    return found.filled(still)


def likeness(pictures: Pictures, real: Pictures) -> Values:
    """How near frames are to the real ones as pictures."""
    return {
        "psnr": float(np.minimum(psnr(pictures, real), _MAX_PSNR).mean()),
        "ssim": float(ssim(pictures, real).mean()),
        "ms_ssim": float(ms_ssim(pictures, real).mean()),
    }


def sharp_mouth(pictures: Pictures, seen: Measured, real: Pictures, shown: Measured) -> float:
    """Median sharpness of the mouth over that of real frames of the same size."""
    own = np.nanmedian(mouth_sharpness(pictures[::EVERY], seen.landmarks[::EVERY]))
    return float(own / np.nanmedian(mouth_sharpness(real[::EVERY], shown.landmarks[::EVERY])))


def seam(pictures: Pictures, source: Pictures) -> float:
    """Mean seam error of heads (T, S, S, 3) pasted back over their source (S, S, 3)."""
    side = len(source)
    compositor = Compositor(source, np.array([side / 2, side / 2, side]))
    at = np.linspace(0, len(pictures) - 1, _SEAM_FRAMES).round().astype(int)
    pasted = np.stack([compositor.paste(pictures[n]) for n in at])
    axis = (np.arange(side) + 0.5) / side
    return float(seam_error(pasted, source, soft_mask(axis[None], axis[:, None])).mean())


def steadiness(seen: Measured) -> Values:
    """How a face trembles, and how often there is none."""
    # A face that was held where none was found would pass for a steady one.
    steady = jitter(seen.landmarks) if seen.found.all() else float("nan")
    return {"jitter": steady, "lost": float(1 - seen.found.mean())}


def motion_errors(seen: Measured, real: Measured, open_eye: Floats) -> dict[str, Floats]:
    """Errors of each frame, (T,) each, that say nothing of who is seen.

    Args:
        seen: measured frames.
        real: of the driving clip.
        open_eye: (2,) apertures of the seen person's open eyes.
    """
    angles = pose_error_deg(seen.pose, real.pose)
    lids = np.abs(seen.openness(open_eye) - real.openness(real.open_eye()))
    return {
        "expression": expression_distance(seen.landmarks, real.landmarks),
        "yaw_deg": angles[:, 0],
        "pitch_deg": angles[:, 1],
        "roll_deg": angles[:, 2],
        "gaze_deg": gaze_error_deg(seen.gaze, real.gaze),
        "openness": lids.astype(np.float64),
    }


def errors(
    pictures: Pictures, shown: Pictures, seen: Measured, real: Measured
) -> dict[str, Floats]:
    """Errors of each frame against the person's own clip, (T,) each."""
    return {
        "l1": l1(pictures, shown),
        "landmarks": landmark_distance(seen.landmarks, real.landmarks),
        "mouth": mouth_distance(seen.landmarks, real.landmarks),
        **motion_errors(seen, real, real.open_eye().astype(np.float64)),
    }


def over_still(wrong: Mapping[str, Mapping[str, Floats]]) -> dict[str, Values]:
    """Errors of the real and the made row over those of the source held still.

    Args:
        wrong: (T,) errors by row and measure, the held-still row among them.
    """
    return {
        row: {
            name: float(ratio_to_still(each, wrong[STILL][name]))
            for name, each in wrong[row].items()
        }
        for row in (REAL, MODEL)
    }


def correlations(seen: Measured, real: Measured, open_eye: Floats, fps: float) -> Values:
    """Measures that a still face cannot pass, NaN where the driving clip does not move.

    Args:
        seen: measured frames.
        real: of the driving clip.
        open_eye: (2,) apertures of the seen person's open eyes.
        fps: frames per second.
    """
    angles = pose_correlation(seen.pose, real.pose)
    gaze = gaze_correlation(seen.gaze, real.gaze)
    lids, wanted = seen.openness(open_eye), real.openness(real.open_eye())
    blinks = score_blinks(find_blinks(lids, fps), find_blinks(wanted, fps), fps)
    blinks_enough = blinks.n_reference >= 2
    nan = float("nan")
    low, high = np.percentile(real.mouth, [5, 95])
    return {
        "yaw_r": float(angles[0]),
        "pitch_r": float(angles[1]),
        "roll_r": float(angles[2]),
        "gaze_yaw_r": float(gaze[0]),
        "gaze_pitch_r": float(gaze[1]),
        "openness_r": correlation(lids, wanted) if blinks_enough else nan,
        "blink_f1": blinks.f1 if blinks_enough else nan,
        "mouth_r": correlation(seen.mouth, real.mouth) if high - low > _MOUTH_MOVES else nan,
    }


def series(seen: Measured, open_eye: Floats) -> dict[str, Floats]:
    """The channels that a reader looks at, (T,) each."""
    signals = channels(seen, open_eye)
    return {name: signals[name] for name in _SHOWN}
