"""Drivers, looked at: codes of clips, rows of numbers, curves, or a word."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar.controls import Progress
from pdfgc.avatar.curve import Curve
from pdfgc.avatar.curve_file import CURVE_SUFFIXES, read_curve
from pdfgc.avatar.drivers import AUTO, CAMERA, KEEP, NUMERIC, Driver, File
from pdfgc.avatar.encoding import CodeReader
from pdfgc.errors import InputError
from pdfgc.media import VideoFrame
from pdfgc.motion import EXPRESSION_WIDTH, OPENNESS, POSE_WIDTH, Motion
from pdfgc.tracking import track_image

LATENT = ("expression", "lip")
"""Factors whose codes mean something to their own model only."""

# Widths that rows of numbers may have.
_WIDTHS = {
    "pose": (POSE_WIDTH, 3),
    "gaze": (2,),
    "blink": (1, 2),
    "expression": (EXPRESSION_WIDTH,),
}


@dataclass(frozen=True)
class Played:
    """Codes of a clip or an image.

    Attributes:
        motion: the codes, at the wanted rate.
        fresh: whether they were just read off pictures, and no strength has acted on them.
    """

    motion: Motion
    fresh: bool = False

    @property
    def still(self) -> bool:
        """Whether it is an image."""
        return len(self.motion) == 1


@dataclass(frozen=True)
class Given:
    """Numbers per frame, (n, W)."""

    rows: NDArray[np.float32]


Resolved = Played | Given | Curve | str


class Resolver:
    """Looks at drivers.

    Args:
        reader: reads codes off files.
        source: the source's own codes.
        fps: of the result.
        progress: called while files are read.
    """

    def __init__(
        self, reader: CodeReader, source: Motion, *, fps: float, progress: Progress | None
    ) -> None:
        self.reader, self.source, self.fps, self.progress = reader, source, fps, progress
        self._free = reader.loaded.model.free_eye.cpu().numpy()

    def resolve(self, factor: str, driver: Driver) -> Resolved:
        """Look at the driver of one factor.

        Raises:
            InputError: it cannot be used.
        """
        if isinstance(driver, str) and driver in (AUTO, KEEP, CAMERA):
            if driver == CAMERA and factor != "gaze":
                raise InputError(f"{factor} cannot be {CAMERA}; only gaze can.")
            return driver
        if isinstance(driver, Motion):
            return self._played(factor, driver)
        if isinstance(driver, str | os.PathLike):
            return self._file(factor, driver)
        if isinstance(driver, np.ndarray):
            return self._array(factor, driver)
        _refuse_numbers(factor)
        curve = driver if isinstance(driver, Curve) else Curve.of(driver)
        if curve.width not in _WIDTHS[factor]:
            wanted = " or ".join(str(width) for width in sorted(_WIDTHS[factor]))
            raise InputError(f"{factor} takes {wanted} numbers, {curve.width} were given.")
        return curve

    def usable(self, motion: Motion, latent: Iterable[str] = LATENT) -> Motion:
        """Refuse another model's latent codes; its free eye values are replaced by the mean."""
        model_id = self.reader.loaded.model_id
        if motion.model_id == model_id:
            return motion
        if latent or motion.own_units or self.source.own_units:
            motion.for_model(model_id)
        eye = motion.eye.copy()
        eye[:, OPENNESS.stop :] = self._free
        return motion.replace(eye=eye)

    def _played(self, factor: str, motion: Motion, *, fresh: bool = False) -> Played:
        latent = (factor,) if factor in LATENT else ()
        return Played(self.usable(motion, latent).resample(self.fps), fresh)

    def _file(self, factor: str, path: File) -> Resolved:
        suffix = Path(path).suffix.lower()
        if suffix in CURVE_SUFFIXES:
            _refuse_numbers(factor)
            return read_curve(path, factor)
        if suffix == ".safetensors":
            return self._played(factor, Motion.load(path))
        if suffix == ".npy":
            return self._array(factor, _read_array(path))
        return self._played(factor, self.reader.file(path, self.progress), fresh=True)

    def _array(self, factor: str, array: NDArray[np.generic]) -> Resolved:
        if array.dtype == np.uint8 and array.ndim in (3, 4) and array.shape[-1] == 3:
            return self._played(factor, self._pictures(factor, array), fresh=True)
        if array.dtype.kind in "fiu" and array.size:
            rows = array.astype(np.float32)
            if rows.ndim == 1 and factor == "blink":
                rows = rows[:, None]
            widths = _WIDTHS.get(factor, (self.source.lip.shape[1],))
            if rows.ndim == 2 and rows.shape[1] in widths:
                if not np.isfinite(rows).all():
                    bad = int(np.argwhere(~np.isfinite(rows).all(1))[0, 0])
                    raise InputError(f"The {factor} array is not finite in frame {bad}; mend it.")
                return Given(rows)
        raise InputError(
            f"The {factor} array is {array.dtype} {array.shape}; give (H, W, 3) or (T, H, W, 3) "
            f"uint8 RGB, or codes of one row per frame."
        )

    def _pictures(self, factor: str, array: NDArray[np.generic]) -> Motion:
        pictures = array.astype(np.uint8, copy=False)
        if array.ndim == 3:
            track = track_image(pictures, backend=self.reader.backend, name=f"the {factor} image")
            return self.reader.images([pictures], self.reader.crops(track))
        fps = self.reader.fps
        return self.reader.clip(
            lambda: (VideoFrame(each, n / fps, n) for n, each in enumerate(pictures)),
            f"the {factor} frames",
            len(pictures),
            self.progress,
        )


def _read_array(path: File) -> NDArray[np.generic]:
    try:
        array: NDArray[np.generic] = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; check the name.") from None
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: is no readable array ({error}); save it again.") from error
    return array


def _refuse_numbers(factor: str) -> None:
    if factor not in NUMERIC:
        raise InputError(
            f"{factor} cannot be given as numbers; give a video, an image, a saved motion, auto or "
            f"keep."
        )
