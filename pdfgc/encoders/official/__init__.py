"""The encoders of the released PD-FGC networks, written anew from their published layout."""

from pdfgc.encoders.official.appearance import OfficialAppearanceEncoder
from pdfgc.encoders.official.motion import (
    OfficialExpressionEncoder,
    OfficialEyeEncoder,
    OfficialLipEncoder,
    OfficialMotionEncoder,
    OfficialPoseEncoder,
)
from pdfgc.encoders.official.speech import OfficialSpeechEncoder

__all__ = [
    "OfficialAppearanceEncoder",
    "OfficialExpressionEncoder",
    "OfficialEyeEncoder",
    "OfficialLipEncoder",
    "OfficialMotionEncoder",
    "OfficialPoseEncoder",
    "OfficialSpeechEncoder",
]
