"""SyncNet, where the user supplies its checkpoint: the score that papers print, on our crops.

Chung and Zisserman, "Out of Time: Automated Lip Sync in the Wild", ACCV workshops 2016, with the
layers and the scoring of the authors' public tool (`syncnet_v2.model`). The face is cut out as that
tool does, but around our tracker's landmarks instead of a detector's box, once for the clip: read
its numbers beside those of the real row, not beside a paper's.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pdfgc.errors import InputError
from pdfgc.evaluation.networks import checked
from pdfgc.metrics import SyncScore, sync_score
from pdfgc.tracking import crop_image

Floats = NDArray[np.float64]

MAX_LAG = 15
_SIDE, _FRAMES = 224, 5
_RATE, _WINDOW, _STEP, _FFT = 16_000, 400, 160, 512
_FILTERS, _CEPSTRA, _LIFTER, _EMPHASIS = 26, 13, 22, 0.97
# Frames of MFCC for each video frame, and for one window of sound.
_PER_FRAME, _HEARD = 4, 20
_CROP_SCALE = 0.4
_CHUNK = 20


def mfcc(samples: NDArray[np.floating]) -> Floats:
    """MFCC as the package `python_speech_features` gives them with its defaults.

    Args:
        samples: (N,) at 16 kHz in the range of 16-bit integers.

    Returns:
        (T, 13) float64, 100 rows per second.
    """
    from scipy.fft import dct

    wave = np.append(samples[:1], samples[1:] - _EMPHASIS * samples[:-1]).astype(np.float64)
    count = 1 + max(0, int(np.ceil((len(wave) - _WINDOW) / _STEP)))
    wave = np.pad(wave, (0, (count - 1) * _STEP + _WINDOW - len(wave)))
    windows = np.lib.stride_tricks.sliding_window_view(wave, _WINDOW)[::_STEP]
    power = np.abs(np.fft.rfft(windows, _FFT)) ** 2 / _FFT
    tiny = np.finfo(float).eps
    energy = np.maximum(power.sum(1), tiny)
    heard = np.maximum(power @ _filters().T, tiny)
    values = dct(np.log(heard), type=2, axis=1, norm="ortho")[:, :_CEPSTRA]
    values *= 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(_CEPSTRA) / _LIFTER)
    values[:, 0] = np.log(energy)
    return np.asarray(values)


def _filters() -> Floats:
    """(26, 257) triangles, evenly spaced in mel."""
    top = 2595 * np.log10(1 + _RATE / 2 / 700)
    edges_hz = 700 * (10 ** (np.linspace(0, top, _FILTERS + 2) / 2595) - 1)
    edges = np.floor((_FFT + 1) * edges_hz / _RATE)
    bins = np.arange(_FFT // 2 + 1)
    out = np.zeros((_FILTERS, len(bins)))
    for row, (low, middle, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        rising, falling = (bins >= low) & (bins < middle), (bins >= middle) & (bins < high)
        out[row, rising] = (bins[rising] - low) / (middle - low)
        out[row, falling] = (high - bins[falling]) / (high - middle)
    return out


class SyncNetwork(nn.Module):
    """The two streams, under the names of the authors' checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_layer2d(1, 64), nn.MaxPool2d(1, 1),
            *_layer2d(64, 192), nn.MaxPool2d(3, (1, 2)),
            *_layer2d(192, 384), *_layer2d(384, 256), *_layer2d(256, 256), nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 512, (5, 4)), nn.BatchNorm2d(512), nn.ReLU(),
        )  # fmt: skip
        self.netfcaud, self.netfclip = _head(), _head()
        self.netcnnlip = nn.Sequential(
            *_layer3d(3, 96, (5, 7, 7), 2, 0), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer3d(96, 256, (1, 5, 5), 2, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_layer3d(256, 256, (1, 3, 3), 1, 1), *_layer3d(256, 256, (1, 3, 3), 1, 1),
            *_layer3d(256, 256, (1, 3, 3), 1, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer3d(256, 512, (1, 6, 6), 1, 0),
        )  # fmt: skip

    def lips(self, frames: Tensor) -> Tensor:
        """(B, 3, 5, 224, 224) BGR from 0 to 255 to (B, 1024)."""
        vectors: Tensor = self.netfclip(self.netcnnlip(frames).flatten(1))
        return vectors

    def sound(self, cepstra: Tensor) -> Tensor:
        """(B, 1, 13, 20) to (B, 1024)."""
        vectors: Tensor = self.netfcaud(self.netcnnaud(cepstra).flatten(1))
        return vectors


def _layer2d(given: int, out: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(given, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU()


def _layer3d(
    given: int, out: int, size: tuple[int, int, int], stride: int, padding: int
) -> tuple[nn.Module, ...]:
    convolution = nn.Conv3d(given, out, size, (1, stride, stride), (0, padding, padding))
    return convolution, nn.BatchNorm3d(out), nn.ReLU()


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))


class SyncNet:
    """Scores clips with a checkpoint.

    Args:
        path: `syncnet_v2.model`, a state dict; read without running code.
        sha256: what its checksum must be, or None.

    Raises:
        InputError: the file is missing, another one, or does not fit.
    """

    def __init__(self, path: str | os.PathLike[str], sha256: str | None = None) -> None:
        file, digest = checked(path, sha256)
        self.name = f"SyncNet {digest[:16]}"
        self.network = SyncNetwork()
        refused: type[Exception] = torch.serialization.pickle.UnpicklingError  # type: ignore[attr-defined]
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            self.network.load_state_dict(state)
        except (RuntimeError, TypeError, ValueError, EOFError, refused) as error:
            raise InputError(f"{file}: is no checkpoint of SyncNet; supply its file.") from error
        self.network.eval().requires_grad_(False)

    @torch.inference_mode()
    def __call__(
        self,
        pictures: NDArray[np.uint8],
        sound: NDArray[np.float32],
        landmarks: NDArray[np.floating],
    ) -> SyncScore:
        """Score crops (T, S, S, 3) uint8 RGB at 25 fps with their sound (N,) at 16 kHz."""
        cepstra = mfcc(np.asarray(sound, np.float64) * 2**15).T
        length = min(len(pictures), cepstra.shape[1] // _PER_FRAME) - _FRAMES
        if length < 2:
            return sync_score(np.full(3, np.nan))
        faces = torch.from_numpy(_faces(pictures, landmarks)[..., ::-1].copy())
        faces = faces.permute(3, 0, 1, 2).float()
        heard = torch.from_numpy(cepstra).float()
        lips, voice = [], []
        for at in range(0, length, _CHUNK):
            frames = range(at, min(at + _CHUNK, length))
            lips.append(self.network.lips(torch.stack([faces[:, n : n + _FRAMES] for n in frames])))
            parts = [heard[None, :, _PER_FRAME * n :][..., :_HEARD] for n in frames]
            voice.append(self.network.sound(torch.stack(parts)))
        return sync_score(padded_curve(torch.cat(lips), torch.cat(voice), MAX_LAG))


def padded_curve(lips: Tensor, sound: Tensor, max_lag: int) -> Floats:
    """Agreement at each offset as the authors' tool has it, lips early first.

    Beyond its ends the sound counts as zeros, and all frames count at every offset.

    Args:
        lips: (T, D).
        sound: (T, D).
        max_lag: largest offset in frames.

    Returns:
        (2 max_lag + 1,) float64 negative mean distances.
    """
    wide = nn.functional.pad(sound, (0, 0, max_lag, max_lag))
    length = len(lips)
    distances = [
        nn.functional.pairwise_distance(lips, wide[max_lag - lag :][:length]).mean()
        for lag in range(-max_lag, max_lag + 1)
    ]
    return np.asarray(-torch.stack(distances).double().numpy())


def _faces(pictures: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(T, 224, 224, 3), cut out around the clip's median box."""
    side = pictures.shape[1]
    points = (np.asarray(landmarks, np.float64)[..., :2] + 1) / 2 * side
    low, high = np.median(points.min(1), axis=0), np.median(points.max(1), axis=0)
    half = (high - low).max() / 2
    x, y = (low + high) / 2
    crop = np.array([x, y + _CROP_SCALE * half, 2 * half * (1 + _CROP_SCALE)])
    return np.stack([crop_image(picture, crop, _SIDE) for picture in pictures])
