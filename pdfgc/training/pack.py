"""`pdfgc pack`: from raw video to training samples, and what was dropped on the way, and why.

A sample is `KEY.mp4` (the face crop, H.264, 25 fps), `KEY.flac` (16 kHz mono, sample 640 t is frame
t; absent without sound), `KEY.safetensors` (the track) and `KEY.json`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import math
import multiprocessing
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_tensors

from pdfgc.config import CropConfig
from pdfgc.errors import InputError
from pdfgc.files import writing, writing_folder
from pdfgc.media.audio import read_audio
from pdfgc.media.video import VideoInfo, probe, read_video, resample_frames
from pdfgc.media.writer import VideoWriter
from pdfgc.metrics.sharpness import sharpness as sharpness_of
from pdfgc.tracking.crop import crop_image
from pdfgc.tracking.detection import FaceBackend, FaceChoice
from pdfgc.tracking.track import FaceTrack
from pdfgc.tracking.tracker import GOOD_CONFIDENCE, track_frames
from pdfgc.training.shards import ShardWriter

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".gif")
_STAGING, _REPORT = ".clips", "report.json"
# A clip during which the process died this often is left out.
_MAX_ATTEMPTS = 2


@dataclass(frozen=True)
class PackConfig:
    """How raw video becomes samples, and what is good enough."""

    crop: CropConfig = field(default_factory=CropConfig)
    """Shape of the crop; `crop.size` is the side of the packed pictures (px)."""
    fps: float = 25.0
    """Frames per second of every sample."""
    sample_rate: int = 16_000
    """Samples per second of the sound (Hz)."""
    crf: float = 17
    """x264's quality."""
    whole_s: float = 20.0
    """Shots up to this length stay whole."""
    piece_s: float = 10.0
    """Longer shots are cut into equal pieces up to this length."""
    min_good_frames: int = 15
    """Fewer confident frames drop a piece."""
    min_good_share: float = 0.6
    """A smaller share of confident frames drops a piece."""
    min_face_px: float = 56.0
    """A smaller face (longer side of its landmark box) drops a piece."""
    min_sharpness: float = 0.004
    """A softer face (mean absolute Laplacian of the crop's middle, values in [0, 1]) drops it."""
    one_face: bool = True
    """Drop shots that show several faces of similar size."""
    shard_bytes: int = 256 * 2**20
    """Size at which a new shard begins."""


@dataclass(frozen=True)
class PackItem:
    """One raw clip.

    Attributes:
        id: its name; letters, digits, `_`, `-`.
        path: the video file.
        person: who is seen.
        split: which part of the data it belongs to.
        speech_sync: what is known about sound and lips ("yes", "weak", ...).
        lag_to_apply_ms: by how much the sound is later than the lips; None = do not train lips.
        licence: of the recording.
        licence_class: of the recording, as the data set names it.
        rights: whom to name.
    """

    id: str
    path: Path
    person: str
    split: str = "train"
    speech_sync: str = ""
    lag_to_apply_ms: float | None = None
    licence: str = ""
    licence_class: str = ""
    rights: str = ""


@dataclass(frozen=True)
class Dropped:
    """A clip, or a part of it, that was left out."""

    id: str
    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True)
class PackReport:
    """What a run made.

    Attributes:
        n_clips: raw clips looked at.
        n_samples: samples written.
        n_frames: frames written.
        n_frames_with_sound: of these, in samples with sound.
        n_frames_tracked: raw frames on which a face was found.
        n_frames_seen: raw frames looked at.
        dropped: what was left out, and why.
    """

    n_clips: int
    n_samples: int
    n_frames: int
    n_frames_with_sound: int
    n_frames_tracked: int
    n_frames_seen: int
    dropped: list[Dropped]

    def reasons(self) -> dict[str, int]:
        """How many parts were dropped for which kind of reason, most frequent first."""
        kinds = Counter(drop.reason.split(":")[0] for drop in self.dropped)
        return dict(kinds.most_common())


def items_from_manifest(
    manifest: str | os.PathLike[str], splits: Sequence[str] | None = None
) -> list[PackItem]:
    """Video rows of a manifest.

    Args:
        manifest: CSV with the columns `id`, `file` (relative to the manifest) and `person`;
            `split`, `speech_sync`, `lag_to_apply_ms`, `licence`, `licence_class` and `rights` are
            optional.
        splits: which splits to take, by default all.

    Raises:
        InputError: the file or a column is missing, or no row is left.
    """
    path = Path(manifest)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give a manifest in CSV.")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if rows and (absent := {"id", "file", "person"} - set(rows[0])):
        raise InputError(f"{path}: has no column {', '.join(sorted(absent))}; add it.")
    items = [
        _item(row, path.parent)
        for row in rows
        if Path(row["file"]).suffix.lower() in VIDEO_SUFFIXES
        and (splits is None or row.get("split") in splits)
    ]
    if not items:
        known = sorted({row.get("split") or "" for row in rows})
        raise InputError(f"{path}: no video in the splits {splits}; it has {known}.")
    return items


def _item(row: Mapping[str, str], folder: Path) -> PackItem:
    split = row.get("split") or "train"
    # Such clips are in the data for their picture alone.
    lag = "" if split.endswith("video-only") else row.get("lag_to_apply_ms") or ""
    return PackItem(
        id=_key_of(row["id"]),
        path=folder / row["file"],
        person=row["person"],
        split=split,
        speech_sync=row.get("speech_sync") or "",
        lag_to_apply_ms=float(lag) if lag else None,
        licence=row.get("licence") or "",
        licence_class=row.get("licence_class") or "",
        rights=row.get("rights") or "",
    )


def items_from_folder(folder: str | os.PathLike[str]) -> list[PackItem]:
    """All videos below a folder; the person is the sub-folder, or else the file's own name.

    Sound is taken as synchronous: lag 0.

    Raises:
        InputError: there is no such folder, or no video in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{root}: is no folder; give a folder of videos or a manifest.")
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    if not paths:
        raise InputError(f"{root}: holds no video ({', '.join(VIDEO_SUFFIXES)}).")
    items = []
    for path in paths:
        inside = path.relative_to(root)
        person = inside.parts[0] if len(inside.parts) > 1 else path.stem
        name = _key_of(str(inside.with_suffix("")))
        items.append(PackItem(id=name, path=path, person=person, lag_to_apply_ms=0.0))
    return items


def _key_of(name: str) -> str:
    key = re.sub(r"[^A-Za-z0-9_\-]+", "-", name).strip("-")
    if key == name:
        return key
    # Names that differ only in what was replaced must stay apart.
    return f"{key}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def pack(
    raw: str | os.PathLike[str] | Sequence[PackItem],
    out: str | os.PathLike[str],
    config: PackConfig | None = None,
    *,
    workers: int = 1,
) -> PackReport:
    """Track, crop and pack raw clips.

    A run that was killed goes on where it was: a clip that is finished is not done again. A clip
    that fails is dropped with its reason and the run goes on.

    Args:
        raw: a folder of videos, or items (see `items_from_manifest`).
        out: folder for the shards; it may hold an unfinished run of the same configuration.
        config: sizes, rates and limits.
        workers: processes.

    Returns:
        What was made and dropped; also in `report.json`.

    Raises:
        InputError: nothing to pack, two clips of one name, or `out` holds something else.
    """
    items = items_from_folder(raw) if isinstance(raw, str | os.PathLike) else list(raw)
    twice = [name for name, count in Counter(item.id for item in items).items() if count > 1]
    if twice or not items:
        raise InputError(f"{twice[0]}: is the name of two clips." if twice else "No clip to pack.")
    config = config or PackConfig()
    folder = Path(out)
    staging = _staging(folder, config)
    todo = [item for item in items if not (staging / item.id / _REPORT).is_file()]
    log.info("packing %d clips, %d are done already", len(items), len(items) - len(todo))
    for done, item in enumerate(_run(todo, staging, config, workers), 1):
        log.info("%d/%d %s", done, len(todo), item.id)
    report = _assemble(items, staging, folder, config)
    shutil.rmtree(staging)
    return report


def _staging(folder: Path, config: PackConfig) -> Path:
    """The folder of finished clips; refuses one that another configuration began."""
    if any(folder.glob("shard-*")) and not (folder / _STAGING).is_dir():
        raise InputError(f"{folder}: is packed already; choose another folder or remove it.")
    staging = folder / _STAGING
    staging.mkdir(parents=True, exist_ok=True)
    wanted = json.dumps(asdict(config), sort_keys=True)
    note = staging / "config.json"
    if note.is_file() and note.read_text() != wanted:
        raise InputError(f"{folder}: was begun with another configuration; remove it first.")
    with writing(note) as partial:
        partial.write_text(wanted)
    return staging


def _run(
    items: list[PackItem], staging: Path, config: PackConfig, workers: int
) -> Iterator[PackItem]:
    if workers <= 1:
        for item in items:
            _pack_clip(item, staging, config)
            yield item
        return
    items = list(items)
    # Models and decoders do not survive a fork.
    context = multiprocessing.get_context("spawn")
    while items:
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            futures = {pool.submit(_pack_clip, item, staging, config): item for item in items}
            try:
                for future in as_completed(futures):
                    future.result()
                    items.remove(futures[future])
                    yield futures[future]
            except BrokenProcessPool:
                # A decoder or model crashed; attempts are counted, so this ends.
                log.warning("a worker process died; going on with the rest")
                items = [item for item in items if not (staging / item.id / _REPORT).is_file()]


_backend: FaceBackend | None = None


def _shared_backend() -> FaceBackend:
    """One backend per process: loading the models takes longer than a short clip."""
    global _backend
    if _backend is None:
        from pdfgc.tracking.mediapipe_backend import MediaPipeBackend

        _backend = MediaPipeBackend()
    return _backend


@dataclass
class _Clip:
    """What one clip gave."""

    samples: dict[str, dict[str, bytes]] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    n_seen: int = 0
    n_tracked: int = 0


def _pack_clip(item: PackItem, staging: Path, config: PackConfig) -> None:
    """Do one clip, and leave its samples and its report in the staging folder."""
    attempts = staging / f"{item.id}.attempts"
    count = len(attempts.read_text()) if attempts.is_file() else 0
    clip = _Clip()
    if count >= _MAX_ATTEMPTS:
        clip.dropped.append(Dropped(item.id, 0, 0, "crash: the process died on this clip twice"))
    else:
        with attempts.open("a") as file:
            file.write("x")
        try:
            _process(item, config, clip)
        except InputError as error:
            clip.dropped.append(Dropped(item.id, 0, 0, f"unreadable or without face: {error}"))
        except Exception as error:  # one odd clip must not end a run of days
            log.exception("%s failed", item.path)
            clip.dropped.append(Dropped(item.id, 0, 0, f"failed: {error!r}"))
    summary = {
        "dropped": [asdict(drop) for drop in clip.dropped],
        "keys": list(clip.samples),
        "n_seen": clip.n_seen,
        "n_tracked": clip.n_tracked,
    }
    with writing_folder(staging / item.id) as partial:
        for key, files in clip.samples.items():
            for suffix, content in files.items():
                (partial / f"{key}.{suffix}").write_bytes(content)
        (partial / _REPORT).write_text(json.dumps(summary))
    attempts.unlink(missing_ok=True)


def _process(item: PackItem, config: PackConfig, clip: _Clip) -> None:
    info = probe(item.path)
    frames = resample_frames(read_video(item.path), config.fps)
    track = track_frames(
        frames,
        backend=_shared_backend(),
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
            span = (start / config.fps, stop / config.fps)
            clip.dropped.append(Dropped(item.id, *span, reason))
        else:
            pieces.append((start, stop))
    for number, (start, stop, video, sharpness) in enumerate(_cropped(item, track, pieces, config)):
        part = track.part(start, stop)
        if sharpness < config.min_sharpness:
            span = (start / config.fps, stop / config.fps)
            clip.dropped.append(Dropped(item.id, *span, f"not sharp: {sharpness:.4f}"))
            continue
        files = {"mp4": video, "safetensors": _track_bytes(part)}
        if sound is not None:
            files["flac"] = _flac(sound, start, stop, config)
        meta = _meta(item, info, part, start, config)
        meta |= {"has_sound": sound is not None, "sharpness": round(sharpness, 5)}
        files["json"] = json.dumps(meta).encode()
        clip.samples[f"{item.id}_{number:03d}"] = files


def _sound(
    item: PackItem, info: VideoInfo, config: PackConfig, clip: _Clip
) -> NDArray[np.float32] | None:
    if not info.has_audio:
        return None
    try:
        return read_audio(item.path, sample_rate=config.sample_rate)
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
    frames = resample_frames(read_video(item.path), config.fps)
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

    first, last = (round(index * config.sample_rate / config.fps) for index in (start, stop))
    part = sound[first:last]
    part = np.pad(part, (0, last - first - len(part)))
    buffer = io.BytesIO()
    soundfile.write(buffer, part, config.sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


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


def _assemble(
    items: Iterable[PackItem], staging: Path, folder: Path, config: PackConfig
) -> PackReport:
    """Put the finished clips into shards, in the order of `items`, and sum up."""
    n_clips = n_samples = n_frames = n_sound = n_tracked = n_seen = 0
    dropped: list[Dropped] = []
    for old in folder.glob("shard-*"):
        old.unlink()  # of a run that was killed right here
    with ShardWriter(folder, max_bytes=config.shard_bytes) as writer:
        for item in items:
            clip = staging / item.id
            summary = json.loads((clip / _REPORT).read_text())
            n_clips += 1
            n_seen += summary["n_seen"]
            n_tracked += summary["n_tracked"]
            dropped += [Dropped(**drop) for drop in summary["dropped"]]
            for key in summary["keys"]:
                files = {p.suffix[1:]: p.read_bytes() for p in sorted(clip.glob(f"{key}.*"))}
                writer.write(key, files)
                meta = json.loads(files["json"])
                n_samples += 1
                n_frames += meta["n_frames"]
                n_sound += meta["n_frames"] if meta["has_sound"] else 0
    report = PackReport(n_clips, n_samples, n_frames, n_sound, n_tracked, n_seen, dropped)
    with writing(folder / _REPORT) as partial:
        partial.write_text(json.dumps(asdict(report) | {"reasons": report.reasons()}, indent=1))
    return report
