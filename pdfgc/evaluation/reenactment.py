"""The first protocol: a person's own clip drives its first frame, and the result is measured.

Of each packed clip, frame 0 is the source and every later frame drives. Three rows are measured in
the same way, all after the same video codec, by the default tracker: the real frames at the model's
size, the source held still, and the model. Where the sound fits the lips, the clip is drawn again
with its lips driven by the sound, and by another clip's sound.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdfgc.evaluation.clips import SAMPLE_RATE, Sound, TestClip, read_clips, read_sounds, resized
from pdfgc.evaluation.measuring import Measured, measure
from pdfgc.evaluation.rendering import Drive, Render
from pdfgc.media import read_video, write_video
from pdfgc.metrics import (
    correlation,
    envelope,
    find_blinks,
    gaze_correlation,
    gaze_error_deg,
    jitter,
    l1,
    lagged_correlation,
    landmark_distance,
    loudness_db,
    mouth_distance,
    pose_correlation,
    pose_error_deg,
    psnr,
    ratio_to_still,
    score_blinks,
    silence_opening,
    silent_frames,
    ssim,
)
from pdfgc.tracking import FaceBackend

MAX_FRAMES = 101
"""Frames taken of each clip: the source and 100 driving frames, 4 s."""
SPEECH_FRAMES = 75
"""Clips with speech count from this length on: 3 s at 25 fps."""
MAX_LAG = 5
"""Frames by which a mouth may be early or late in the search for the best correlation."""

REAL, STILL, MODEL = "real", "held still", "model"
LOUDNESS, SHUFFLED = "loudness", "shuffled audio"

# H.264's quality for every row, nearly free of loss to the eye.
_CRF = 18.0
# Encoded copies of a still; the last one is clean.
_STILL_FRAMES = 6
# A mouth moves if the middle 90 % of its opening spans this much (interocular distances).
_MOUTH_MOVES = 0.05
_MAX_PSNR = 100.0
_SAMPLES = 5

Values = dict[str, float]
Sounds = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A clip's own sound, and another one of its length."""
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Sample:
    """A few frames of one clip, to look at.

    Attributes:
        source: (S, S, 3) uint8 RGB.
        driving: (n, S, S, 3) real frames, evenly spaced.
        made: (n, S, S, 3) what the model made of them.
    """

    source: NDArray[np.uint8]
    driving: NDArray[np.uint8]
    made: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ClipResult:
    """What was measured on one clip.

    Attributes:
        key: its name in the pack.
        person: who is seen.
        frames: number of driving frames.
        rows: values by row and measure; NaN where a measure says nothing on this clip.
        ratios: errors of the real row and of the model over those of the held-still source, by
            row and measure; the real row's are the least that the tracker lets anything have.
        speech: values of the rows with lips driven by sound; empty without synchronous sound.
        sample: frames to look at.
    """

    key: str
    person: str
    frames: int
    rows: dict[str, Values]
    ratios: dict[str, Values]
    speech: dict[str, Values]
    sample: Sample


def reenact(
    packed: str | os.PathLike[str],
    render: Render,
    *,
    backend: FaceBackend,
    max_frames: int = MAX_FRAMES,
    progress: Progress | None = None,
) -> list[ClipResult]:
    """Run the protocol over a pack.

    Args:
        packed: folder that `pdfgc pack` made, of persons that training has not seen.
        render: the system under test.
        backend: landmark model of the tracker.
        max_frames: frames taken of each clip, the source among them.
        progress: called with a sentence after each clip.

    Returns:
        One result per clip, in the order of the keys.

    Raises:
        InputError: the pack cannot be read.
    """
    sounds = read_sounds(packed, max_frames, SPEECH_FRAMES)
    results = []
    for clip in read_clips(packed, max_frames):
        speech = (sounds[clip.key].wave, _other(clip.key, sounds)) if clip.key in sounds else None
        results.append(_one(clip, speech, render, backend))
        if progress:
            progress(f"{len(results)} clips done, the last was {clip.key}")
    return results


def _one(clip: TestClip, sounds: Sounds | None, render: Render, backend: FaceBackend) -> ClipResult:
    target = resized(clip.frames, render.side)
    driven, reference = target[1:], clip.real.part(1, len(clip.real))
    still_frames = _encoded(np.repeat(target[:1], _STILL_FRAMES, axis=0), clip.fps)
    found = measure(still_frames, clip.fps, backend)
    # At the smallest sizes the tracker may lose even the real face; the pack's label stands in.
    still = (found or clip.real.part(0, 1)).held(len(driven))
    pictures = {
        REAL: _encoded(driven, clip.fps),
        STILL: np.repeat(still_frames[-1:], len(driven), axis=0),
        MODEL: _encoded(render(Drive(clip.frames[0], clip.frames))[1:], clip.fps),
    }
    seen = {
        STILL: still,
        REAL: _measured(pictures[REAL], clip.fps, backend, still),
        MODEL: _measured(pictures[MODEL], clip.fps, backend, still),
    }
    known = reference.found
    errors = {
        row: _errors(shown[known], driven[known], seen[row].take(known), reference.take(known))
        for row, shown in pictures.items()
    }
    rows = {
        row: {name: float(each.mean()) for name, each in errors[row].items()}
        | _likeness(shown, driven)
        | _correlations(seen[row].take(known), reference.take(known), clip.fps)
        | _steadiness(seen[row])
        for row, shown in pictures.items()
    }
    ratios = {
        row: {
            name: float(ratio_to_still(each, errors[STILL][name]))
            for name, each in errors[row].items()
        }
        for row in (REAL, MODEL)
    }
    speech: dict[str, Values] = {}
    if sounds is not None:
        voiced = {REAL: seen[REAL], STILL: still}
        for row, sound in zip((MODEL, SHUFFLED), sounds, strict=True):
            made = render(Drive(clip.frames[0], clip.frames, sound))[1:]
            voiced[row] = _measured(_encoded(made, clip.fps), clip.fps, backend, still)
        speech = _speech(sounds[0], voiced, reference, clip.fps)
    at = np.linspace(0, len(driven) - 1, _SAMPLES).round().astype(int)
    return ClipResult(
        key=clip.key,
        person=clip.person,
        frames=len(driven),
        rows=rows,
        ratios=ratios,
        speech=speech,
        sample=Sample(target[0].copy(), driven[at], pictures[MODEL][at]),
    )


def _measured(
    pictures: NDArray[np.uint8], fps: float, backend: FaceBackend, still: Measured
) -> Measured:
    """What is seen in the frames; the held-still face where there is none."""
    found = measure(pictures, fps, backend)
    if found is None:
        lost = np.zeros(len(pictures), np.bool_)
        return Measured(still.landmarks, still.pose, still.gaze, still.aperture, still.mouth, lost)
    return found.filled(still)


def _encoded(pictures: NDArray[np.uint8], fps: float) -> NDArray[np.uint8]:
    """The frames after the codec that users' files go through."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "row.mp4"
        write_video(path, iter(pictures), fps, crf=_CRF)
        return np.stack([frame.image for frame in read_video(path)])


def _likeness(pictures: NDArray[np.uint8], real: NDArray[np.uint8]) -> Values:
    return {
        "psnr": float(np.minimum(psnr(pictures, real), _MAX_PSNR).mean()),
        "ssim": float(ssim(pictures, real).mean()),
    }


def _steadiness(seen: Measured) -> Values:
    # A face that was held where none was found would pass for a steady one.
    steady = jitter(seen.landmarks) if seen.found.all() else float("nan")
    return {"jitter": steady, "lost": float(1 - seen.found.mean())}


def _errors(
    pictures: NDArray[np.uint8], shown: NDArray[np.uint8], seen: Measured, real: Measured
) -> dict[str, NDArray[np.float64]]:
    """Errors of each frame that a still face can pass: (T,) each."""
    angles = pose_error_deg(seen.pose, real.pose)
    open_eye = real.open_eye()
    lids = np.abs(seen.openness(open_eye) - real.openness(open_eye)).astype(np.float64)
    return {
        "l1": l1(pictures, shown),
        "landmarks": landmark_distance(seen.landmarks, real.landmarks),
        "mouth": mouth_distance(seen.landmarks, real.landmarks),
        "yaw_deg": angles[:, 0],
        "pitch_deg": angles[:, 1],
        "roll_deg": angles[:, 2],
        "gaze_deg": gaze_error_deg(seen.gaze, real.gaze),
        "openness": lids,
    }


def _correlations(seen: Measured, real: Measured, fps: float) -> Values:
    """Measures that a still face cannot pass, NaN where the real clip does not move."""
    angles = pose_correlation(seen.pose, real.pose)
    gaze = gaze_correlation(seen.gaze, real.gaze)
    open_eye = real.open_eye()
    lids, wanted = seen.openness(open_eye), real.openness(open_eye)
    blinks = score_blinks(find_blinks(lids, fps), find_blinks(wanted, fps), fps)
    blinks_enough = blinks.n_reference >= 2
    nan = float("nan")
    low, high = np.percentile(real.mouth, [5, 95])
    return {
        "yaw_r": float(angles[0]),
        "pitch_r": float(angles[1]),
        "roll_r": float(angles[2]),
        "gaze_yaw_r": float(gaze[0]),
        "gaze_pitch_r": float(gaze[1]),
        "openness_r": correlation(lids, wanted) if blinks_enough else nan,
        "blink_f1": blinks.f1 if blinks_enough else nan,
        "mouth_r": correlation(seen.mouth, real.mouth) if high - low > _MOUTH_MOVES else nan,
    }


def _speech(
    sound: NDArray[np.float32], seen: dict[str, Measured], real: Measured, fps: float
) -> dict[str, Values]:
    # The source's frame has sound too.
    loudness = loudness_db(sound, len(real) + 1, round(SAMPLE_RATE / fps))[1:]
    voice, silent = envelope(loudness), silent_frames(loudness, fps)
    rows = {LOUDNESS: _mouth(voice, real.mouth)}
    for row, each in seen.items():
        rows[row] = _mouth(each.mouth, real.mouth) | {
            "voice_r": lagged_correlation(each.mouth, voice, MAX_LAG).value,
            "mouth": float(mouth_distance(each.landmarks, real.landmarks).mean()),
            "silence": silence_opening(each.mouth, silent),
        }
    return rows


def _mouth(opening: NDArray[np.floating], real: NDArray[np.floating]) -> Values:
    best = lagged_correlation(opening, real, MAX_LAG)
    return {
        "mouth_r": best.value,
        "lag": float(best.lag) if best.value > 0 else float("nan"),
        "mouth_r_at_0": correlation(opening, real),
    }


def _other(key: str, sounds: dict[str, Sound]) -> NDArray[np.float32]:
    """Another clip's sound at this one's length, of another person where there is one."""
    keys = sorted(sounds)
    at = keys.index(key)
    others = [sounds[each] for each in (*keys[at + 1 :], *keys[:at])]
    others.sort(key=lambda other: other.person == sounds[key].person)
    # Alone in the pack, a clip meets its own sound half a length later.
    wave, length = sounds[key].wave, len(sounds[key].wave)
    return np.resize(others[0].wave, length) if others else np.roll(wave, length // 2)
