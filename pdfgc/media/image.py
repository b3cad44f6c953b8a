"""Still images from any common format to upright RGB."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pdfgc.errors import InputError
from pdfgc.media.opening import check_file


def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read one still image.

    The EXIF orientation is applied, grey and palette images become RGB, 16-bit and float images
    are scaled to 8 bits, and transparent ones are laid over white. Of an animation the first
    picture is taken. What Pillow does not know (HEIC, for instance) is tried with FFmpeg.

    Args:
        path: an image file.

    Returns:
        `(H, W, 3)` uint8 RGB.

    Raises:
        InputError: the file is missing, a folder, empty, damaged, too large, or no image.
    """
    file = check_file(path)
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels on and raises from 179 million on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                image.load()
                return _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        return _first_picture(file)
    except Image.DecompressionBombError as error:
        raise InputError(f"{file}: the image is too large; scale it down first.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(
            f"{file}: the image is damaged or cut off ({error}); export it again."
        ) from error


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":
        return _wide_grey_to_rgb(np.asarray(image))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def _wide_grey_to_rgb(grey: NDArray[np.generic]) -> NDArray[np.uint8]:
    # "I;16" holds 0..65535; "I" and "F" hold that, 0..255 or 0..1, told apart by the peak.
    values = np.nan_to_num(grey.astype(np.float64))
    peak = float(values.max(initial=0.0))
    if grey.dtype == np.uint16 or peak > 255:
        values = values / 257.0
    elif np.issubdtype(grey.dtype, np.floating) and peak <= 1:
        values = values * 255.0
    bytes_ = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return np.repeat(bytes_[..., None], 3, axis=-1)


def _first_picture(file: Path) -> NDArray[np.uint8]:
    # Imported here because video.py is not needed for the usual formats.
    from pdfgc.media.video import read_video

    try:
        for frame in read_video(file):
            return frame.image
    except InputError as error:
        raise InputError(
            f"{file}: is not a readable image; give a JPEG, PNG or WebP file."
        ) from error
    raise InputError(f"{file}: holds no picture; give a JPEG, PNG or WebP file.")
