"""`Motion`, the codes of every factor over time, and their order and width."""

from __future__ import annotations

from pdfgc.motion.codes import (
    ANGLES,
    BLINK,
    CONTROLLED,
    EXPRESSION_WIDTH,
    EYE_WIDTH,
    FACTORS,
    GAZE,
    OPENING_MIDDLE,
    OPENING_SPAN,
    OPENNESS,
    PLACE,
    POSE_WIDTH,
    Codes,
    code_scale,
    code_width,
    eye_of_codes,
    mouth_of_codes,
    opening_of_lip,
    pose_of_codes,
    with_opening_of,
)
from pdfgc.motion.motion import Motion

__all__ = [
    "ANGLES",
    "BLINK",
    "CONTROLLED",
    "EXPRESSION_WIDTH",
    "EYE_WIDTH",
    "FACTORS",
    "GAZE",
    "OPENING_MIDDLE",
    "OPENING_SPAN",
    "OPENNESS",
    "PLACE",
    "POSE_WIDTH",
    "Codes",
    "Motion",
    "code_scale",
    "code_width",
    "eye_of_codes",
    "mouth_of_codes",
    "opening_of_lip",
    "pose_of_codes",
    "with_opening_of",
]
