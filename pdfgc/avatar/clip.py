"""`Clip`: a video that is made while it is looked at or written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.avatar.controls import Progress
from pdfgc.avatar.encoding import joined
from pdfgc.compositor import Compositor
from pdfgc.encoders import Appearance
from pdfgc.media import Recording, write_video
from pdfgc.media.sound import MOST_HZ
from pdfgc.model import TalkingHead
from pdfgc.motion import Motion

_THUMBNAILS = 10

Drawing = Callable[[Appearance, Tensor, Tensor], Tensor]
"""What a generator does: looks, source codes and driving codes to pictures."""


class Painter:
    """Draws frames of one person from codes.

    Args:
        model: the model.
        appearance: look of the person from K sources (batch of 1).
        source: (1, K, D) joined codes of the sources.
        compositor: pastes the head into the first source image; None gives the model's crop.
        drawing: draws in the generator's place, (B, 3, S, S) in [-1, 1] on the CPU.
    """

    def __init__(
        self,
        model: TalkingHead,
        appearance: Appearance,
        source: Tensor,
        compositor: Compositor | None,
        drawing: Drawing | None = None,
    ) -> None:
        self.model, self.appearance, self.source = model, appearance, source
        self.compositor, self.drawing = compositor, drawing

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames (px)."""
        if self.compositor is None:
            side = self.model.config.generator.image_size
            return side, side
        height, width = self.compositor.image.shape[:2]
        return width, height

    @torch.inference_mode()
    def heads(self, driving: Tensor) -> NDArray[np.uint8]:
        """(B, D) joined codes to the model's crops (B, S, S, 3) uint8 RGB."""
        count = len(driving)
        look, source = self.appearance.expand(count), self.source.expand(count, -1, -1)
        if self.drawing is None:
            made = self.model.generator(look, source, driving).image
        else:
            made = self.drawing(look, source, driving)
        pixels = made.float().add_(1).mul_(127.5).round_().clamp_(0, 255)
        heads: NDArray[np.uint8] = pixels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        return heads

    def paint(self, driving: Tensor) -> Iterator[NDArray[np.uint8]]:
        """(B, D) joined codes to B frames, (H, W, 3) uint8 RGB."""
        for head in self.heads(driving):
            if self.compositor is None:
                yield np.ascontiguousarray(head)
            else:
                yield self.compositor.paste(np.ascontiguousarray(head))


class Clip:
    """An animated clip; nothing is drawn before `frames` or `save` asks for it.

    Attributes:
        motion: the codes of every frame.
    """

    def __init__(
        self, painter: Painter, motion: Motion, sound: Recording | None, batch: int
    ) -> None:
        self.motion = motion
        self._painter = painter
        self._sound = sound
        self._batch = batch

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.motion)

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.motion.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height (px)."""
        return self._painter.size

    @property
    def audio(self) -> NDArray[np.float32] | None:
        """The sound, (N,) float32 in [-1, 1] at `sample_rate`; read anew at each call.

        It ends where the clip does, at the latest.
        """
        sound = self._heard()
        return None if sound is None else sound.read()

    def _heard(self) -> Recording | None:
        if self._sound is None:
            return None
        return self._sound.until(ceil(len(self) / self.fps * self.sample_rate))

    @property
    def sample_rate(self) -> int:
        """Of `audio`, in Hz."""
        return MOST_HZ if self._sound is None else self._sound.sample_rate

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Draw the frames in order; a few are in memory at any time.

        Yields:
            (H, W, 3) uint8 RGB.
        """
        device = self._painter.source.device
        for start in range(0, len(self), self._batch):
            part = self.motion.slice(start, min(start + self._batch, len(self)))
            yield from self._painter.paint(joined(part, device))

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        progress: Progress | None = None,
        keep_partial: bool = False,
    ) -> bool:
        """Draw and write all frames, with the sound.

        Args:
            path: `.mp4`, `.mov`, `.m4v` or `.mkv`, `.gif`, a pattern such as `out/%05d.png`, or a
                folder; see `pdfgc.media.write_video`.
            progress: called after every frame.
            keep_partial: on Ctrl-C, leave a playable video of what was done; else nothing is left.

        Returns:
            Whether all frames were written; False after Ctrl-C with `keep_partial`.

        Raises:
            InputError: the place cannot be written; nothing is left there.
        """
        return write_video(
            path,
            self._watched(progress),
            self.fps,
            self._heard(),
            keep_partial=keep_partial,
        )

    def plot(self, path: str | os.PathLike[str] | None = None) -> NDArray[np.uint8]:
        """Draw the codes over time, with a few frames of the clip above them.

        Args:
            path: also write the picture here, `.png` or `.jpg`.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            InputError: the place cannot be written.
        """
        # In the middle of equal parts of the time.
        moments = ((np.arange(_THUMBNAILS) + 0.5) * len(self) / _THUMBNAILS).astype(np.int64)
        codes = joined(self.motion.take(moments), self._painter.source.device)
        return self.motion.plot(path, thumbnails=list(self._painter.paint(codes)))

    def _watched(self, progress: Progress | None) -> Iterator[NDArray[np.uint8]]:
        for done, frame in enumerate(self.frames(), 1):
            yield frame
            if progress:
                progress("drawing", done, len(self))
