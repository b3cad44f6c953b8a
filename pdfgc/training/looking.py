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

from pdfgc.training.batches import View
from pdfgc.training.moved import draw_eyes
from pdfgc.training.virtual import VirtualHead


class Looker:
    """Moves the eyes of pictures.

    Args:
        head: what the eyes move upon.
    """

    def __init__(self, head: VirtualHead) -> None:
        self._head = head

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

    def look(self, view: View, eye: Tensor) -> Tensor:
        """Pictures (n, 3, S, S) of views whose eyes are as asked: (n, 4) gaze and openness."""
        return self._head.warped(view, self._head.motion(view, eye, view.mouth, view.pose))
