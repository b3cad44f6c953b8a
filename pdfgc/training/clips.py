"""All packed clips as arrays: a decoded cache that training reads at random without waiting."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors

from pdfgc.config import AudioConfig
from pdfgc.errors import InputError
from pdfgc.files import writing_folder
from pdfgc.media import SILENCE, log_mel, read_audio, read_video
from pdfgc.training.shards import ShardIndex

_TRACK = ("pose", "gaze", "openness", "mouth", "confidence")
_VERSION = 1


@dataclass(frozen=True)
class Clip:
    """One packed clip inside the cache.

    Attributes:
        key: its name in the pack.
        person: who is seen.
        start: row of its first frame.
        length: frames.
        lag_ms: by how much the sound is later than the lips; None = lips are not trained on it.
        has_sound: whether it has a recording at all.
    """

    key: str
    person: str
    start: int
    length: int
    lag_ms: float | None
    has_sound: bool


@dataclass(frozen=True)
class ClipBank:
    """Frames, tracks and log-mels of many clips, one row per frame at 25 fps.

    Attributes:
        clips: what lies where.
        frames: (N, S, S, 3) uint8 RGB, mapped from disk.
        landmarks: (N, L, 3) float32 in crop coordinates ([-1, 1]).
        pose: (N, 6) float32.
        gaze: (N, 2) float32 rad.
        openness: (N, 2) float32.
        mouth: (N,) float32 inner-lip gap over interocular distance.
        confidence: (N,) float32.
        mel: (n_mels, mels_per_frame * N) float16 log-mel, silence where there is no sound.
        audio: how `mel` was made.
        digest: hash of the pack.
        folder: where the cache lies.
    """

    clips: tuple[Clip, ...]
    frames: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    pose: NDArray[np.float32]
    gaze: NDArray[np.float32]
    openness: NDArray[np.float32]
    mouth: NDArray[np.float32]
    confidence: NDArray[np.float32]
    mel: NDArray[np.float16]
    audio: AudioConfig
    digest: str
    folder: Path

    @property
    def persons(self) -> tuple[str, ...]:
        """Who is in the bank, sorted."""
        return tuple(sorted({clip.person for clip in self.clips}))

    def speaking(self) -> tuple[Clip, ...]:
        """Clips on which lips may be trained."""
        return tuple(c for c in self.clips if c.has_sound and c.lag_ms is not None)

    def windows(self, clip: Clip, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """Log-mel windows of frames of one clip, with the clip's lag taken out.

        Args:
            clip: one of `clips`.
            frames: (F,) frame numbers within the clip.

        Returns:
            (F, n_mels, window_mels) float32; outside the clip there is silence.
        """
        step = self.audio.mels_per_frame
        lag = round((clip.lag_ms or 0.0) * self.audio.sample_rate / 1000 / self.audio.hop_length)
        middle = frames * step + step // 2 + lag
        at = middle[:, None] + np.arange(-self.audio.window_past, self.audio.window_ahead)
        inside = (at >= 0) & (at < clip.length * step)
        rows = self.mel[:, clip.start * step + np.clip(at, 0, clip.length * step - 1)]
        rows = np.where(inside[None], rows, np.float16(SILENCE))
        return rows.transpose(1, 0, 2).astype(np.float32)


def load_clips(packed: str | os.PathLike[str], side: int, audio: AudioConfig) -> ClipBank:
    """Open a pack, decoding it once into a cache beside the shards.

    Args:
        packed: folder that `pdfgc pack` made.
        side: side of the decoded frames (px).
        audio: settings of the log-mel.

    Raises:
        InputError: the folder is no pack, or holds no clip.
    """
    index = ShardIndex(packed)
    if not index.keys:
        raise InputError(f"{packed}: holds no clip; run pdfgc pack on a folder with faces.")
    # How windows are cut does not change the spectrogram.
    mel = {k: v for k, v in asdict(audio).items() if not k.startswith("window")}
    identity = json.dumps([_VERSION, sorted(index.keys), side, mel])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    cache = Path(packed) / f"decoded-{side}-{digest}"
    if not (cache / "clips.json").is_file():
        with writing_folder(cache) as partial:
            _decode(index, partial, side, audio)
    clips = tuple(Clip(**row) for row in json.loads((cache / "clips.json").read_text()))
    tracks = np.load(cache / "tracks.npz")
    return ClipBank(
        clips=clips,
        frames=np.load(cache / "frames.npy", mmap_mode="r"),
        landmarks=np.load(cache / "landmarks.npy", mmap_mode="r"),
        mel=np.load(cache / "mel.npy"),
        audio=audio,
        digest=digest,
        folder=cache,
        **{name: tracks[name] for name in _TRACK},
    )


def _decode(index: ShardIndex, cache: Path, side: int, audio: AudioConfig) -> None:
    metas = {key: index.meta(key) for key in sorted(index.keys)}
    total = sum(int(meta["n_frames"]) for meta in metas.values())
    frames = np.lib.format.open_memmap(
        cache / "frames.npy", mode="w+", dtype=np.uint8, shape=(total, side, side, 3)
    )
    mel = np.full((audio.n_mels, total * audio.mels_per_frame), SILENCE, np.float16)
    tracks: dict[str, list[NDArray[np.float32]]] = {name: [] for name in (*_TRACK, "landmarks")}
    clips: list[Clip] = []
    start = 0
    with tempfile.TemporaryDirectory() as scratch:
        for key, meta in metas.items():
            length = int(meta["n_frames"])
            video = Path(scratch) / "clip.mp4"
            video.write_bytes(index.read(key, "mp4"))
            pictures = [frame.image for frame in read_video(video)][:length]
            if len(pictures) != length:
                raise InputError(
                    f"{key}: {len(pictures)} frames where its track has {length}; pack it again."
                )
            frames[start : start + length] = _resize(np.stack(pictures), side)
            rows = load_tensors(index.read(key, "safetensors"))
            for name, kept in tracks.items():
                kept.append(rows[name].astype(np.float32))
            has_sound = index.has(key, "flac")
            if has_sound:
                sound = Path(scratch) / "clip.flac"
                sound.write_bytes(index.read(key, "flac"))
                wave = torch.from_numpy(read_audio(sound, sample_rate=audio.sample_rate))
                steps = log_mel(wave, audio).numpy()[:, : length * audio.mels_per_frame]
                at = start * audio.mels_per_frame
                mel[:, at : at + steps.shape[1]] = steps
            lag = meta.get("lag_to_apply_ms")
            clips.append(
                Clip(
                    key=key,
                    person=str(meta["person"]),
                    start=start,
                    length=length,
                    lag_ms=None if lag in (None, "") else float(lag),
                    has_sound=has_sound,
                )
            )
            start += length
    frames.flush()
    joined = {name: np.concatenate(kept) for name, kept in tracks.items()}
    np.save(cache / "landmarks.npy", joined.pop("landmarks"))
    np.savez(cache / "tracks.npz", **joined)  # type: ignore[arg-type]
    np.save(cache / "mel.npy", mel)
    (cache / "clips.json").write_text(json.dumps([asdict(clip) for clip in clips]))


def _resize(pictures: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if pictures.shape[1] == side:
        return pictures
    maps = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    small = torch.nn.functional.interpolate(
        maps, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )
    out: NDArray[np.uint8] = small.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return out
