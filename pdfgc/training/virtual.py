"""A head that moves by geometry alone: pictures with labels that nobody recorded."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pdfgc.generator.drivers import Driven
from pdfgc.generator.head import HeadFlow, HeadMotion
from pdfgc.generator.layers import identity_grid
from pdfgc.training.batches import View


class VirtualHead:
    """The generator's head as it is made: the mean face's surface on the person's own shape.

    Nothing that is learned moves upon it.
    """

    def __init__(self) -> None:
        # The chance that starts the model is not to be touched.
        with torch.random.fork_rng(devices=[]):
            self._head = HeadFlow(1, moves=1).eval().requires_grad_(False)

    @torch.no_grad()
    def motion(self, view: View, eye: Tensor, mouth: Tensor, pose: Tensor) -> HeadMotion:
        """The motion that gives views other eyes, mouths and poses.

        Args:
            view: n views that know their persons' shapes.
            eye: (n, 4) gaze yaw and pitch (rad), left and right openness.
            mouth: (n,) opening.
            pose: (n, 6) pose.
        """
        style, still = torch.zeros(len(eye), 1), torch.zeros(len(eye), 2)
        side = view.image.shape[-1]
        source = Driven(style, view.pose, view.eye, view.mouth[:, None], still).of(1)
        driving = Driven(style, pose, eye, mouth[:, None], still)
        return self._head.between(view.shape[:, None], source, driving, side)

    @staticmethod
    def warped(view: View, motion: HeadMotion) -> Tensor:
        """The views' pictures (n, 3, S, S), moved."""
        side = view.image.shape[-1]
        grid = identity_grid(side, side, view.image.device)
        grid = grid + motion.field[:, 0].permute(0, 2, 3, 1)
        return F.grid_sample(view.image, grid, padding_mode="border", align_corners=False)
