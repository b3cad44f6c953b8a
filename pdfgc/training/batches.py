"""What travels from the data to an objective: tensors by name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Tensors that travel together."""

    def to(self, device: torch.device) -> Self:
        """Move every tensor to a device."""
        moved = {
            f.name: value.to(device) if isinstance(value, Tensor | Batch) else value
            for f in fields(self)
            for value in [getattr(self, f.name)]
        }
        return type(self)(**moved)


@dataclass(frozen=True)
class View(Batch):
    """Face crops with the tracker's labels.

    Attributes:
        image: (n, 3, S, S) RGB in [-1, 1].
        points: (n, L, 3) landmarks in crop coordinates.
        pose: (n, 6) head pose in the crop as it was jittered.
        eye: (n, 4) gaze yaw and pitch, left and right openness.
        mouth: (n,) inner-lip gap over interocular distance.
        brow: (n,) height of the brows over the eyes beyond the mean face's, likewise.
        widening: (n,) width of the mouth beyond the mean face's, likewise.
        shape: (n, P, 2) the person's own shape (`pdfgc.generator.shape`).
        row: (n,) int64 row in the bank.
    """

    image: Tensor
    points: Tensor
    pose: Tensor
    eye: Tensor
    mouth: Tensor
    brow: Tensor
    widening: Tensor
    shape: Tensor
    row: Tensor


@dataclass(frozen=True)
class PairBatch(Batch):
    """Source frames and one driving frame of the same clip; the first source through its crop.

    Attributes:
        source: n = B * K views, the K of one sample together.
        driving: n = B views; `image` is what the generator should draw.
        disguised: (B, 3, S, S) the driving picture with identity broken and motion kept.
        person: (B,) int64 number of the person.
        shots: K.
        speech: (B, n_mels, window) log-mel window of the driving frame.
        speech_ok: (B,) bool, whether that sound is synchronous.
        window: (B, W) int64 rows of the frames whose mean is the expression, repeated at the edges;
            around the driving frame or, half of the time, around one up to 1.5 s away.
        source_window: (B * K, W) likewise for the sources.
        seen: (B, K, L) 1 where a landmark faces the camera and lies where it is seen in both
            frames, else 0.
    """

    source: View
    driving: View
    disguised: Tensor
    person: Tensor
    shots: int
    speech: Tensor
    speech_ok: Tensor
    window: Tensor
    source_window: Tensor
    seen: Tensor


@dataclass(frozen=True)
class MovedBatch(Batch):
    """Single frames and where a virtual motion takes their landmarks; there is no picture of it.

    Attributes:
        source: n = B views.
        points: (B, L, 3) landmarks after the motion, in crop coordinates.
        pose: (B, 6) head pose after it.
        eye: (B, 4) gaze and openness after it.
        mouth: (B,) opening of the mouth after it.
        felt: (B, 2) rise of the brows and widening of the mouth (interocular distances).
        seen: (B, 1, L) 1 where a landmark shows before and after, else 0.
        person: (B,) int64 number of the person.
        source_window: (B, W) int64 rows of the frames whose mean is the source's expression.
    """

    source: View
    points: Tensor
    pose: Tensor
    eye: Tensor
    mouth: Tensor
    felt: Tensor
    seen: Tensor
    person: Tensor
    source_window: Tensor


@dataclass(frozen=True)
class EyeBatch(Batch):
    """Frames of one clip that differ in eye state and agree in head pose, and their composites.

    Attributes:
        giver: views whose eyes are taken.
        taker: views that receive them.
        composite: (B, 3, S, S) taker with the giver's eyes blended in.
        other: n = 2 * B views of anybody: few clips hold such pairs, and few faces are known
            from them.
        looking: n = 2 * B views of the same frames as `other`, eyes and brows moved virtually; none
            where the scheme of landmarks does not tell the shape of a face.
    """

    giver: View
    taker: View
    composite: Tensor
    other: View
    looking: View


@dataclass(frozen=True)
class PoseBatch(Batch):
    """Heads as they are and as they are elsewhere, through the same crop.

    Attributes:
        first: views of anybody, looks changed.
        later: views of the same clips at other moments.
        turned: views of the frames of `first`, heads moved virtually; none where the scheme of
            landmarks does not tell the shape of a face.
    """

    first: View
    later: View
    turned: View


@dataclass(frozen=True)
class SpeechBatch(Batch):
    """Synchronous moments of several clips, most of them from the same clip.

    Attributes:
        view: the moments' frames, n views.
        windows: (n, n_mels, W) log-mel windows.
        clip: (n,) int64, equal where two moments are of one clip.
        frame: (n,) int64 frame number within the clip.
        loud: (n,) bool, False where the moment is silent.
        other: m views of anybody.
        parted: views of the same frames, mouths opened or closed virtually; none where the scheme
            of landmarks does not tell the shape of a face.
        wrong: (w, n_mels, W) windows that no moment goes with: silence first, then the sound of
            clips that are not in the batch or not synchronous.
    """

    view: View
    windows: Tensor
    clip: Tensor
    frame: Tensor
    loud: Tensor
    other: View
    parted: View
    wrong: Tensor
