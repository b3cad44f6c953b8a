"""What each stage minimises: an objective draws batches, runs the model and names its losses."""

from pdfgc.training.objectives.appearance import AppearanceObjective
from pdfgc.training.objectives.base import Objective, Outcome, Pictures
from pdfgc.training.objectives.expression import ExpressionObjective
from pdfgc.training.objectives.eye import EyeObjective
from pdfgc.training.objectives.features import FrameFeatures
from pdfgc.training.objectives.lip import LipObjective
from pdfgc.training.objectives.pose import PoseObjective

__all__ = [
    "AppearanceObjective",
    "ExpressionObjective",
    "EyeObjective",
    "FrameFeatures",
    "LipObjective",
    "Objective",
    "Outcome",
    "Pictures",
    "PoseObjective",
]
