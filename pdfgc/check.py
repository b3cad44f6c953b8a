"""What is wrong with an image, a clip or a recording, before work begins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import degrees, inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar.encoding import IMAGE_SUFFIXES
from pdfgc.avatar.source import MIN_FACE_PX
from pdfgc.errors import InputError
from pdfgc.media import VideoFrame, probe, read_audio, read_image, read_video
from pdfgc.media.opening import find_video, opened
from pdfgc.tracking import FaceBackend, FaceTrack, crop_image, track_image
from pdfgc.tracking.detection import n_comparable

# Faces from this side on (longer side of the landmark box) give all that the model can show.
_GOOD_FACE_PX = 128
# A face that only drives needs no detail.
_GOOD_DRIVING_PX = 64
_TURNED_DEG, _NODDED_DEG, _TILTED_DEG = 25, 20, 20
_CLOSED, _OPEN_MOUTH = 0.55, 0.08
# Mean absolute Laplacian of the face at 128 px, values in [0, 1]: sharp portraits have 0.01 and
# more, small compressed ones 0.005.
_SOFT = 0.004
_LOW_FPS, _SHORT_S = 20, 0.5
# A clip is looked at about this often, but not more often than this in all.
_LOOK_EVERY_S, _LOOKS = 0.5, 60
_LOW_RATE_HZ = 16_000
_QUIET_DB, _NOISY_DB, _SILENT_DB = -35.0, 15.0, -60.0
_CLIPPED_AT, _CLIPPED_SHARE = 0.999, 1e-4


class Severity(Enum):
    """How bad a finding is."""

    ERROR = "error"
    """The input will be refused."""
    WARNING = "warning"
    """It works, but the result suffers."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        severity: whether it stops the work.
        text: what it is and what to do.
    """

    severity: Severity
    text: str


@dataclass(frozen=True)
class Report:
    """What a file is and what is wrong with it.

    Attributes:
        path: the file.
        kind: `image`, `clip`, `recording`, or `unreadable`.
        facts: measured values by name, with their units in the name.
        findings: what is wrong, nothing if all is well.
    """

    path: str
    kind: str
    facts: dict[str, float | int | str | None]
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Whether nothing stops the work."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


def check(path: str | os.PathLike[str], backend: FaceBackend) -> Report:
    """Look at one file.

    Args:
        path: an image (by its suffix), a video, or a sound file.
        backend: finds faces.
    """
    file = Path(path)
    try:
        if file.suffix.lower() in IMAGE_SUFFIXES:
            return _image(file, backend)
        with opened(file) as container:
            moving = find_video(container) is not None
        return _clip(file, backend) if moving else _recording(file)
    except InputError as error:
        return Report(str(file), "unreadable", {}, (Finding(Severity.ERROR, str(error)),))


def _image(file: Path, backend: FaceBackend) -> Report:
    image = read_image(file)
    height, width = image.shape[:2]
    detections = backend.detect(image)
    facts: dict[str, float | int | str | None] = {
        "width_px": width,
        "height_px": height,
        "faces": len(detections),
    }
    findings = []
    if not detections:
        findings.append(_error("no face was found; show one face clearly"))
    elif (several := n_comparable(detections)) > 1:
        findings.append(
            _error(f"{several} faces of similar size; say which one with --face, or cut the image")
        )
    else:
        track = track_image(image, backend=backend, name=str(file))
        facts |= _face_facts(image, track)
        findings += _face_findings(facts, track)
    return Report(str(file), "image", facts, tuple(findings))


def _face_facts(image: NDArray[np.uint8], track: FaceTrack) -> dict[str, float | int | str | None]:
    box = track.box[0]
    yaw, pitch, roll = (round(degrees(angle), 1) for angle in track.pose[0, :3])
    return {
        "face_px": round(float(max(box[2] - box[0], box[3] - box[1]))),
        "yaw_deg": yaw,
        "pitch_deg": pitch,
        "roll_deg": roll,
        "openness_left": round(float(track.openness[0, 0]), 2),
        "openness_right": round(float(track.openness[0, 1]), 2),
        "mouth_gap": round(float(track.mouth[0]), 3),
        "sharpness": round(_sharpness(image, track), 4),
    }


def _face_findings(
    facts: dict[str, float | int | str | None], track: FaceTrack
) -> Iterator[Finding]:
    numbers = {
        name: float(value) for name, value in facts.items() if isinstance(value, int | float)
    }
    yield from _size_findings(numbers["face_px"])
    if abs(numbers["yaw_deg"]) > _TURNED_DEG:
        yield _warning(
            f"the head is turned by {numbers['yaw_deg']:.0f} degrees; a frontal face is better"
        )
    if abs(numbers["pitch_deg"]) > _NODDED_DEG:
        yield _warning(
            f"the head is raised or lowered by {numbers['pitch_deg']:.0f} degrees; level is better"
        )
    if abs(numbers["roll_deg"]) > _TILTED_DEG:
        yield _warning(
            f"the head is tilted by {numbers['roll_deg']:.0f} degrees; turn the image upright"
        )
    if min(numbers["openness_left"], numbers["openness_right"]) < _CLOSED:
        yield _warning("an eye looks closed; open eyes cannot be taken from this image")
    if numbers["mouth_gap"] > _OPEN_MOUTH:
        yield _warning("the mouth is open; a closed mouth gives cleaner lips")
    if numbers["sharpness"] < _SOFT:
        yield _warning("the face is blurred; take a sharper image")
    x, y, side = track.crop[0]
    width, height = track.frame_size
    if min(x - side / 2, y - side / 2, width - x - side / 2, height - y - side / 2) < -0.15 * side:
        yield _warning("the head touches the border of the image; leave room around it")


def _size_findings(face_px: float) -> Iterator[Finding]:
    if face_px < MIN_FACE_PX:
        yield _error(f"the face is {face_px:.0f} px large; at least {MIN_FACE_PX} px are needed")
    elif face_px < _GOOD_FACE_PX:
        yield _warning(
            f"the face is {face_px:.0f} px large; {_GOOD_FACE_PX} px and more look sharper"
        )


def _sharpness(image: NDArray[np.uint8], track: FaceTrack) -> float:
    box = track.box[0]
    side = float(max(box[2] - box[0], box[3] - box[1]))
    centre = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, side])
    grey = crop_image(image, centre, 128).mean(-1) / 255
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.abs(around / 4 - grey[1:-1, 1:-1]).mean())


def _clip(file: Path, backend: FaceBackend) -> Report:
    info = probe(file)
    every_s = max(_LOOK_EVERY_S, info.duration_s / _LOOKS)
    looks = without = several = 0
    sides: list[float] = []
    # The whole clip is decoded, so that damage in its middle is found.
    for frame in _sampled(read_video(file), every_s):
        detections = backend.detect(frame.image)
        looks += 1
        without += not detections
        several += n_comparable(detections) > 1
        if detections:
            box = detections[0].box
            sides.append(float(max(box[2] - box[0], box[3] - box[1])))
    facts: dict[str, float | int | str | None] = {
        "width_px": info.width,
        "height_px": info.height,
        "fps": round(info.fps, 3),
        "duration_s": round(info.duration_s, 3),
        "sound": "yes" if info.has_audio else "no",
        "looks": looks,
        "looks_without_face": without,
        "looks_with_several_faces": several,
        "face_px": round(float(np.median(sides))) if sides else None,
    }
    findings = []
    if not sides:
        findings.append(_error("no face was found; show one face clearly"))
    else:
        if np.median(sides) < _GOOD_DRIVING_PX:
            findings.append(
                _warning(f"the face is {np.median(sides):.0f} px large; its motion is hard to read")
            )
        if without:
            findings.append(
                _warning(f"no face in {without} of {looks} looks; motion there is drawn as a line")
            )
        if several:
            findings.append(
                _warning(f"several faces in {several} of {looks} looks; the largest one is taken")
            )
    if info.fps < _LOW_FPS:
        findings.append(_warning(f"{info.fps:.3g} frames per second; blinks and lips need 25"))
    if info.duration_s < _SHORT_S:
        findings.append(_warning(f"only {info.duration_s:.2f} s long; it will play to and fro"))
    return Report(str(file), "clip", facts, tuple(findings))


def _sampled(frames: Iterator[VideoFrame], every_s: float) -> Iterator[VideoFrame]:
    next_s = -inf
    for frame in frames:
        if frame.time_s >= next_s:
            next_s = frame.time_s + every_s
            yield frame


def _recording(file: Path) -> Report:
    with opened(file) as container:
        stream = container.streams.audio[0] if container.streams.audio else None
        rate = stream.rate if stream is not None else 0
        channels = stream.layout.nb_channels if stream is not None else 0
    waveform = read_audio(file)
    level, floor, silent = _levels(waveform)
    clipped = float((np.abs(waveform) >= _CLIPPED_AT).mean())
    facts: dict[str, float | int | str | None] = {
        "sample_rate_hz": rate,
        "channels": channels,
        "duration_s": round(len(waveform) / 16_000, 3),
        "peak": round(float(np.abs(waveform).max()), 3),
        "level_db": round(level, 1),
        "noise_floor_db": round(floor, 1),
        "silent_share": round(silent, 3),
        "clipped_share": round(clipped, 6),
    }
    findings = []
    if silent == 1:
        findings.append(_warning("all of it is silence; the mouth will stay at rest"))
    else:
        if level < _QUIET_DB:
            findings.append(_warning(f"the voice is quiet ({level:.0f} dB); raise its level"))
        if level - floor < _NOISY_DB:
            findings.append(
                _warning(
                    f"the loud parts are only {level - floor:.0f} dB above the quiet ones: noise "
                    "or music moves the lips too"
                )
            )
    if clipped > _CLIPPED_SHARE:
        findings.append(
            _warning(f"{clipped:.2%} of the samples are clipped; record at a lower level")
        )
    if rate < _LOW_RATE_HZ:
        findings.append(
            _warning(
                f"{rate} Hz sound misses consonants above {rate // 2} Hz; record at 16 kHz or more"
            )
        )
    if len(waveform) < 16_000 * _SHORT_S:
        findings.append(_warning(f"only {len(waveform) / 16_000:.2f} s long"))
    return Report(str(file), "recording", facts, tuple(findings))


def _levels(waveform: NDArray[np.float32]) -> tuple[float, float, float]:
    """Level of the loud and of the quiet parts (dB of full scale), and the share of silence."""
    length = 640  # 40 ms at 16 kHz
    whole = np.pad(waveform, (0, -len(waveform) % length)).reshape(-1, length)
    power = (whole.astype(np.float64) ** 2).mean(1)
    decibels = 10 * np.log10(np.maximum(power, 1e-12))
    level, floor = np.percentile(decibels, [90, 10])
    return float(level), float(floor), float((decibels < _SILENT_DB).mean())


def _error(text: str) -> Finding:
    return Finding(Severity.ERROR, text)


def _warning(text: str) -> Finding:
    return Finding(Severity.WARNING, text)
