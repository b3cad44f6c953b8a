"""One raw clip to samples: tracked, cut into pieces, judged, cropped and encoded."""

from __future__ import annotations

import base64
import io
import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save as save_tensors

from pdfgc.errors import InputError
from pdfgc.media.audio import read_audio
from pdfgc.media.video import VideoInfo
from pdfgc.media.writer import VideoWriter
from pdfgc.metrics.sharpness import sharpness as sharpness_of
from pdfgc.tracking.crop import crop_image
from pdfgc.tracking.detection import FaceBackend, FaceChoice
from pdfgc.tracking.track import FaceTrack
from pdfgc.tracking.tracker import GOOD_CONFIDENCE, track_frames
from pdfgc.training.items import PackItem
from pdfgc.training.offset import offset_of
from pdfgc.training.pack_config import PackConfig
from pdfgc.training.pack_report import Dropped
from pdfgc.training.raw import raw_frames, raw_info

_PICTURES = 3
"""Pictures of dropped parts that one clip keeps."""

_backend: FaceBackend | None = None


def shared_backend() -> FaceBackend:
    """One backend per process: loading the models takes longer than a short clip."""
    global _backend
    if _backend is None:
        from pdfgc.tracking.mediapipe_backend import MediaPipeBackend

        _backend = MediaPipeBackend()
    return _backend


@dataclass
class Packed:
    """What one clip gave."""

    samples: dict[str, dict[str, bytes]] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    n_seen: int = 0
    n_tracked: int = 0

    def drop(self, item: PackItem, config: PackConfig, start: int, stop: int, reason: str) -> None:
        """Note a part that is left out, frames `start` to `stop`, with its middle picture."""
        picture = ""
        if sum(bool(drop.picture) for drop in self.dropped) < _PICTURES:
            picture = middle_picture(item.path, config.fps, (start + stop) // 2)
        span = (start / config.fps, stop / config.fps)
        self.dropped.append(Dropped(item.id, *span, reason, picture))


def middle_picture(path: Path, fps: float, index: int) -> str:
    """A frame as a small JPEG in base64; empty where it cannot be read."""
    try:
        frame = next(f for f in raw_frames(path, fps) if f.index == index)
    except (InputError, StopIteration):
        return ""
    picture = Image.fromarray(frame.image)
    picture.thumbnail((160, 160))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=75)
    return base64.b64encode(buffer.getvalue()).decode()


def process(item: PackItem, config: PackConfig, clip: Packed) -> None:
    """Track a clip, cut it into pieces and add what is good enough, and what is not, to `clip`.

    Raises:
        InputError: the file cannot be read, or shows no face.
    """
    info = raw_info(item.path, config.fps)
    frames = raw_frames(item.path, config.fps)
    track = track_frames(
        frames,
        backend=shared_backend(),
        fps=config.fps,
        choose=FaceChoice.LARGEST,
        crop=config.crop,
        name=str(item.path),
    )
    clip.n_seen, clip.n_tracked = len(track), int((track.confidence > 0).sum())
    sound = _sound(item, info, config, clip)
    pieces = []
    for start, stop in _pieces(track, config):
        reason = _fault(track.part(start, stop), config)
        if reason:
            clip.drop(item, config, start, stop, reason)
        else:
            pieces.append((start, stop))
    for number, (start, stop, video, sharpness) in enumerate(_cropped(item, track, pieces, config)):
        part = track.part(start, stop)
        if sharpness < config.min_sharpness:
            clip.drop(item, config, start, stop, f"not sharp: {sharpness:.4f}")
            continue
        files = {"mp4": video, "safetensors": _track_bytes(part)}
        meta = _meta(item, info, part, start, config)
        if sound is not None:
            files["flac"] = _flac(sound, start, stop, config)
            if item.speech_sync == "" and item.lag_to_apply_ms is not None:
                offset = offset_of(part, _cut(sound, start, stop, config), config)
                meta["offset_ms"], meta["offset_r"] = round(offset.ms), round(offset.r, 3)
                if offset.r >= config.min_offset_r and abs(offset.ms) > config.max_offset_ms:
                    meta["lag_to_apply_ms"] = None
                    reason = f"lips only: sound is {offset.ms:+.0f} ms late (r {offset.r:.2f})"
                    clip.drop(item, config, start, stop, reason)
        meta |= {"has_sound": sound is not None, "sharpness": round(sharpness, 5)}
        files["json"] = json.dumps(meta).encode()
        clip.samples[f"{item.id}_{number:03d}"] = files


def _sound(
    item: PackItem, info: VideoInfo, config: PackConfig, clip: Packed
) -> NDArray[np.float32] | None:
    path = item.path if info.has_audio or item.sound is None else item.sound
    if not info.has_audio and item.sound is None:
        return None
    try:
        return read_audio(path, sample_rate=config.sample_rate)
    except InputError as error:
        # The picture is still good.
        clip.dropped.append(Dropped(item.id, 0, info.duration_s, f"sound only: {error}"))
        return None


def _pieces(track: FaceTrack, config: PackConfig) -> Iterator[tuple[int, int]]:
    """Frame ranges: shots without their faceless ends, long ones cut into equal pieces."""
    for shot in np.unique(track.shot):
        inside = np.flatnonzero(track.shot == shot)
        good = inside[track.confidence[inside] > GOOD_CONFIDENCE]
        if len(good) == 0:
            yield int(inside[0]), int(inside[-1]) + 1
            continue
        start, stop = int(good[0]), int(good[-1]) + 1
        n_pieces = 1
        if stop - start > config.whole_s * config.fps:
            n_pieces = math.ceil((stop - start) / (config.piece_s * config.fps))
        edges = np.linspace(start, stop, n_pieces + 1).round().astype(int)
        yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


def _fault(part: FaceTrack, config: PackConfig) -> str | None:
    """Why a piece is not good enough, or None; the kind stands before the colon."""
    good = part.confidence > GOOD_CONFIDENCE
    if good.sum() < config.min_good_frames:
        return f"too few good frames: {good.sum()} of {len(part)}"
    if good.mean() < config.min_good_share:
        return f"face often lost: {good.mean():.0%} of {len(part)} frames"
    box = part.box[good]
    side = float(np.median(np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])))
    if side < config.min_face_px:
        return f"face too small: {side:.0f} px"
    if config.one_face and part.faces.max() > 1:
        return f"several faces: {part.faces.max()}"
    return None


def _cropped(
    item: PackItem, track: FaceTrack, pieces: list[tuple[int, int]], config: PackConfig
) -> Iterator[tuple[int, int, bytes, float]]:
    """Read the clip again and encode the crop of every piece; also its median sharpness."""
    if not pieces:
        return
    frames = raw_frames(item.path, config.fps)
    size = config.crop.size
    with tempfile.TemporaryDirectory() as folder:
        frame = next(frames)
        for start, stop in pieces:
            path = Path(folder) / f"{start}.mp4"
            sharpness = []
            with VideoWriter(path, fps=config.fps, size=(size, size), crf=config.crf) as writer:
                for index in range(start, stop):
                    while frame.index < index:
                        frame = next(frames)
                    picture = crop_image(frame.image, track.crop[index], size)
                    writer.write(picture)
                    if index % 5 == 0 or index == start:
                        sharpness.append(_sharpness(picture))
            yield start, stop, path.read_bytes(), float(np.median(sharpness))


def _sharpness(picture: NDArray[np.uint8]) -> float:
    """Sharpness of the middle of a crop."""
    quarter = len(picture) // 4
    return sharpness_of(picture[quarter:-quarter, quarter:-quarter])


def _track_bytes(part: FaceTrack) -> bytes:
    tensors = {
        "landmarks": part.crop_landmarks().astype(np.float16),
        "pose": part.pose,
        "gaze": part.gaze,
        "openness": part.openness,
        "mouth": part.mouth,
        "confidence": part.confidence,
        "crop": part.crop,
        "shot": part.shot,
    }
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    # One entry only: the library writes several in no fixed order, and shards are compared by hash.
    return bytes(save_tensors(contiguous, {"backend": part.backend}))


def _flac(sound: NDArray[np.float32], start: int, stop: int, config: PackConfig) -> bytes:
    """Sound of frames `start` to `stop`, exactly as long as they are; silence where it ends."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(
        buffer,
        _cut(sound, start, stop, config),
        config.sample_rate,
        format="FLAC",
        subtype="PCM_16",
    )
    return buffer.getvalue()


def _cut(
    sound: NDArray[np.float32], start: int, stop: int, config: PackConfig
) -> NDArray[np.float32]:
    first, last = (round(index * config.sample_rate / config.fps) for index in (start, stop))
    part = sound[first:last]
    return np.pad(part, (0, last - first - len(part)))


def _meta(
    item: PackItem, info: VideoInfo, part: FaceTrack, start: int, config: PackConfig
) -> dict[str, Any]:
    good = part.confidence > GOOD_CONFIDENCE
    sides = np.maximum(part.box[:, 2] - part.box[:, 0], part.box[:, 3] - part.box[:, 1])
    return {
        "person": item.person,
        "source": item.id,
        "split": item.split,
        "n_frames": len(part),
        "fps": config.fps,
        "start_s": start / config.fps,
        "original_fps": info.fps,
        "original_size": [info.width, info.height],
        "face_px": round(float(np.median(sides[good])), 1),
        "share_good": round(float(good.mean()), 4),
        "speech_sync": item.speech_sync,
        "lag_to_apply_ms": item.lag_to_apply_ms,
        "licence": item.licence,
        "licence_class": item.licence_class,
        "rights": item.rights,
        "backend": part.backend,
    }
