"""Pictures and sound to the codes of every factor, in batches, so that memory stays flat."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.avatar.controls import Progress
from pdfgc.errors import InputError
from pdfgc.media import (
    SILENCE,
    LiveWindows,
    LogMelWindows,
    Sound,
    VideoFrame,
    log_mel,
    mel_windows,
    probe,
    read_image,
    read_video,
    resample_frames,
)
from pdfgc.motion import FACTORS, Codes, Motion
from pdfgc.motion.rows import unit
from pdfgc.tracking import (
    FaceBackend,
    FaceTrack,
    MediaPipeBackend,
    crop_image,
    track_frames,
    track_image,
)
from pdfgc.weights import LoadedModel

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".avif")
"""Names that end so are still images; all others are tried as video."""

_BATCH, _SPEECH_BATCH = 16, 64
_DRAWN = {"cpu": 4, "mps": 8, "cuda": 16}
# Speech is read in pieces of this length, so that spectrograms of hours are never held.
_PIECE_FRAMES = 250
_KEPT_CLIPS = 16

Frames = Callable[[], Iterable[VideoFrame]]
Waveform = NDArray[np.floating] | Sound


class CodeReader:
    """Reads codes off images, clips and speech with one model's encoders.

    Args:
        loaded: the model.
    """

    own_units = False
    """Whether eye and pose codes are in units of the model's own."""
    crop_width = 3
    """Numbers in a row of `crops`."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self._backend: FaceBackend | None = None
        self._clips: dict[tuple[str, int, int], Motion] = {}

    @property
    def backend(self) -> FaceBackend:
        """The tracker's model, loaded on first use."""
        if self._backend is None:
            self._backend = MediaPipeBackend()
        return self._backend

    @property
    def n_encoded(self) -> int:
        """Frames that are encoded at a time."""
        return _BATCH

    @property
    def n_drawn(self) -> int:
        """Frames that are drawn at a time."""
        return _DRAWN[self.loaded.device.type]

    @property
    def fps(self) -> float:
        """The rate at which clips are encoded: that of the model's training."""
        return float(self.loaded.model.config.audio.fps)

    def file(self, path: str | os.PathLike[str], progress: Progress | None = None) -> Motion:
        """Codes of an image or video file; the latest files are remembered.

        Raises:
            InputError: the file cannot be read or shows no face.
        """
        file = Path(path)
        if file.suffix.lower() in IMAGE_SUFFIXES:
            image = read_image(file)
            track = track_image(image, backend=self.backend, name=str(file))
            return self.images([image], self.crops(track))
        info = probe(file)
        stat = file.stat()
        key = (str(file.resolve()), stat.st_mtime_ns, stat.st_size)
        if key not in self._clips:
            if len(self._clips) >= _KEPT_CLIPS:
                del self._clips[next(iter(self._clips))]
            total = max(1, round(info.duration_s * self.fps))
            self._clips[key] = self.clip(
                lambda: resample_frames(read_video(file), self.fps), str(file), total, progress
            )
        return self._clips[key]

    def clip(
        self, frames: Frames, name: str, total: int | None = None, progress: Progress | None = None
    ) -> Motion:
        """Codes of every frame of a clip.

        Args:
            frames: gives the frames anew at each call, at `fps`; they are read twice, once to
                find the crop of each shot and once to encode it.
            name: how messages call the clip.
            total: number of frames, for the progress.
            progress: called as frames are read.

        Raises:
            InputError: the clip cannot be read or shows no face.
        """
        config = self.loaded.model.config
        track = track_frames(
            watched(frames(), f"tracking {Path(name).name}", total, progress),
            backend=self.backend,
            fps=self.fps,
            crop=config.crop,
            name=name,
        )
        side = config.encoders.image_size
        crops = (
            self.cut(frame.image, crop, side)
            for frame, crop in zip(
                watched(frames(), f"encoding {Path(name).name}", len(track), progress),
                self.crops(track),
                strict=False,
            )
        )
        return self.tracked(track, crops)

    def tracked(self, track: FaceTrack, crops: Iterable[NDArray[np.uint8]]) -> Motion:
        """Codes of frames that were tracked before.

        Args:
            track: T frames.
            crops: T times (S, S, 3) uint8 RGB, what `cut` gives at the encoders' size.
        """
        codes, features = self._encode(crops)
        seen = track.confidence > 0
        codes = {factor: _bridged(rows, seen) for factor, rows in codes.items()}
        codes["lip"] = self.lips(codes["lip"])
        features = _bridged(features, seen)
        expression = np.concatenate(
            [self._expression(features[track.shot == shot]) for shot in np.unique(track.shot)]
        )
        return self._motion(codes | {"expression": expression})

    def crops(self, track: FaceTrack) -> NDArray[np.float32]:
        """(T, C) where the model looks in the frames of a track; `cut` and compositor know C."""
        return track.crop

    def cut(
        self, image: NDArray[np.uint8], crop: NDArray[np.floating], side: int
    ) -> NDArray[np.uint8]:
        """(side, side, 3) uint8 RGB, what the model sees of an image at a row of `crops`."""
        return crop_image(image, crop, side)

    def lips(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(T, D_lip) codes that were mixed, made lip codes again: unit length."""
        return unit(rows)

    def _motion(self, codes: dict[str, NDArray[np.float32]]) -> Motion:
        return Motion(
            lip=codes["lip"],
            eye=codes["eye"],
            pose=codes["pose"],
            expression=codes["expression"],
            fps=self.fps,
            model_id=self.loaded.model_id,
            own_units=self.own_units,
        )

    def images(self, images: list[NDArray[np.uint8]], crops: NDArray[np.floating]) -> Motion:
        """Codes of still images, one frame each.

        Args:
            images: K times (H, W, 3) uint8 RGB.
            crops: (K, C) rows of `crops`.
        """
        side = self.loaded.model.config.encoders.image_size
        codes, features = self._encode(
            self.cut(image, crop, side) for image, crop in zip(images, crops, strict=True)
        )
        expression = np.concatenate([self._expression(row[None]) for row in features])
        return self._motion(codes | {"expression": expression})

    @torch.inference_mode()
    def speech(self, waveform: Waveform, progress: Progress | None = None) -> NDArray[np.float32]:
        """Lip codes of speech; where all of a window is digital silence, the lips rest.

        Args:
            waveform: (N,) in [-1, 1] at the model's sample rate; a `Sound` is read piece by piece.
            progress: called as frames are encoded.

        Returns:
            (T, lip_width) float32 at `fps`, T = N / samples per frame, rounded up.
        """
        config = self.loaded.model.config.audio
        n_frames = -(-len(waveform) // config.samples_per_frame)
        windows_of = self.windows(waveform)
        rows = []
        for start in range(0, n_frames, _PIECE_FRAMES):
            stop = min(start + _PIECE_FRAMES, n_frames)
            windows = windows_of(start, stop)
            for first in range(0, len(windows), _SPEECH_BATCH):
                part = windows[first : first + _SPEECH_BATCH].contiguous()
                rows.append(self.heard(part))
            if progress:
                progress("reading speech", stop, n_frames)
        return np.concatenate(rows).astype(np.float32)

    @torch.inference_mode()
    def heard(self, windows: Tensor) -> NDArray[np.float32]:
        """(B, lip_width) float32 lip codes of (B, n_mels, window_mels) windows of speech."""
        model = self.loaded.model
        lip = model.encoders.speech(windows.to(self.loaded.device))
        silent = (windows.amax(dim=(1, 2)) <= self.silence + 1e-6).to(lip.device)
        rows: NDArray[np.float32] = (
            torch.where(silent[:, None], model.rest_lip, lip).float().cpu().numpy()
        )
        return rows

    def live_windows(self) -> LiveWindows:
        """The windows of sound that is still coming in."""
        return LogMelWindows(self.loaded.model.config.audio)

    def windows(self, waveform: Waveform) -> Callable[[int, int], Tensor]:
        """A function that gives the windows of the frames from a first up to a last one.

        Args:
            waveform: (N,) in [-1, 1] at the model's sample rate.
        """
        return lambda start, stop: _windows(waveform, start, stop, self.loaded)

    @property
    def silence(self) -> float:
        """Value of windows in digital silence."""
        return SILENCE

    @torch.inference_mode()
    def _encode(
        self, crops: Iterable[NDArray[np.uint8]]
    ) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
        """Codes of every factor but expression, and motion features, of encoder-sized crops."""
        encoders = self.loaded.model.encoders
        codes: dict[str, list[NDArray[np.float32]]] = {"lip": [], "eye": [], "pose": []}
        features = []
        for batch in batched(crops, self.n_encoded):
            pictures = to_tensor(np.stack(batch), self.loaded.device)
            read = encoders.read(pictures)
            features.append(read.feature.cpu().numpy())
            for factor, rows in codes.items():
                rows.append(getattr(read, factor).cpu().numpy())
        joined = {factor: np.concatenate(rows) for factor, rows in codes.items()}
        return joined, np.concatenate(features)

    @torch.inference_mode()
    def _expression(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(T, trunk_width) features of one shot to (T, 30)."""
        rows = torch.from_numpy(features).to(self.loaded.device)
        codes: NDArray[np.float32] = (
            self.loaded.model.encoders.expression.over_clip(rows).cpu().numpy()
        )
        return codes


def to_tensor(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(B, S, S, 3) uint8 RGB to (B, 3, S, S) float32 in [-1, 1]."""
    moved = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2)
    return moved.float().div_(127.5).sub_(1)


def joined(motion: Motion, device: torch.device) -> Tensor:
    """All codes of a motion as the generator takes them: (T, D)."""
    codes = {name: torch.from_numpy(np.array(getattr(motion, name))) for name in FACTORS}
    return Codes(**codes).join().to(device)


def _windows(waveform: Waveform, start: int, stop: int, loaded: LoadedModel) -> Tensor:
    """Log-mel windows of the frames from `start` up to `stop`: (stop - start, n_mels, window)."""
    config = loaded.model.config.audio
    step, hop = config.mels_per_frame, config.hop_length
    # The mel steps that these windows see, and the samples that these steps see.
    around = -(-config.win_length // hop)
    first = max(0, start - -(-config.window_past // step))
    last = stop + -(-config.window_ahead // step) + 1
    lead = min(first * step, around)
    low, high = (first * step - lead) * hop, (last * step + around) * hop
    piece = torch.from_numpy(np.asarray(waveform[low:high], np.float32))
    mel = log_mel(piece, config)[:, lead : lead + (last - first) * step]
    return mel_windows(mel, stop - first, config)[start - first :]


def _bridged(rows: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Draw a line over frames on which no face was seen."""
    rows = rows.copy()
    if seen.any() and not seen.all():
        times = np.arange(len(rows))
        for column in range(rows.shape[1]):
            rows[~seen, column] = np.interp(times[~seen], times[seen], rows[seen, column])
    return rows


def batched(items: Iterable[NDArray[np.uint8]], size: int) -> Iterator[list[NDArray[np.uint8]]]:
    """Items in lists of `size`; the last one may be shorter."""
    batch: list[NDArray[np.uint8]] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def watched(
    frames: Iterable[VideoFrame], what: str, total: int | None, progress: Progress | None
) -> Iterator[VideoFrame]:
    """The same frames; each is reported when it has been used."""
    for frame in frames:
        yield frame
        if progress:
            progress(what, frame.index + 1, total)


def check_waveform(waveform: NDArray[np.floating], name: str) -> NDArray[np.float32]:
    """A waveform that was given as an array, checked.

    Raises:
        InputError: it is not (N,) float in [-1, 1], is empty, or holds NaN.
    """
    if waveform.ndim != 1 or waveform.dtype.kind != "f":
        raise InputError(
            f"{name} is {waveform.dtype} {waveform.shape}; give (N,) float samples in -1..1."
        )
    if waveform.size == 0:
        raise InputError(f"{name} has zero length; give at least one sample.")
    if not np.isfinite(waveform).all():
        bad = int(np.flatnonzero(~np.isfinite(waveform))[0])
        raise InputError(f"{name} is not finite at sample {bad}; mend it.")
    if float(np.abs(waveform).max()) > 8:
        raise InputError(f"{name} reaches beyond -1..1; scale it.")
    return np.clip(np.asarray(waveform, np.float32), -1, 1)
