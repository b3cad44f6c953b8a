"""How landmark models read codes, off face tracks, and how they are driven."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.avatar.composing import Composer
from pdfgc.avatar.controls import Controls, Progress
from pdfgc.avatar.drivers import AUTO, KEEP
from pdfgc.avatar.encoding import CodeReader, Frames, Waveform, batched, to_tensor, watched
from pdfgc.encoders.landmarks import own_face, shapes_of
from pdfgc.errors import InputError
from pdfgc.model import LandmarkEncoders
from pdfgc.motion import FACTORS, Codes, Motion
from pdfgc.tracking import FaceTrack, track_frames, track_image
from pdfgc.weights import LoadedModel

_BATCH = 16


class LandmarkReader(CodeReader):
    """Reads codes off landmarks: pose, gaze and openness are the tracker's numbers.

    Expression and lip are coefficients of the landmark bases: what the landmark transformer says
    the face does, then what the person is.

    Args:
        loaded: a model of a landmark preset.

    Raises:
        InputError: the weights hold no landmark bases.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded)
        encoders = loaded.model.encoders
        if not isinstance(encoders, LandmarkEncoders) or not bool(encoders.landmarks.fitted):
            raise InputError(
                f"{loaded.path}: its landmark bases are not fitted; train the stages landmarks and "
                f"meta first."
            )
        self.encoders = encoders

    def clip(
        self, frames: Frames, name: str, total: int | None = None, progress: Progress | None = None
    ) -> Motion:
        """Codes of every frame of a clip; see `CodeReader.clip`."""
        track = track_frames(
            watched(frames(), f"tracking {Path(name).name}", total, progress),
            backend=self.backend,
            fps=self.fps,
            crop=self.loaded.model.config.crop,
            name=name,
        )
        side = self.loaded.model.config.encoders.image_size
        crops = (
            self.cut(frame.image, crop, side)
            for frame, crop in zip(
                watched(frames(), f"encoding {Path(name).name}", len(track), progress),
                track.crop,
                strict=False,
            )
        )
        return self.tracked(track, crops)

    def images(self, images: list[NDArray[np.uint8]], crops: NDArray[np.floating]) -> Motion:
        """Codes of still images, one frame each; see `CodeReader.images`."""
        side = self.loaded.model.config.encoders.image_size
        rows = []
        for number, (image, crop) in enumerate(zip(images, crops, strict=True)):
            x, y, half = float(crop[0]), float(crop[1]), float(crop[2]) / 2
            track = track_image(
                image,
                backend=self.backend,
                choose=(x - half, y - half, x + half, y + half),
                crop=self.loaded.model.config.crop,
                name=f"image {number}",
            ).recrop(crop)
            rows.append(self.tracked(track, [self.cut(image, crop, side)]))
        return self._motion(
            {factor: np.concatenate([getattr(row, factor) for row in rows]) for factor in FACTORS}
        )

    def speech(self, waveform: Waveform, progress: Progress | None = None) -> NDArray[np.float32]:
        """Not of speech.

        Raises:
            InputError: always.
        """
        raise self._deaf()

    def heard(self, windows: Tensor) -> NDArray[np.float32]:
        """Not of speech.

        Raises:
            InputError: always.
        """
        raise self._deaf()

    def _deaf(self) -> InputError:
        return InputError(
            f"Preset {self.loaded.model.config.preset} has no speech encoder; drive the lips with "
            f"a video (lip_video), or choose weights of a preset that is driven by codes."
        )

    @torch.inference_mode()
    def tracked(self, track: FaceTrack, crops: Iterable[NDArray[np.uint8]]) -> Motion:
        """Codes of frames that were tracked before; see `CodeReader.tracked`."""
        space = self.encoders.landmarks
        shapes = shapes_of(track.crop_landmarks(), track.openness)
        apart = torch.from_numpy(shapes.points).to(self.loaded.device) - space.mean
        alphas, at = [], 0
        for batch in batched(crops, _BATCH):
            pictures = to_tensor(np.stack(batch), self.loaded.device)
            guess = self.encoders.transformer(pictures, apart[at : at + len(batch)])
            alphas.append(guess.cpu().numpy())
            at += len(batch)
        codes = space.codes(shapes, track.pose, track.gaze, track.openness, np.concatenate(alphas))
        return self._motion({name: getattr(codes, name).numpy() for name in FACTORS})


class LandmarkComposer(Composer):
    """Puts motions together for landmark models.

    All factors are driven apart as everywhere, but for speech: landmarks of the result are made of
    the codes. By `Controls.relative_geometry` the driver's expression meets the source's own face.

    Args:
        reader: of the landmark model.
        source: the source's own codes.
        fps: of the result.
        seed: of what is `"auto"`.
        controls: strength, offset and the like.
        progress: called while files are read.

    Raises:
        InputError: an offset of expression is asked for.
    """

    defaults: ClassVar[dict[str, str]] = {
        "pose": AUTO,
        "blink": AUTO,
        "gaze": KEEP,
        "expression": KEEP,
        "lip": KEEP,
    }

    def __init__(
        self,
        reader: LandmarkReader,
        source: Motion,
        *,
        fps: float,
        seed: int,
        controls: Controls,
        progress: Progress | None,
    ) -> None:
        if controls.expression.offset:
            raise InputError(
                "Landmark presets have no numbers for brows and smile, so that expression takes no "
                "offset; give an expression clip or image."
            )
        super().__init__(reader, source, fps=fps, seed=seed, controls=controls, progress=progress)
        self._config = reader.encoders.landmarks.config
        self._own = Codes(
            *(torch.from_numpy(np.array(getattr(source, name)[:1])) for name in FACTORS)
        )

    def _finished(
        self, factor: str, rows: NDArray[np.float32], *, fresh: bool
    ) -> NDArray[np.float32]:
        rows = super()._finished(factor, rows, fresh=fresh)
        if factor not in ("expression", "lip") or not self.controls.relative_geometry:
            return rows
        own, given = self._own, torch.from_numpy(np.array(rows))
        count = len(rows)
        lip = given if factor == "lip" else own.lip.expand(count, -1)
        expression = given if factor == "expression" else own.expression.expand(count, -1)
        mixed = own_face(Codes(lip, own.eye, own.pose, expression), own, self._config)
        found: NDArray[np.float32] = getattr(mixed, factor).numpy()
        return found
