"""The stages of progressive training: a stage is a row of data, the loop knows no stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import nn

from pdfgc.config import TrainConfig
from pdfgc.errors import InputError
from pdfgc.model import TalkingHead
from pdfgc.training.meta import LandmarksObjective, MetaObjective, UnmatchedObjective
from pdfgc.training.objectives import (
    AppearanceObjective,
    ExpressionObjective,
    EyeObjective,
    LipObjective,
    Objective,
    PoseObjective,
)
from pdfgc.training.teaching import TeachersObjective

_PICTURE_LOSSES = {
    "reconstruction": 10.0,
    "synthesis": 3.0,
    "flow": 10.0,
    "detail": 30.0,
    "roughness": 4.0,
    "shape": 20.0,
    "content": 1.0,
    "adversarial": 0.1,
    "feature_matching": 2.0,
    "match": 1.0,
}

_FOLLOWING = {
    "lip_consistency": 0.3,
    "gaze_consistency": 1.0,
    "openness_consistency": 1.0,
    "pose_consistency": 1.0,
}

# No frozen encoder judges a virtual motion: without a true picture beside it the generator paints
# what flatters the judge (seen: green brows on closed eyes).
_MOVED = {
    "flow": 10.0,
    "detail": 30.0,
    "roughness": 4.0,
    "shape": 20.0,
    "reconstruction": 10.0,
    "synthesis": 3.0,
    "adversarial": 0.1,
}

# Few-shot paper, section 3.4; the pixels stand in for the VGG networks where none are supplied.
_META_LOSSES = {
    "content": 1.0,
    "reconstruction": 5.0,
    "flow": 10.0,
    "adversarial": 1.0,
    "feature_matching": 10.0,
    "match": 80.0,
}
_META_RUN = TrainConfig(
    steps=75_000,
    batch_size=8,
    learning_rate=5e-5,
    adversary_learning_rate=2e-4,
    adversary_steps=2,
    shots=8,
)


@dataclass(frozen=True)
class Stage:
    """One row of progressive training.

    Attributes:
        name: what the command line calls it.
        trains: attributes of `TalkingHead` that learn; all else is frozen.
        starts_from: stages whose results it needs, the latest last.
        objective: its losses.
        weights: weight of every loss by the name that is logged.
        defaults: its run, unless told otherwise.
        driver: what drives the generators that it is for.
    """

    name: str
    trains: tuple[str, ...]
    starts_from: tuple[str, ...]
    objective: type[Objective]
    weights: Mapping[str, float]
    defaults: TrainConfig
    driver: str = "codes"


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            name="teachers",
            trains=(),
            starts_from=(),
            objective=TeachersObjective,
            weights={"geometry": 5.0, "gaze": 5.0, "expression": 5.0, "identity": 0.5},
            defaults=TrainConfig(steps=2500, batch_size=32, learning_rate=1e-3),
        ),
        Stage(
            name="appearance",
            trains=("encoders.motion", "encoders.appearance", "generator"),
            starts_from=(),
            objective=AppearanceObjective,
            weights=_PICTURE_LOSSES | {"tracker": 1.0},
            defaults=TrainConfig(steps=5000, batch_size=16, trunk_steps=1000, adversary_start=3000),
        ),
        Stage(
            name="lip",
            trains=("encoders.lip", "encoders.speech"),
            starts_from=("appearance",),
            objective=LipObjective,
            weights={
                "contrast": 1.0,
                "wrong": 0.5,
                "width": 2.0,
                "opening": 2.0,
                "opening_change": 2.0,
                "speech_opening": 1.0,
                "widening": 0.25,
                "widening_change": 0.5,
            },
            defaults=TrainConfig(steps=3000, batch_size=12, learning_rate=5e-4),
        ),
        Stage(
            name="eye",
            trains=("encoders.eye", "encoders.brow"),
            starts_from=("lip",),
            objective=EyeObjective,
            weights={
                "eye_contrast": 0.5,
                "gaze": 5.0,
                "openness": 2.0,
                "gaze_change": 10.0,
                "openness_change": 2.0,
                "brow": 5.0,
                "brow_change": 10.0,
                "brow_points": 2.0,
            },
            defaults=TrainConfig(steps=3000, batch_size=24, learning_rate=1e-3),
        ),
        Stage(
            name="pose",
            trains=("encoders.pose",),
            starts_from=("eye",),
            objective=PoseObjective,
            weights={"pose": 5.0, "pose_change": 5.0, "points": 2.0},
            defaults=TrainConfig(steps=2500, batch_size=32, learning_rate=1e-3),
        ),
        Stage(
            name="expression",
            trains=("encoders.expression", "encoders.appearance", "generator"),
            starts_from=("pose",),
            objective=ExpressionObjective,
            weights=_PICTURE_LOSSES
            | {
                "decorrelation": 5.0,
                "decorrelation_angles": 5.0,
                "motion_consistency": 0.5,
            }
            | _FOLLOWING
            | {f"moved_{name}": weight for name, weight in _MOVED.items()},
            defaults=TrainConfig(steps=4000, batch_size=16, adversary_start=1500),
        ),
        Stage(
            name="landmarks",
            trains=("encoders.transformer",),
            starts_from=(),
            objective=LandmarksObjective,
            weights={"alpha": 1.0},
            defaults=TrainConfig(steps=3000, batch_size=32, learning_rate=1e-3),
            driver="landmarks",
        ),
        Stage(
            name="meta",
            trains=("encoders.appearance", "generator"),
            starts_from=("landmarks",),
            objective=MetaObjective,
            weights=_META_LOSSES,
            defaults=_META_RUN,
            driver="landmarks",
        ),
        Stage(
            name="meta-ff",
            trains=("encoders.appearance", "generator"),
            starts_from=("landmarks",),
            objective=UnmatchedObjective,
            weights=_META_LOSSES,
            defaults=replace(_META_RUN, steps=2 * _META_RUN.steps),
            driver="landmarks",
        ),
    )
}
"""All stages by name, in the order in which they are run."""


def find_stage(name: str) -> Stage:
    """The row of a stage.

    Raises:
        InputError: there is none of this name.
    """
    if name not in STAGES:
        raise InputError(f"There is no stage {name!r}; choose one of {', '.join(STAGES)}.")
    return STAGES[name]


def freeze_all_but(model: TalkingHead, trains: tuple[str, ...]) -> list[nn.Parameter]:
    """Freeze a model but for some of its parts.

    Frozen parts stand in evaluation mode (their batch norms do not move); the others train.

    Args:
        model: the model.
        trains: attributes that learn.

    Returns:
        The parameters that learn.
    """
    model.requires_grad_(False).eval()
    learning: list[nn.Parameter] = []
    for name in trains:
        part = model.get_submodule(name).requires_grad_(True).train()
        learning += list(part.parameters())
    return learning
