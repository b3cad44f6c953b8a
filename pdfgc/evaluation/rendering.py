"""How a protocol asks for frames, and the answer straight from a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.avatar import Avatar
from pdfgc.avatar.encoding import joined
from pdfgc.avatar.official import reader_for
from pdfgc.avatar.playing import to_and_fro
from pdfgc.evaluation.clips import resized
from pdfgc.media import VideoFrame
from pdfgc.motion import CONTROLLED, Motion
from pdfgc.tracking import FaceChoice
from pdfgc.weights import LoadedModel


@dataclass(frozen=True, eq=False)
class Drive:
    """One source and what shall drive it, all in crops of one kind.

    Attributes:
        source: (S, S, 3) uint8 RGB, or (K, S, S, 3) several images of one person.
        driving: (T, S, S, 3) uint8 RGB at the model's frame rate.
        sound: (N,) float32 at the model's sample rate; drives the lips in place of the frames.
        alone: the one factor that the frames drive, all others being the source's own; None = all.
        name: how a finished video of it is called, without suffix: `PROTOCOL/NAME`.
    """

    source: NDArray[np.uint8]
    driving: NDArray[np.uint8]
    sound: NDArray[np.float32] | None = None
    alone: str | None = None
    name: str = ""

    @property
    def sources(self) -> NDArray[np.uint8]:
        """(K, S, S, 3)."""
        return self.source if self.source.ndim == 4 else self.source[None]


class Render(Protocol):
    """Anything that animates a source; protocols know no more of a system than this."""

    @property
    def side(self) -> int:
        """Side of the frames it gives (px)."""
        ...

    def __call__(self, drive: Drive) -> NDArray[np.uint8] | None:
        """(T, side, side, 3) uint8 RGB, showing the same crop as the driving frames.

        None where the system has nothing to show.
        """
        ...


class CropRenderer:
    """Runs a model on crops, without tracking or pasting back.

    Args:
        loaded: the model.
        batch: frames at a time.
    """

    def __init__(self, loaded: LoadedModel, batch: int = 8) -> None:
        self.loaded, self.batch = loaded, batch

    @property
    def side(self) -> int:
        """Side of the frames it gives (px)."""
        return self.loaded.model.config.generator.image_size

    def __call__(self, drive: Drive) -> NDArray[np.uint8]:
        """Every factor from the driving frames; lips from the sound where there is one."""
        motion = self.codes(drive.driving)
        if drive.sound is not None:
            motion = motion.replace(lip=self.speech(drive.sound, len(motion)))
        if drive.alone is not None:
            motion = _alone(drive.alone, motion, self.codes(drive.sources[:1]))
        return self.draw(drive.source, motion)

    @torch.inference_mode()
    def lips(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Lip codes (T, D_lip) of crops (T, S, S, 3) uint8."""
        encoders = self.loaded.model.encoders
        side = self.loaded.model.config.encoders.image_size
        parts = [encoders.read(each).lip for each in self._batches(crops, side)]
        codes: NDArray[np.float32] = torch.cat(parts).float().cpu().numpy()
        return codes

    @torch.inference_mode()
    def codes(self, crops: NDArray[np.uint8]) -> Motion:
        """All codes of consecutive crops (T, S, S, 3) uint8; one crop is a still."""
        model = self.loaded.model
        encoders = model.encoders
        rows: dict[str, list[Tensor]] = {name: [] for name in ("lip", "eye", "pose", "feature")}
        for pictures in self._batches(crops, model.config.encoders.image_size):
            read = encoders.read(pictures)
            for name, parts in rows.items():
                parts.append(getattr(read, name))
        read_off = {name: torch.cat(parts) for name, parts in rows.items()}
        expression = encoders.expression.over_clip(read_off["feature"])
        return Motion(
            lip=read_off["lip"].cpu().numpy(),
            eye=read_off["eye"].cpu().numpy(),
            pose=read_off["pose"].cpu().numpy(),
            expression=expression.cpu().numpy(),
            fps=float(model.config.audio.fps),
            model_id=self.loaded.model_id,
            own_units=model.config.official is not None,
        )

    @torch.inference_mode()
    def speech(self, sound: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Lip codes (frames, D_lip) of a waveform (N,)."""
        windows = reader_for(self.loaded).windows(sound)(0, frames).contiguous()
        parts = [
            self.loaded.model.encoders.speech(part.to(self.loaded.device)).cpu().numpy()
            for part in torch.split(windows, self.batch)
        ]
        return np.concatenate(parts)

    @torch.inference_mode()
    def draw(self, source: NDArray[np.uint8], motion: Motion) -> NDArray[np.uint8]:
        """Draw a source with a motion of T frames: (T, side, side, 3) uint8 RGB.

        Args:
            source: (S, S, 3) uint8 RGB, or (K, S, S, 3) several images of one person.
            motion: T frames.
        """
        model, device = self.loaded.model, self.loaded.device
        sources = source if source.ndim == 4 else source[None]
        pictures = torch.cat(list(self._batches(sources, self.side)))
        appearance = model.encoders.appearance(pictures[None])
        # Each is a still: its expression is its own, not one of a clip.
        own = torch.cat([joined(self.codes(each[None]), device) for each in sources])[None]
        frames = []
        for driving in torch.split(joined(motion, device), self.batch):
            count = len(driving)
            made = model.generator(
                appearance.expand(count), own.expand(count, -1, -1), driving
            ).image
            pixels = made.float().add_(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
            frames.append(pixels.permute(0, 2, 3, 1).cpu().numpy())
        return np.ascontiguousarray(np.concatenate(frames))

    def _batches(self, crops: NDArray[np.uint8], side: int) -> Iterator[Tensor]:
        for at in range(0, len(crops), self.batch):
            pictures = resized(crops[at : at + self.batch], side)
            maps = torch.from_numpy(pictures).to(self.loaded.device).permute(0, 3, 1, 2)
            yield maps.float().div_(127.5).sub_(1)


class AvatarRenderer:
    """Runs a model by way of its avatar: for models that look at aligned faces, not at crops.

    Frames drive at strength 1, sound as it does by default.

    Args:
        loaded: the model.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded

    @property
    def side(self) -> int:
        """Side of the frames it gives (px), that of packed crops."""
        return self.loaded.model.config.crop.size

    def __call__(self, drive: Drive) -> NDArray[np.uint8]:
        """Every factor from the driving frames; lips from the sound where there is one."""
        avatar = Avatar.from_images(
            list(drive.sources), weights=self.loaded, face=FaceChoice.LARGEST
        )
        reader = reader_for(self.loaded)
        motion = reader.clip(
            lambda: (VideoFrame(p, n / reader.fps, n) for n, p in enumerate(drive.driving)),
            "the driving frames",
        )
        rows = to_and_fro(len(motion), len(drive.driving))
        sound = drive.sound
        if sound is not None:
            length = round(len(rows) * self.loaded.model.config.audio.samples_per_frame)
            sound = np.pad(sound, (0, max(0, length - len(sound))))[:length]
        motion = motion.take(rows)
        if drive.alone is not None:
            motion = _alone(drive.alone, motion, avatar.source.slice(0, 1))
        clip = avatar.animate(motion=motion, audio=sound)
        return resized(np.stack(list(clip.frames())), self.side)


def renderer_for(loaded: LoadedModel) -> CropRenderer | AvatarRenderer:
    """The renderer that shows a model as it is meant to be used."""
    config = loaded.model.config
    plain = config.official is None and config.landmarks is None
    return CropRenderer(loaded) if plain else AvatarRenderer(loaded)


def _alone(factor: str, driving: Motion, source: Motion) -> Motion:
    """The source's own codes but for one factor."""
    held = source.take(np.zeros(len(driving), np.int64))
    rows = {name: held.rows(name) for name in CONTROLLED}
    return held.with_rows(rows | {factor: driving.rows(factor)})
