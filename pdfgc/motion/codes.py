"""Order and width of the codes; only this package knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

EYE_WIDTH = 6
"""gaze yaw, gaze pitch (rad, relative to the head), left and right openness, two free values."""
POSE_WIDTH = 6
"""yaw, pitch, roll (rad), x, y (fraction of the crop), log-scale: offsets from the template."""
EXPRESSION_WIDTH = 30
FACE_STEP = 0.03
"""The first two values of an expression code say how far the brows are raised and how far the mouth
is drawn apart, in steps of this many interocular distances; only differences of codes count."""
OPENING_MIDDLE, OPENING_SPAN = 0.2, 0.4
"""The first value v of a lip code says how far the lips part: MIDDLE + SPAN * v (inner-lip gap over
the interocular distance; 0 = closed)."""

GAZE = slice(0, 2)
OPENNESS = slice(2, 4)
BLINK = slice(2, 6)
ANGLES = slice(0, 3)
PLACE = slice(3, 6)

FACTORS = ("lip", "eye", "pose", "expression")
"""Order of the factors in a joined code."""
CONTROLLED = ("pose", "gaze", "blink", "expression", "lip")
"""What is driven on its own; gaze and blink are parts of the eye code."""


def code_width(lip_width: int) -> int:
    """Width of one frame's joined code."""
    return lip_width + EYE_WIDTH + POSE_WIDTH + EXPRESSION_WIDTH


def code_scale(lip_width: int) -> tuple[float, ...]:
    """By what each value of a joined code is multiplied so that its spread is about one.

    Angles are small numbers: unscaled, a network learns them last.
    """
    eye = (6.0, 6.0, 3.0, 3.0, 1.0, 1.0)
    pose = (6.0, 6.0, 6.0, 12.0, 12.0, 6.0)
    return (4.0,) * lip_width + eye + pose + (1.0,) * EXPRESSION_WIDTH


def pose_of_codes(joined: Tensor) -> Tensor:
    """The pose (..., 6) in joined codes (..., D)."""
    return joined[..., -(POSE_WIDTH + EXPRESSION_WIDTH) : -EXPRESSION_WIDTH]


def eye_of_codes(joined: Tensor) -> Tensor:
    """Gaze and the openness of both eyes (..., 4) in joined codes (..., D)."""
    start = -(EYE_WIDTH + POSE_WIDTH + EXPRESSION_WIDTH)
    return joined[..., start : start + OPENNESS.stop]


def opening_of_lip(lip: Tensor) -> Tensor:
    """How far lip codes (..., D_lip) part the lips (...): inner-lip gap over interocular distance.

    Below 0 they are pressed together.
    """
    return OPENING_MIDDLE + OPENING_SPAN * lip[..., 0]


def with_opening_of(lip: Tensor, opening: Tensor) -> Tensor:
    """Lip codes (..., D_lip) that part the lips by another opening (...), and are else the same."""
    import torch

    first = ((opening - OPENING_MIDDLE) / OPENING_SPAN).clamp(-0.99, 0.99).unsqueeze(-1)
    others = lip[..., 1:]
    length = others.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    return torch.cat([first, others / length * (1 - first.square()).sqrt()], dim=-1)


def mouth_of_codes(joined: Tensor) -> Tensor:
    """How far joined codes (..., D) part the lips (..., 1)."""
    return opening_of_lip(joined).unsqueeze(-1)


def face_of_expression(expression: Tensor) -> Tensor:
    """Rise of the brows and widening of the mouth (..., 2) that differ between expression codes.

    Args:
        expression: (..., 30) codes, or a difference of codes.

    Returns:
        Interocular distances; of one code alone they mean nothing.
    """
    return FACE_STEP * expression[..., :2]


def face_of_codes(joined: Tensor) -> Tensor:
    """As `face_of_expression`, of joined codes (..., D)."""
    return face_of_expression(joined[..., -EXPRESSION_WIDTH:])


@dataclass(frozen=True)
class Codes:
    """One moment's codes of a batch, as tensors of equal leading shape.

    Attributes:
        lip: (..., D_lip) float, L2-normalised; see `opening_of_lip`.
        eye: (..., 6) float; see `EYE_WIDTH`.
        pose: (..., 6) float; see `POSE_WIDTH`.
        expression: (..., 30) float.
    """

    lip: Tensor
    eye: Tensor
    pose: Tensor
    expression: Tensor

    def join(self) -> Tensor:
        """Join the factors in the order of `FACTORS`: (..., D)."""
        import torch

        return torch.cat([self.lip, self.eye, self.pose, self.expression], dim=-1)
