"""Networks that the user supplies: read from a file whose checksum is kept, never fetched.

Both are TorchScript files of the kind that StyleGAN's metrics use: they hold their own graph, so
that nothing of theirs has to be written again here, and they can be called in one way.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.errors import InputError

Floats = NDArray[np.float64]

_CHUNK = 16


def checked(path: str | os.PathLike[str], sha256: str | None) -> tuple[Path, str]:
    """A file and its SHA-256.

    Args:
        path: the file.
        sha256: what it must be (hex), or None for anything.

    Raises:
        InputError: there is no such file, or it is another one.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: there is no such file; networks are not fetched, supply it.")
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if sha256 is not None and digest != sha256.lower():
        raise InputError(
            f"{file}: its sha256 is {digest}, not {sha256.lower()}; get the right file."
        )
    return file, digest


class Scripted:
    """A TorchScript network.

    Args:
        path: its file.
        sha256: of the file, or None.

    Raises:
        InputError: the file is missing, another one, or no TorchScript.
    """

    def __init__(self, path: str | os.PathLike[str], sha256: str | None = None) -> None:
        self.path, self.sha256 = checked(path, sha256)
        try:
            self.network: Any = torch.jit.load(str(self.path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise InputError(
                f"{self.path}: is no TorchScript file ({str(error).splitlines()[0]}); supply the "
                "network as TorchScript."
            ) from error

    def _rows(self, pictures: NDArray[np.uint8], **options: bool) -> Floats:
        parts = []
        with torch.inference_mode():
            for at in range(0, len(pictures), _CHUNK):
                maps = torch.from_numpy(pictures[at : at + _CHUNK].copy()).permute(0, 3, 1, 2)
                answer = self.network(maps.float(), **options)
                if not isinstance(answer, Tensor) or len(answer) != len(maps):
                    raise InputError(
                        f"{self.path}: answers in another way than expected; see "
                        "`pdfgc.evaluation.networks` for how it is called."
                    )
                parts.append(answer.flatten(1).double().numpy())
        return np.concatenate(parts)


class Lpips(Scripted):
    """LPIPS, Zhang et al., CVPR 2018, by a file such as `vgg16.pt` of StyleGAN2-ADA's metrics.

    It is called `network(images, resize_images=False, return_lpips=True)` with (B, 3, H, W) RGB
    from 0 to 255 and must give vectors (B, D), scaled so that squared distances are LPIPS.
    """

    def __call__(self, pictures: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Floats:
        """(T,) distances of pictures (T, H, W, 3) uint8 RGB."""
        options = {"resize_images": False, "return_lpips": True}
        values = [
            np.square(
                self._rows(pictures[at : at + _CHUNK], **options)
                - self._rows(reference[at : at + _CHUNK], **options)
            ).sum(1)
            for at in range(0, len(pictures), _CHUNK)
        ]
        return np.concatenate(values) if values else np.zeros(0)


class Inception(Scripted):
    """The features of FID, by a file such as `inception-2015-12-05.pt` of StyleGAN2-ADA's metrics.

    It is called `network(images, return_features=True)` with (B, 3, H, W) RGB from 0 to 255, of any
    size, and must give (B, 2048).
    """

    def __call__(self, pictures: NDArray[np.uint8]) -> Floats:
        """(T, D) features of pictures (T, H, W, 3) uint8 RGB."""
        return self._rows(pictures, return_features=True)
