"""`pdfgc track`."""

from __future__ import annotations

from pathlib import Path

from pdfgc.cli.options import Json, Missing, Out
from pdfgc.cli.parsing import face_of
from pdfgc.cli.printing import tell
from pdfgc.cli.progress import bars, counted
from pdfgc.errors import InputError


def track(
    clip: Path,
    /,
    *,
    out: Out,
    fps: float | None = None,
    missing: Missing = "interpolate",
    face: str | None = None,
    as_json: Json = False,
) -> None:
    """Track one face: landmarks, crop, head pose, gaze and openness of every frame.

    Args:
        clip: a video or an image.
        out: a .track.safetensors file.
        fps: bring the frames to this rate by their times; by default every frame is kept.
        missing: what to do where no face is found.
        face: which face, as for animate; by default the largest.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.avatar.encoding import IMAGE_SUFFIXES
    from pdfgc.media import read_video, resample_frames
    from pdfgc.tracking import (
        GOOD_CONFIDENCE,
        FaceChoice,
        MissingPolicy,
        track_frames,
        track_image_file,
    )

    choice = FaceChoice.LARGEST if face is None else face_of(face)
    if clip.suffix.lower() in IMAGE_SUFFIXES:
        found = track_image_file(clip, choose=choice)
    else:
        if fps is not None and not fps > 0:
            raise InputError(f"--fps is {fps}; give a number above 0.")
        frames = read_video(clip)
        with bars() as progress:
            found = track_frames(
                counted(
                    frames if fps is None else resample_frames(frames, fps), progress, "tracking"
                ),
                fps=fps,
                missing=MissingPolicy(missing),
                choose=choice,
                name=str(clip),
            )
    found.save(out)
    good = int((found.confidence > GOOD_CONFIDENCE).sum())
    facts = {
        "out": str(out),
        "frames": len(found),
        "fps": found.fps,
        "good_frames": good,
        "shots": int(found.shot.max()) + 1,
        "backend": found.backend,
    }
    tell(
        facts,
        f"{out}: {good} of {len(found)} frames well tracked, {facts['shots']} shot(s)",
        as_json=as_json,
    )
