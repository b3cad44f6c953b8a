"""Virtual mouths: the picture of a face whose lips have parted, closed or been drawn apart.

Few persons are seen with their mouths wide open, many once only; an encoder that knows how far a
mouth opens for those it has seen reads half of it for others. Here lips and jaw of a frame are
moved by the geometry that the generator starts from, on the person's own shape; what was asked is
the label. Corners are moved likewise: few persons are seen to smile. What the picture does not
show of a mouth's inside is painted by chance: dark, often with teeth and a tongue.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pdfgc.training.batches import View
from pdfgc.training.moved import MAX_DRAWN, WIDEN, with_opening
from pdfgc.training.virtual import VirtualHead, motion_of

# A mouth less open than this shows nothing that closing it would hide.
_OPEN = 0.04
# What the head needs to know of a view.
_KNOWN = ("pose", "eye", "mouth", "shape")


class Opener:
    """Opens and closes the mouths of pictures.

    Args:
        head: what the lips move upon.
    """

    def __init__(self, head: VirtualHead) -> None:
        self._head = head

    def otherwise(self, view: View, rng: np.random.Generator) -> View:
        """The same frames with mouths opened or closed, and half of them widened, by chance.

        Args:
            view: n views that know their persons' shapes.
            rng: source of chance.

        Returns:
            n views with other pictures and labels; landmarks are those of the frames.
        """
        n = len(view.mouth)
        own = view.mouth.numpy()
        closer = own * rng.random(n)
        wider = MAX_DRAWN * rng.random(n) ** 1.5
        mouth = torch.from_numpy(np.where(rng.random(n) < 0.4, closer, wider).astype(np.float32))
        drawn = rng.uniform(*WIDEN, n) * (rng.random(n) < 0.5)
        apart = torch.from_numpy(drawn.astype(np.float32))
        image = self.part(view, mouth, rng, apart)
        return replace(view, image=image, mouth=mouth, widening=view.widening + apart)

    def closed(self, view: View, rng: np.random.Generator) -> View:
        """The same frames, half of the open mouths nearly closed.

        As sources of a pair they show nothing of the inside that the driving frame shows:
        recordings of one person seldom hold both, and a portrait never does.

        Args:
            view: n views that know their persons' shapes.
            rng: source of chance.

        Returns:
            n views; landmarks and labels go along.
        """
        n, own = len(view.mouth), view.mouth.numpy()
        chosen = (rng.random(n) < 0.5) & (own > _OPEN)
        mouth = np.where(chosen, own * rng.uniform(0, 0.25, n), own).astype(np.float32)
        image = view.image.clone()
        if chosen.any():
            which = torch.from_numpy(np.flatnonzero(chosen))
            part = replace(
                view, **{name: getattr(view, name)[which] for name in ("image", *_KNOWN)}
            )
            image[which] = self.part(part, torch.from_numpy(mouth)[which], rng)
        points = with_opening(view.points.numpy(), mouth - own)
        return replace(
            view, image=image, points=torch.from_numpy(points), mouth=torch.from_numpy(mouth)
        )

    def part(
        self,
        view: View,
        mouth: Tensor,
        rng: np.random.Generator,
        apart: Tensor | None = None,
    ) -> Tensor:
        """Pictures (n, 3, S, S) of views whose lips part as asked.

        Args:
            view: n views that know their persons' shapes.
            mouth: (n,) opening.
            rng: source of chance.
            apart: (n,) by how much the mouths widen (interocular distances); not at all if None.
        """
        asked = replace(motion_of(view), mouth=mouth[:, None])
        if apart is not None:
            asked = replace(asked, face=torch.stack([torch.zeros_like(apart), apart], dim=1))
        motion = self._head.motion(view, asked)
        hidden = motion.hidden[:, 0]
        shown = self._head.warped(view, motion)
        return shown * (1 - hidden) + _inside(motion.inside, rng) * hidden


def _inside(mouth: Tensor, rng: np.random.Generator) -> Tensor:
    """Painted insides (n, 3, S, S) of mouths (n, 3, S, S), see `pdfgc.generator.mouth`."""
    n = len(mouth)
    within = mouth[:, :1].clamp(min=1e-3)
    place, depth = mouth[:, 1:2] / within, mouth[:, 2:] / within

    def chance(low: float, high: float, channels: int = 1) -> Tensor:
        drawn = rng.uniform(low, high, (n, channels, 1, 1)).astype(np.float32)
        return torch.from_numpy(drawn)

    tint = torch.tensor([0.15, -0.05, -0.05])[:, None, None]
    picture = (chance(-1.0, -0.5) + tint * chance(0.0, 2.0)).expand_as(mouth)
    tongue = torch.sigmoid((place - chance(0.45, 1.2)) * 12)
    red = (chance(-0.5, 0.2) + 2 * tint * chance(0.5, 1.5)).expand_as(mouth)
    picture = picture * (1 - tongue) + red * tongue
    # Upper teeth hang from the skull: as long as they are, however far the jaw drops.
    long = chance(-0.3, 0.6)
    teeth = torch.sigmoid((long - depth) * 25)
    white = chance(-0.3, 0.8) + chance(-0.06, 0.06, 3)
    return picture * (1 - teeth) + white * teeth
