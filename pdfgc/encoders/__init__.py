"""One public encoder per factor, each usable alone."""

from pdfgc.encoders.appearance import Appearance, AppearanceEncoder
from pdfgc.encoders.brow import BrowEncoder
from pdfgc.encoders.eye import EyeEncoder
from pdfgc.encoders.lip import LipEncoder
from pdfgc.encoders.motion import ExpressionEncoder, MotionEncoder
from pdfgc.encoders.pose import PoseEncoder
from pdfgc.encoders.speech import SpeechEncoder

__all__ = [
    "Appearance",
    "AppearanceEncoder",
    "BrowEncoder",
    "ExpressionEncoder",
    "EyeEncoder",
    "LipEncoder",
    "MotionEncoder",
    "PoseEncoder",
    "SpeechEncoder",
]
