"""A head that moves by geometry alone: pictures with labels that nobody recorded."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pdfgc.generator.drivers import Driven
from pdfgc.generator.eyes import unfolded
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
    def motion(self, view: View, driving: Driven) -> HeadMotion:
        """The motion that brings views where they are asked to be.

        Args:
            view: n views that know their persons' shapes.
            driving: n motions, those of `motion_of` with something else in them.
        """
        source, side = motion_of(view).of(1), view.image.shape[-1]
        return self._head.between(view.shape[:, None], source, driving, side)

    @staticmethod
    def warped(view: View, motion: HeadMotion) -> Tensor:
        """The views' pictures (n, 3, S, S), moved."""
        side = view.image.shape[-1]
        grid = identity_grid(side, side, view.image.device)

        def sampled(field: Tensor) -> Tensor:
            at = grid + field[:, 0].permute(0, 2, 3, 1)
            return F.grid_sample(view.image, at, padding_mode="border", align_corners=False)

        return unfolded(sampled(motion.field), sampled(motion.skin), motion.lid[:, 0])


def motion_of(view: View) -> Driven:
    """The motion of n views themselves; of brows and corners only a difference to it counts."""
    n = len(view.pose)
    return Driven(
        torch.zeros(n, 1), view.pose, view.eye, view.mouth[:, None], view.pose.new_zeros(n, 2)
    )
