"""Virtual eyes: the picture of a face that looks elsewhere, or whose lids have moved.

A person who turns the head keeps looking at the camera: in recordings gaze follows head pose to a
correlation of -0.9 and more, and an encoder learns the head. Here eyeballs and lids of a frame are
moved by the geometry that the generator starts from, on the person's own shape, whatever the head
does; the codes are angles and openness, so what was asked is the label.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pdfgc.generator.drivers import Driven
from pdfgc.generator.head import HeadFlow
from pdfgc.generator.layers import identity_grid
from pdfgc.training.batches import View
from pdfgc.training.moved import draw_eyes


class Looker:
    """Moves the eyes of pictures."""

    def __init__(self) -> None:
        # As it is made: the mean face's surface, and nothing learned moves upon it. The chance
        # that starts the model is not to be touched.
        with torch.random.fork_rng(devices=[]):
            self._head = HeadFlow(1, moves=1).eval().requires_grad_(False)

    def elsewhere(self, view: View, rng: np.random.Generator) -> View:
        """The same frames with eyes and lids moved by chance.

        Args:
            view: n views that know their persons' shapes.
            rng: source of chance.

        Returns:
            n views with other pictures and labels; landmarks are those of the frames.
        """
        gaze, openness, _ = draw_eyes(view.eye.numpy(), rng)
        eye = torch.from_numpy(np.concatenate([gaze, openness], axis=1).astype(np.float32))
        return replace(view, image=self.look(view, eye), eye=eye)

    @torch.no_grad()
    def look(self, view: View, eye: Tensor) -> Tensor:
        """Pictures (n, 3, S, S) of views whose eyes are as asked: (n, 4) gaze and openness."""
        style, side = torch.zeros(len(eye), 1), view.image.shape[-1]
        source = Driven(style[:, None], view.pose[:, None], view.eye[:, None])
        shape = view.shape[:, None]
        field = self._head.between(shape, source, Driven(style, view.pose, eye), side).field
        grid = identity_grid(side, side, eye.device) + field[:, 0].permute(0, 2, 3, 1)
        return F.grid_sample(view.image, grid, padding_mode="border", align_corners=False)
