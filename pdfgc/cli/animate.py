"""`pdfgc animate`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pdfgc.cli.options import Device, Json, Numbers, Out
from pdfgc.cli.parsing import avatar_of, controls_of, driver_of
from pdfgc.cli.printing import tell
from pdfgc.cli.progress import bars


def animate(
    *,
    source: Annotated[list[Path], Parameter(consume_multiple=True, negative="")],
    out: Out,
    audio: Path | None = None,
    pose_video: Path | None = None,
    gaze_video: Path | None = None,
    blink_video: Path | None = None,
    expression_video: Path | None = None,
    lip_video: Path | None = None,
    pose: Annotated[str | None, Numbers] = None,
    gaze: Annotated[str | None, Numbers] = None,
    blink: Annotated[str | None, Numbers] = None,
    expression: str | None = None,
    lip: str | None = None,
    motion: Path | None = None,
    strength: str = "",
    smooth: str = "",
    lip_lead: float = 0.0,
    crop: Annotated[bool, Parameter(negative="")] = False,
    fps: float | None = None,
    duration: float | None = None,
    face: str | None = None,
    seed: int = 0,
    device: Device = "auto",
    weights: str = "default",
    save_motion: Path | None = None,
    as_json: Json = False,
) -> None:
    """Animate a portrait: lips from speech, every other factor from its own driver.

    Without drivers, the head moves a little and the eyes blink, gaze and expression stay as in
    the portrait. The audio sets the length; shorter clips play to and fro.

    Args:
        source: one or more images of one person (the head goes back into the first), or a saved
            .avatar.safetensors.
        out: .mp4, .mkv or .mov, .gif, a pattern such as out/%05d.png, or a folder.
        audio: speech: any sound or video file.
        pose_video: video that drives the head.
        gaze_video: video that drives the eyes, and the lids unless blink has its own driver.
        blink_video: video that drives the lids.
        expression_video: video that drives the expression.
        lip_video: video that drives the lips, instead of the audio.
        pose: "YAW,PITCH,ROLL" in degrees (right, up and clockwise in the image are positive),
            keyframes "0:0,0,0; 1.5:20,0,0" (seconds:value), auto, keep, or a file.
        gaze: "YAW,PITCH" in degrees relative to the head, keyframes, keep, or a file.
        blink: openness of the eyes from 0 (closed) to 1 (open), or "LEFT,RIGHT", keyframes, auto,
            keep, or a file.
        expression: keep, or a video, image or saved motion.
        lip: keep, or a video, image or saved motion.
        motion: saved motion for all factors that have no driver.
        strength: how strongly factors act, e.g. "pose=0.5,lip=1.2"; 1 is the driver.
        smooth: seconds over which factors are averaged, e.g. "pose=0.3".
        lip_lead: seconds by which the lips run ahead of the sound; 0.08 as in the released PD-FGC.
        crop: write the model's square crop instead of the whole picture.
        fps: frames per second, by default 25.
        duration: length in seconds where there is no audio.
        face: which face of the source: its number from the left (0, 1, ...), a box
            "LEFT,TOP,RIGHT,BOTTOM" in px, or largest.
        seed: of natural motion.
        device: where the model runs.
        weights: a weights file, or the name of packaged weights.
        save_motion: also write the codes to this .motion.safetensors.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.motion import Motion

    began = time.perf_counter()
    avatar = avatar_of(source, weights, device, face)
    ready_s = time.perf_counter() - began
    with bars() as progress:
        clip = avatar.animate(
            audio=audio,
            pose=driver_of(pose, degrees=3),
            gaze=driver_of(gaze, degrees=2),
            blink=driver_of(blink),
            expression=driver_of(expression),
            lip=driver_of(lip),
            pose_video=pose_video,
            gaze_video=gaze_video,
            blink_video=blink_video,
            expression_video=expression_video,
            lip_video=lip_video,
            motion=None if motion is None else Motion.load(motion),
            controls=controls_of(strength, smooth, lip_lead),
            crop=crop,
            fps=fps,
            duration_s=duration,
            seed=seed,
            progress=progress,
        )
        if save_motion is not None:
            clip.motion.save(save_motion)
        read_s = time.perf_counter() - began - ready_s
        clip.save(out, progress=progress)
    drawn_s = time.perf_counter() - began - ready_s - read_s
    width, height = clip.size
    facts = {
        "out": str(out),
        "frames": len(clip),
        "fps": clip.fps,
        "width": width,
        "height": height,
        "duration_s": round(len(clip) / clip.fps, 3),
        "sound": audio is not None,
        "model_id": avatar.model_id,
        "source_s": round(ready_s, 2),
        "drivers_s": round(read_s, 2),
        "drawing_s": round(drawn_s, 2),
    }
    tell(
        facts,
        f"{out}: {len(clip)} frames, {width} x {height}, {clip.fps:g} fps, "
        f"{len(clip) / drawn_s:.1f} frames per second drawn",
        as_json=as_json,
    )
