"""From frames to a `FaceTrack`: follow one face, fill gaps, smooth, measure."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from pdfgc.config import CropConfig
from pdfgc.errors import InputError
from pdfgc.media.image import read_image
from pdfgc.media.video import VideoFrame, read_video, resample_frames
from pdfgc.tracking.canonical import canonical_face
from pdfgc.tracking.crop import shot_crop
from pdfgc.tracking.detection import (
    Choice,
    Detection,
    FaceBackend,
    FaceChoice,
    box_of,
    choose_face,
    n_comparable,
)
from pdfgc.tracking.measure import (
    apertures_of,
    fit_head,
    gaze_of,
    gaze_through_blinks,
    mouth_opening_of,
    openness_of,
    pose_in_crop,
)
from pdfgc.tracking.shots import CutDetector, is_jump
from pdfgc.tracking.track import FaceTrack

# Landmarks are smoothed by a parabola through this time: a blink (0.15 s and more) and lip
# motion keep their shape, the jitter of single frames goes.
_SMOOTH_S = 0.2
# Misfit of the rigid points (interocular units) at which a face is hardly a face: clean frontal
# frames have 0.03, strong profiles 0.07.
_MISFIT = 0.12
GOOD_CONFIDENCE = 0.5
"""Frames above this confidence are used for percentiles, crops and training."""


class MissingPolicy(Enum):
    """What to do with frames on which no face is found."""

    HOLD = "hold"
    """Repeat the last face."""
    INTERPOLATE = "interpolate"
    """Draw a line between the faces before and after; hold at the ends of a shot."""
    PASS = "pass"
    """Leave NaN."""
    ERROR = "error"
    """Refuse the clip, naming the frame."""


@dataclass
class _Collected:
    times: list[float]
    found: list[Detection | None]
    shot: list[int]
    faces: list[int]
    frame_size: tuple[int, int]


def track_frames(
    frames: Iterable[VideoFrame],
    *,
    backend: FaceBackend | None = None,
    fps: float | None = None,
    missing: MissingPolicy = MissingPolicy.INTERPOLATE,
    choose: Choice = FaceChoice.LARGEST,
    crop: CropConfig | None = None,
    name: str = "video",
) -> FaceTrack:
    """Track one face.

    Args:
        frames: in order; read once, never held.
        backend: the landmark model, by default a new `MediaPipeBackend`.
        fps: frames per second, by default from the frames' times.
        missing: what to do where no face is found; such frames have confidence 0 always.
        choose: which face, when a shot begins with several.
        crop: shape of the crop.
        name: how messages call the clip.

    Raises:
        InputError: no frame, no face at all, a face missing under `MissingPolicy.ERROR`, or a
            choice that cannot be made.
    """
    if backend is None:
        backend = _default_backend()
    collected = _collect(frames, backend, choose, name)
    if not collected.times:
        raise InputError(f"{name}: holds no frame; export it again.")
    seen = np.array([found is not None for found in collected.found])
    if not seen.any():
        raise InputError(f"{name}: no face was found in {len(seen)} frames; show one face clearly.")
    if missing is MissingPolicy.ERROR and not seen.all():
        raise InputError(
            f"{name}: no face in frame {int(np.argmin(seen))}; cut it out or choose another "
            "policy for missing faces."
        )
    times = np.array(collected.times)
    if fps is None:
        fps = float(1 / np.median(np.diff(times))) if len(times) > 1 else 25.0
    shot = np.array(collected.shot, np.int32)
    landmarks = _stacked(collected.found, backend.topology.n_landmarks)
    for each in np.unique(shot):
        inside = shot == each
        landmarks[inside] = _smoothed(_filled(landmarks[inside], seen[inside], missing), fps)
    score = np.array([found.score if found else 0.0 for found in collected.found])
    track = _measured(
        landmarks, seen, score, times, shot, crop or CropConfig(), collected.frame_size, fps
    )
    return replace(track, faces=np.array(collected.faces, np.int32), backend=backend.name)


def track_image(
    image: NDArray[np.uint8],
    *,
    backend: FaceBackend | None = None,
    choose: Choice = None,
    crop: CropConfig | None = None,
    name: str = "image",
) -> FaceTrack:
    """Track the face of a still; openness is measured against the population's open eye.

    Args:
        image: (H, W, 3) uint8 RGB.
        backend: the landmark model.
        choose: which face; by default a second face of similar size is an error.
        crop: shape of the crop.
        name: how messages call the image.

    Returns:
        A track with T = 1.

    Raises:
        InputError: no face, or several and no choice.
    """
    frame = VideoFrame(image=image, time_s=0.0, index=0)
    return track_frames([frame], backend=backend, fps=25.0, choose=choose, crop=crop, name=name)


def track_image_file(path: str | os.PathLike[str], *, choose: Choice = None) -> FaceTrack:
    """`track_image` on a file, upright as its EXIF says."""
    return track_image(read_image(path), choose=choose, name=str(Path(path)))


def track_video(
    path: str | os.PathLike[str],
    *,
    backend: FaceBackend | None = None,
    fps: float | None = None,
    missing: MissingPolicy = MissingPolicy.INTERPOLATE,
    choose: Choice = FaceChoice.LARGEST,
    crop: CropConfig | None = None,
) -> FaceTrack:
    """Track a video file.

    Args:
        path: any video.
        backend: the landmark model.
        fps: bring the frames to this rate by their times; None keeps every frame.
        missing: what to do where no face is found.
        choose: which face, when a shot begins with several.
        crop: shape of the crop.

    Raises:
        InputError: the file cannot be read or shows no face.
    """
    frames = read_video(path)
    if fps is not None:
        frames = resample_frames(frames, fps)
    return track_frames(
        frames,
        backend=backend,
        fps=fps,
        missing=missing,
        choose=choose,
        crop=crop,
        name=str(Path(path)),
    )


def _default_backend() -> FaceBackend:
    from pdfgc.tracking.mediapipe_backend import MediaPipeBackend

    return MediaPipeBackend()


def _collect(
    frames: Iterable[VideoFrame], backend: FaceBackend, choose: Choice, name: str
) -> _Collected:
    cuts = CutDetector()
    out = _Collected([], [], [], [], (0, 0))
    previous: Detection | None = None
    shot = faces = 0
    backend.reset()
    for frame in frames:
        image = frame.image
        out.frame_size = (image.shape[1], image.shape[0])
        before = previous
        if cuts.is_cut(image):
            shot, before = shot + 1, None
            backend.reset()
        now = backend.follow(image, before) if before is not None else None
        if now is not None and before is not None and is_jump(now.box, before.box):
            # Either the picture was cut or another face was caught: look again, in a new shot.
            shot, now = shot + 1, None
            backend.reset()
        if now is None and (detections := backend.detect(image)):
            entering = before is None or shot != out.shot[-1]
            if entering or not out.times:
                now = choose_face(detections, choose, f"{name}, frame {frame.index}")
                faces = n_comparable(detections)
            else:
                now = _nearest(detections, before)
        out.times.append(frame.time_s)
        out.found.append(now)
        out.shot.append(shot)
        out.faces.append(faces)
        previous = now if now is not None else (before if shot == out.shot[-1] else None)
    return out


def _nearest(detections: list[Detection], before: Detection | None) -> Detection | None:
    """The detection that can be the face of the frame before."""
    if before is None:
        return None
    apart = [float(np.linalg.norm(found.box - before.box)) for found in detections]
    nearest = detections[int(np.argmin(apart))]
    return None if is_jump(nearest.box, before.box) else nearest


def _stacked(found: list[Detection | None], n_landmarks: int) -> NDArray[np.float32]:
    empty = np.full((n_landmarks, 3), np.nan, np.float32)
    return np.stack([empty if each is None else each.landmarks for each in found])


def _filled(
    landmarks: NDArray[np.float32], seen: NDArray[np.bool_], missing: MissingPolicy
) -> NDArray[np.float32]:
    if seen.all() or not seen.any() or missing is MissingPolicy.PASS:
        return landmarks
    known = np.flatnonzero(seen)
    times = np.arange(len(seen))
    if missing is MissingPolicy.HOLD:
        last = np.clip(np.searchsorted(known, times, side="right") - 1, 0, None)
        return landmarks[known[last]]
    after = np.clip(np.searchsorted(known, times), 0, len(known) - 1)
    before = np.clip(np.searchsorted(known, times, side="right") - 1, 0, None)
    start, end = known[before], known[after]
    share = (times - start) / np.maximum(end - start, 1)
    weight = np.clip(share, 0, 1)[:, None, None].astype(np.float32)
    return np.asarray(landmarks[start] * (1 - weight) + landmarks[end] * weight, np.float32)


def _smoothed(landmarks: NDArray[np.float32], fps: float) -> NDArray[np.float32]:
    """Savitzky-Golay smoothing (Analytical Chemistry 1964) with a parabola, per shot."""
    window = 2 * round(_SMOOTH_S * fps / 2) + 1
    known = np.isfinite(landmarks).all((1, 2))
    if len(landmarks) < window or window < 4 or not known.all():
        return landmarks
    smooth = savgol_filter(landmarks, window, 2, axis=0, mode="interp")
    return np.asarray(smooth, np.float32)


def _measured(
    landmarks: NDArray[np.float32],
    seen: NDArray[np.bool_],
    score: NDArray[np.float64],
    times: NDArray[np.float64],
    shot: NDArray[np.int32],
    config: CropConfig,
    frame_size: tuple[int, int],
    fps: float,
) -> FaceTrack:
    box = box_of(landmarks)
    confidence = np.where(seen, score * _plausibility(landmarks, frame_size), 0.0)
    confidence = np.nan_to_num(confidence, nan=0.0)
    good = confidence > GOOD_CONFIDENCE
    apertures = apertures_of(landmarks)
    width, height = frame_size
    crop = np.tile([width / 2, height / 2, float(min(width, height))], (len(times), 1))
    openness = np.zeros_like(apertures)
    gaze = gaze_of(landmarks)
    for each in np.unique(shot):
        inside = shot == each
        usable = good[inside] if good[inside].any() else seen[inside]
        if usable.any():
            crop[inside] = shot_crop(box[inside], usable, config, fps)
        prior = canonical_face(None).open_eye
        openness[inside] = openness_of(apertures[inside], usable, prior)
        gaze[inside] = gaze_through_blinks(gaze[inside], openness[inside])
    return FaceTrack(
        times=times,
        landmarks=landmarks,
        box=box,
        crop=crop.astype(np.float32),
        shot=shot,
        pose=pose_in_crop(landmarks, crop),
        gaze=gaze,
        openness=openness,
        mouth=mouth_opening_of(landmarks),
        confidence=confidence.astype(np.float32),
        faces=np.ones(len(times), np.int32),
        frame_size=frame_size,
        fps=fps,
        backend="",
    )


def _plausibility(
    landmarks: NDArray[np.float32], frame_size: tuple[int, int]
) -> NDArray[np.float64]:
    """1 for a face that fits the canonical one and lies inside the frame, towards 0 otherwise."""
    misfit = fit_head(landmarks).residual
    inside = ((landmarks[..., :2] >= 0) & (landmarks[..., :2] <= frame_size)).all(-1).mean(-1)
    return np.asarray(np.exp(-((misfit / _MISFIT) ** 2)) * inside)
