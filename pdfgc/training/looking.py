"""Virtual eyes: the picture of a face that looks elsewhere, or whose lids or brows have moved.

A person who turns the head keeps looking at the camera: in recordings gaze follows head pose to a
correlation of -0.9 and more, and an encoder learns the head. Here eyeballs and lids of a frame are
moved by the geometry that the generator starts from, on the person's own shape, whatever the head
does; the codes are angles and openness, so what was asked is the label. Brows are moved likewise:
most persons are seen with theirs at rest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pdfgc.training.batches import View
from pdfgc.training.moved import RISE, draw_eyes
from pdfgc.training.virtual import VirtualHead, motion_of


class Looker:
    """Moves the eyes and brows of pictures.

    Args:
        head: what the eyes move upon.
    """

    def __init__(self, head: VirtualHead) -> None:
        self._head = head

    def elsewhere(self, view: View, rng: np.random.Generator) -> View:
        """The same frames with eyes, lids and brows moved by chance.

        Args:
            view: n views that know their persons' shapes.
            rng: source of chance.

        Returns:
            n views with other pictures and labels; landmarks are those of the frames.
        """
        n = len(view.row)
        gaze, openness, _ = draw_eyes(view.eye.numpy(), rng)
        eye = torch.from_numpy(np.concatenate([gaze, openness], axis=1).astype(np.float32))
        drawn = rng.uniform(*RISE, n) * (rng.random(n) < 0.5)
        rise = torch.from_numpy(drawn.astype(np.float32))
        image = self.look(view, eye, rise)
        return replace(view, image=image, eye=eye, brow=view.brow + rise)

    def look(self, view: View, eye: Tensor, rise: Tensor) -> Tensor:
        """Pictures (n, 3, S, S) of views whose eyes and brows are as asked.

        Args:
            view: n views that know their persons' shapes.
            eye: (n, 4) gaze and openness.
            rise: (n,) by how much the brows rise (interocular distances).
        """
        face = torch.stack([rise, torch.zeros_like(rise)], dim=1)
        asked = replace(motion_of(view), eye=eye, face=face)
        return self._head.warped(view, self._head.motion(view, asked))
