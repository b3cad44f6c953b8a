"""`dub`: a video and new speech in, a video that speaks it out."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from pdfgc.avatar import Progress
from pdfgc.avatar.official import reader_for
from pdfgc.avatar.person import Weights
from pdfgc.dubbing.dubbing import Dubbing
from pdfgc.dubbing.footage import Footage, Length
from pdfgc.dubbing.region import Region
from pdfgc.dubbing.report import DubReport
from pdfgc.dubbing.speaker import Audio, Speaker
from pdfgc.errors import InputError
from pdfgc.media import Mixture, Sound, VideoWriter, probe
from pdfgc.media.shielding import shielded
from pdfgc.tracking import Choice, FaceChoice
from pdfgc.tracking.recognising import find_recogniser
from pdfgc.weights import DEFAULT, LoadedModel, load_model

_MOST_REFERENCES = 16


def dub(
    video: str | os.PathLike[str],
    audio: Audio | Sequence[Speaker],
    out: str | os.PathLike[str],
    *,
    face: Choice = FaceChoice.LARGEST,
    region: Region = Region.LIPS,
    length: Length = Length.VIDEO,
    references: int = 3,
    gate: bool = True,
    lip_lead_s: float = 0.0,
    follow: bool = True,
    keep_partial: bool = False,
    weights: Weights = DEFAULT,
    device: str = "auto",
    progress: Progress | None = None,
) -> DubReport:
    """Let the people in a video speak other words.

    Lips come from the new speech; pose, gaze, blink and expression are the video's own, frame by
    frame. The drawn face is pasted into the full frame through a soft mask, its colours moved to
    meet the frame's; before encoding, pixels outside the mask are those of the video bit for bit.
    Frames without the face, of other people, or with faces too small or turned away are passed
    through. Nothing reaches over a hard cut. The frames' times are kept.

    The appearance comes from the best `references` frames of each shot: one is looked at in each
    of four times as many equal parts, the most frontal one with open eyes and a mouth a little
    open, and of those the sharpest are taken.

    Args:
        video: any video file.
        audio: the new speech, a file or (N,) float samples in [-1, 1] at 16 kHz; or several
            speakers, each with a face and a speech of its own, which are mixed.
        out: .mp4, .mov, .m4v or .mkv.
        face: who speaks, where `audio` is one speech; see `Speaker`.
        region: lips, lips and jaw, or the whole face.
        length: how long the result is.
        references: K, 1 to 16.
        gate: close the mouth where nobody speaks, in silence and noise.
        lip_lead_s: seconds by which the lips run ahead of the sound, as in `Controls`.
        follow: find speakers again after cuts by their looks, which takes the extra `identity`;
            without it, or where it is not installed, the face is chosen anew in every shot.
        keep_partial: on Ctrl-C, leave a playable file of what was done; else nothing is left.
        weights: a file, a packaged name, or a model that `load_model` gave; of a preset that hears
            speech.
        device: `auto`, `cpu`, `cuda` or `mps`; not used where `weights` is a loaded model.
        progress: called as frames are tracked and drawn.

    Returns:
        What was done to which frames.

    Raises:
        InputError: video, speech or weights cannot be used, or the place cannot be written.
        KeyboardInterrupt: on Ctrl-C without `keep_partial`, or before the first frame.
    """
    if not 1 <= references <= _MOST_REFERENCES:
        raise InputError(f"references is {references}; give 1 to {_MOST_REFERENCES}.")
    speakers = _speakers(audio, face)
    info = probe(video)
    loaded = weights if isinstance(weights, LoadedModel) else load_model(weights, device)
    rate = loaded.model.config.audio.sample_rate
    sound = _mixed(speakers, rate)
    total = info.n_frames
    if length is not Length.VIDEO:
        total = max(1, round(sound.duration_s * info.fps))
    dubbing = Dubbing(
        Footage(video, length, sound.duration_s),
        speakers,
        [speaker.speech(rate) for speaker in speakers],
        reader_for(loaded),
        region=region,
        references=references,
        gate=gate,
        lip_lead_s=lip_lead_s,
        progress=progress,
        total=total,
        recogniser=find_recogniser() if follow else None,
    )
    written, first_s, last_s, size, stopped = 0, 0.0, 0.0, (info.width, info.height), False
    with VideoWriter(out, fps=None, audio=sound) as writer:
        try:
            for frame in dubbing.frames():
                # A frame that is half written would spoil the file.
                with shielded():
                    writer.write(frame.image, frame.time_s)
                    size = (frame.image.shape[1], frame.image.shape[0])
                    first_s = frame.time_s if not written else first_s
                    written, last_s = written + 1, frame.time_s
                if progress:
                    progress("dubbing", written, total)
        except KeyboardInterrupt:
            if not keep_partial or not written:
                raise
            stopped = True
        writer.end_here()
    step_s = (last_s - first_s) / (written - 1) if written > 1 else 1 / 25
    return DubReport(
        out=str(out),
        frames=written,
        duration_s=last_s + step_s,
        width=size[0],
        height=size[1],
        shots=dubbing.shots,
        stopped=stopped,
        segments=tuple(dubbing.segments),
    )


def _speakers(audio: Audio | Sequence[Speaker], face: Choice) -> list[Speaker]:
    if isinstance(audio, str | os.PathLike | np.ndarray):
        return [Speaker(audio, face)]
    speakers = list(audio)
    if not speakers:
        raise InputError("Nobody speaks; give at least one speech.")
    return speakers


def _mixed(speakers: Sequence[Speaker], sample_rate: int) -> Sound:
    """The sound of all speakers."""
    sounds = [speaker.sound(sample_rate) for speaker in speakers]
    if len(sounds) == 1:
        return sounds[0]
    rate = max(sound.sample_rate for sound in sounds)
    return Mixture([sound.at(rate) for sound in sounds])
