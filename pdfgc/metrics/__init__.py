"""What is measured, as pure functions on arrays; the protocols are in `pdfgc.evaluation`."""

from __future__ import annotations

from pdfgc.metrics.blink import BlinkScore, find_blinks, score_blinks
from pdfgc.metrics.bootstrap import Interval, bootstrap_median
from pdfgc.metrics.correlation import LaggedCorrelation, correlation, lagged_correlation
from pdfgc.metrics.expression import expression_distance, expression_shape
from pdfgc.metrics.frechet import frechet_distance
from pdfgc.metrics.gaze import gaze_correlation, gaze_error_deg, looking_axes
from pdfgc.metrics.identity import cosine_similarity, normalised_similarity
from pdfgc.metrics.jitter import jitter
from pdfgc.metrics.landmarks import interocular, landmark_distance, mouth_distance
from pdfgc.metrics.picture import l1, ms_ssim, psnr, ssim
from pdfgc.metrics.pose import moving_axes, pose_correlation, pose_error_deg, rotation_error_deg
from pdfgc.metrics.seam import seam_error
from pdfgc.metrics.sharpness import mouth_sharpness, sharpness
from pdfgc.metrics.speech import envelope, loudness_db, silence_opening, silent_frames
from pdfgc.metrics.still import ratio_to_still, with_failures
from pdfgc.metrics.sync import SyncScore, sync_curve, sync_score
from pdfgc.metrics.texture import texture_distance, texture_features

__all__ = [
    "BlinkScore",
    "Interval",
    "LaggedCorrelation",
    "SyncScore",
    "bootstrap_median",
    "correlation",
    "cosine_similarity",
    "envelope",
    "expression_distance",
    "expression_shape",
    "find_blinks",
    "frechet_distance",
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
    "mouth_sharpness",
    "moving_axes",
    "ms_ssim",
    "normalised_similarity",
    "pose_correlation",
    "pose_error_deg",
    "psnr",
    "ratio_to_still",
    "rotation_error_deg",
    "score_blinks",
    "seam_error",
    "sharpness",
    "silence_opening",
    "silent_frames",
    "ssim",
    "sync_curve",
    "sync_score",
    "texture_distance",
    "texture_features",
    "with_failures",
]
