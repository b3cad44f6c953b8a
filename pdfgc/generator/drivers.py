"""What drives a generator: codes, or the unified motion feature of stage 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdfgc.encoders.layers import head
from pdfgc.motion import eye_of_codes, face_of_codes, mouth_of_codes, pose_of_codes


@dataclass(frozen=True)
class Driven:
    """Motion as the generator takes it.

    Attributes:
        style: (..., style_width) embedded motion.
        pose: (..., 6) the pose code by itself: where the head stands is geometry.
        eye: (..., 4) gaze yaw and pitch, left and right openness by themselves, likewise.
        mouth: (..., 1) how far the lips part, by itself, likewise.
        face: (..., 2) rise of the brows and widening of the mouth, by themselves, likewise.
    """

    style: Tensor
    pose: Tensor
    eye: Tensor
    mouth: Tensor
    face: Tensor

    def of(self, shots: int) -> Driven:
        """(B * K, ...) to (B, K, ...), the K of one sample together."""
        parts = (self.style, self.pose, self.eye, self.mouth, self.face)
        return Driven(*(torch.unflatten(part, 0, (-1, shots)) for part in parts))


class CodesDriver(nn.Module):
    """Embeds joined factor codes (`pdfgc.motion.Codes.join`).

    Args:
        width: width of the joined codes.
        style_width: width of the embedding.
        scale: (width,) what each value is multiplied by first; see `pdfgc.motion.code_scale`.
    """

    scale: Tensor

    def __init__(self, width: int, style_width: int, scale: Tensor | None = None) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("scale", torch.ones(width) if scale is None else scale, False)
        self.embed = head(width, style_width, style_width)

    def forward(self, codes: Tensor) -> Tensor:
        """(..., width) to (..., style_width).

        Raises:
            ValueError: the codes have another width.
        """
        if codes.shape[-1] != self.width:
            raise ValueError(f"expected (..., {self.width}) codes, given {tuple(codes.shape)}")
        embedding: Tensor = self.embed(codes * self.scale)
        return embedding

    def drive(self, codes: Tensor) -> Driven:
        """Joined codes (..., width) as motion: embedded, and what is geometry by itself."""
        return Driven(
            self(codes),
            pose_of_codes(codes),
            eye_of_codes(codes),
            mouth_of_codes(codes),
            face_of_codes(codes),
        )


class FeatureDriver(CodesDriver):
    """Embeds the motion feature of `MotionEncoder`: the input of G_0 in stage 1 of PD-FGC.

    Stage 3 puts `CodesDriver` in its place; all else of the generator is kept.
    """
