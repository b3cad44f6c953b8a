"""How the released PD-FGC networks look at pictures, hear sound, and are driven."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.avatar.composing import Composer
from pdfgc.avatar.controls import Controls, Progress
from pdfgc.avatar.curve import Curve
from pdfgc.avatar.drivers import AUTO, CAMERA, KEEP, NUMERIC, Driver
from pdfgc.avatar.encoding import CodeReader, Waveform
from pdfgc.avatar.landmarks import LandmarkComposer, LandmarkReader
from pdfgc.avatar.resolving import Given, Resolved
from pdfgc.config import OfficialConfig
from pdfgc.errors import InputError
from pdfgc.media import (
    LiveWindows,
    OfficialLiveWindows,
    official_level,
    official_mel,
    official_picture,
    official_windows,
)
from pdfgc.motion import Motion
from pdfgc.tracking import FaceTrack, aligned_crops, turned_image, whole_frame
from pdfgc.weights import LoadedModel

# Below every value of a window: the release has no rest of its own for silence.
_NEVER_SILENT = -1.0


class OfficialReader(CodeReader):
    """Reads codes with the released networks, through the release's own front ends.

    Faces are aligned by eyes and mouth; the level of a recording is set as a whole. Codes are in
    the networks' own units.

    Args:
        loaded: a model of preset `pdfgc-official`.
        config: what the release does.
    """

    own_units = True
    crop_width = 4

    def __init__(self, loaded: LoadedModel, config: OfficialConfig) -> None:
        super().__init__(loaded)
        self.config = config

    @property
    def n_encoded(self) -> int:
        """One on the CPU: the maps of several are fetched from the system anew at each layer."""
        return 1 if self.loaded.device.type == "cpu" else super().n_encoded

    @property
    def n_drawn(self) -> int:
        """Likewise: four frames at a time take half as long again for each."""
        return 1 if self.loaded.device.type == "cpu" else super().n_drawn

    def crops(self, track: FaceTrack) -> NDArray[np.float32]:
        """(T, 4) turned squares."""
        return aligned_crops(track, self.config)

    def cut(
        self, image: NDArray[np.uint8], crop: NDArray[np.floating], side: int
    ) -> NDArray[np.uint8]:
        """(side, side, 3) uint8 RGB, by way of the aligned frame as in the release."""
        size = self.config.frame_size
        if side != size:
            return turned_image(image, crop, side)
        return official_picture(
            turned_image(image, whole_frame(crop, self.config), size), self.config
        )

    def lips(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Codes as they are: their length means something."""
        return rows

    def windows(self, waveform: Waveform) -> Callable[[int, int], Tensor]:
        """Windows of a recording that is brought to the release's level as a whole."""
        audio = self.loaded.model.config.audio
        mel = official_mel(official_level(waveform[:]), audio)
        return lambda start, stop: official_windows(mel, start, stop, audio)

    def live_windows(self) -> LiveWindows:
        """Windows at the level of what was heard so far, since streams know no more."""
        return OfficialLiveWindows(self.loaded.model.config.audio)

    @property
    def silence(self) -> float:
        """The networks hear silence too."""
        return _NEVER_SILENT


class OfficialComposer(Composer):
    """Puts motions together as the release does, in the networks' own units.

    Pose, gaze and blink take clips, images and saved motions, but no numbers: the order and units
    of the authors' codes are not published.

    Args:
        reader: of the released networks.
        source: the source's own codes.
        fps: of the result.
        seed: not used, since nothing can be `"auto"`.
        controls: strength and smoothing; offsets are refused, and so is what is asked to be
            relative.
        progress: called while files are read.
    """

    defaults: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("pose", "blink", "gaze", "expression"), KEEP),
        "lip": AUTO,
    }

    def __init__(
        self,
        reader: OfficialReader,
        source: Motion,
        *,
        fps: float,
        seed: int,
        controls: Controls,
        progress: Progress | None,
    ) -> None:
        for factor in ("pose", "gaze", "blink", "expression"):
            if getattr(controls, factor).offset:
                raise _no_numbers(f"An offset of {factor}")
        if controls.move != (0.0, 0.0) or controls.zoom != 1:
            raise _no_numbers("move and zoom")
        for part in ("angles", "gaze", "expression"):  # off unless asked for
            if getattr(controls, f"relative_{part}"):
                raise InputError(
                    f"Relative {part} cannot be used with the released PD-FGC networks, which take "
                    f"every driver as it is; leave it out."
                )
        as_they_are = replace(
            controls,
            relative_angles=False,
            relative_place=False,
            relative_gaze=False,
            relative_openness=False,
            relative_expression=False,
        )
        super().__init__(
            reader, source, fps=fps, seed=seed, controls=as_they_are, progress=progress
        )
        self.config = reader.config

    def _resolved(self, factor: str, driver: Driver) -> Resolved:
        found = super()._resolved(factor, driver)
        if factor in NUMERIC and isinstance(found, Curve | Given):
            raise _no_numbers(f"The {factor} as numbers")
        if found in (AUTO, CAMERA) and factor != "lip":
            raise _no_numbers(f"{factor} {found}")
        return found

    def _default_strength(self, factor: str) -> float:
        eye = self.config.eye_strength
        strengths = {
            "lip": self.config.lip_strength,
            "expression": self.config.expression_strength,
            "gaze": eye,
            "blink": eye,
        }
        return strengths.get(factor, 1.0)

    def _rest_of(self, factor: str) -> NDArray[np.float32]:
        # The release scales the codes themselves.
        return np.zeros(1, np.float32)

    def _smoothed(
        self, factor: str, rows: NDArray[np.float32], *, fresh: bool
    ) -> NDArray[np.float32]:
        kernels = {"lip": self.config.lip_smoothing, "pose": self.config.pose_smoothing}
        rows = super()._smoothed(factor, rows, fresh=fresh)
        if not fresh or factor not in kernels or self._control(factor).smooth_s is not None:
            return rows
        return over_neighbours(rows, kernels[factor])

    def lip_taps(self) -> NDArray[np.float32]:
        """The release mixes in the frame after, too; streams mix the frame before and the frame."""
        if self._control("lip").smooth_s is not None:
            return super().lip_taps()
        taps = np.array(self.config.lip_smoothing[:2], np.float32)
        return np.asarray(taps / taps.sum(), np.float32)


def over_neighbours(
    rows: NDArray[np.float32], shares: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Mix every frame with its neighbours; at the ends, the shares of those there are count.

    The release lets lip codes fade at the ends instead, to 73 %.

    Args:
        rows: (T, W) codes.
        shares: of the frame before, the frame itself and the frame after.
    """
    around = np.pad(rows, ((1, 1), (0, 0)))
    there = np.pad(np.ones((len(rows), 1), np.float32), ((1, 1), (0, 0)))
    mixed, weight = (
        sum(share * each[n : n + len(rows)] for n, share in enumerate(shares))
        for each in (around, there)
    )
    return np.asarray(mixed / weight, np.float32)


def _no_numbers(what: str) -> InputError:
    return InputError(
        f"{what} cannot be used with the released PD-FGC networks, since the order and units of "
        f"their codes are not published; give a video, an image, a saved motion or keep."
    )


def reader_for(loaded: LoadedModel) -> CodeReader:
    """The reader that a model needs."""
    official = loaded.model.config.official
    if loaded.model.config.landmarks is not None:
        return LandmarkReader(loaded)
    return CodeReader(loaded) if official is None else OfficialReader(loaded, official)


def composer_for(
    reader: CodeReader,
    source: Motion,
    *,
    fps: float,
    seed: int,
    controls: Controls,
    progress: Progress | None,
) -> Composer:
    """The composer that goes with a reader; see `Composer` for the arguments."""
    if isinstance(reader, LandmarkReader):
        return LandmarkComposer(
            reader, source, fps=fps, seed=seed, controls=controls, progress=progress
        )
    if isinstance(reader, OfficialReader):
        return OfficialComposer(
            reader, source, fps=fps, seed=seed, controls=controls, progress=progress
        )
    return Composer(reader, source, fps=fps, seed=seed, controls=controls, progress=progress)
