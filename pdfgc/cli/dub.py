"""`pdfgc dub`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pdfgc.cli.options import Device, Json, KeepPartial, Numbers, Out
from pdfgc.cli.parsing import face_of
from pdfgc.cli.printing import INTERRUPTED, tell
from pdfgc.cli.progress import bars
from pdfgc.errors import InputError

Speeches = Annotated[list[Path], Parameter(consume_multiple=True, negative="")]
Faces = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]


def dub(
    video: Path,
    /,
    *,
    audio: Speeches,
    out: Out,
    face: Faces = None,
    region: Literal["lips", "jaw", "face"] = "lips",
    length: Literal["audio", "video", "loop", "pingpong", "freeze"] = "video",
    references: int = 3,
    gate: bool = True,
    lip_lead: Annotated[float, Numbers] = 0.0,
    follow: bool = True,
    keep_partial: KeepPartial = False,
    report: Path | None = None,
    device: Device = "auto",
    weights: str = "default",
    as_json: Json = False,
) -> int:
    """Let the people in a video speak other words; all but their lips stays as it is.

    Frames without the face, of other people, or with faces too small or turned away are passed
    through. Times of frames are kept.

    Args:
        video: any video file.
        audio: the new speech; several, where several people speak.
        out: .mp4, .mov, .m4v or .mkv.
        face: who speaks each audio: largest, a number from the left (0, 1, ...), or a box
            "LEFT,TOP,RIGHT,BOTTOM" in px.
        region: what is replaced: the lips, the jaw too, or the whole face.
        length: as long as the video (longer sound is cut off), as the audio (longer video is cut
            off), or as the audio with a shorter video in a loop, to and fro, or its last frame.
        references: frames of each shot that give the appearance.
        gate: close the mouth in silence and noise.
        lip_lead: seconds by which the lips run ahead of the sound; 0.08 as in the released PD-FGC.
        follow: find speakers again after cuts by their looks (extra `identity`); else the face is
            chosen anew in every shot.
        keep_partial: on Ctrl-C, leave a playable file of what was done.
        report: also write what was done to which frames into this .json.
        device: where the model runs.
        weights: a weights file, or the name of packaged weights.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.dubbing import Length, Region, Speaker, dub
    from pdfgc.files import check_place, writing
    from pdfgc.tracking import FaceChoice

    faces = face or ["largest"] * len(audio)
    if len(faces) != len(audio) or (len(audio) > 1 and face is None):
        raise InputError(
            f"{len(audio)} audio files and {len(face or [])} faces were given; give one --face "
            f"for each --audio."
        )
    speakers = [
        Speaker(each, FaceChoice.LARGEST if who == "largest" else face_of(who))
        for each, who in zip(audio, faces, strict=True)
    ]
    if report is not None:
        check_place(report)
    began = time.perf_counter()
    with bars() as progress:
        done = dub(
            video,
            speakers,
            out,
            region=Region(region),
            length=Length(length),
            references=references,
            gate=gate,
            lip_lead_s=lip_lead,
            follow=follow,
            keep_partial=keep_partial,
            weights=weights,
            device=device,
            progress=progress,
        )
    facts = {**done.facts(), "seconds": round(time.perf_counter() - began, 2)}
    if report is not None:
        with writing(report) as partial:
            partial.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    tell(facts, done.text(), as_json=as_json)
    return INTERRUPTED if done.stopped else 0
