"""What is measured, as pure functions on arrays; the protocols are in `pdfgc.evaluation`."""

from __future__ import annotations

from pdfgc.metrics.blink import BlinkScore, find_blinks, score_blinks
from pdfgc.metrics.bootstrap import Interval, bootstrap_median
from pdfgc.metrics.correlation import LaggedCorrelation, correlation, lagged_correlation
from pdfgc.metrics.gaze import gaze_correlation, gaze_error_deg, looking_axes
from pdfgc.metrics.jitter import jitter
from pdfgc.metrics.landmarks import interocular, landmark_distance, mouth_distance
from pdfgc.metrics.picture import l1, psnr, ssim
from pdfgc.metrics.pose import moving_axes, pose_correlation, pose_error_deg, rotation_error_deg
from pdfgc.metrics.speech import envelope, loudness_db, silence_opening, silent_frames
from pdfgc.metrics.still import ratio_to_still, with_failures

__all__ = [
    "BlinkScore",
    "Interval",
    "LaggedCorrelation",
    "bootstrap_median",
    "correlation",
    "envelope",
    "find_blinks",
    "gaze_correlation",
    "gaze_error_deg",
    "interocular",
    "jitter",
    "l1",
    "lagged_correlation",
    "landmark_distance",
    "looking_axes",
    "loudness_db",
    "mouth_distance",
    "moving_axes",
    "pose_correlation",
    "pose_error_deg",
    "psnr",
    "ratio_to_still",
    "rotation_error_deg",
    "score_blinks",
    "silence_opening",
    "silent_frames",
    "ssim",
    "with_failures",
]
