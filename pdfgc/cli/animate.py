"""`pdfgc animate`."""

from __future__ import annotations

import time
from pathlib import Path

from pdfgc.cli.controlling import Controlling
from pdfgc.cli.driving import Driving
from pdfgc.cli.keeping import keep_motion
from pdfgc.cli.options import Crop, Device, Json, KeepPartial, Out, Sources
from pdfgc.cli.parsing import avatar_of
from pdfgc.cli.printing import INTERRUPTED, tell
from pdfgc.cli.progress import bars

_NO_DRIVER, _AS_IT_IS = Driving(), Controlling()


def animate(
    *,
    source: Sources,
    out: Out,
    audio: Path | None = None,
    driving: Driving = _NO_DRIVER,
    motion: Path | None = None,
    controlling: Controlling = _AS_IT_IS,
    crop: Crop = False,
    fps: float | None = None,
    duration: float | None = None,
    face: str | None = None,
    seed: int = 0,
    device: Device = "auto",
    weights: str = "default",
    save_motion: Path | None = None,
    plot: Path | None = None,
    keep_partial: KeepPartial = False,
    as_json: Json = False,
) -> int:
    """Animate a portrait: lips from speech, every other factor from its own driver.

    Without drivers, the head moves a little and the eyes blink, gaze and expression stay as in
    the portrait. The audio sets the length; shorter clips play to and fro.

    Args:
        source: one or more images of one person (the head goes back into the first), or a saved
            .avatar.safetensors.
        out: .mp4, .mkv or .mov, .gif, a pattern such as out/%05d.png, or a folder.
        audio: speech: any sound or video file.
        driving: what drives each factor.
        motion: saved motion for all factors that have no driver.
        controlling: how it does.
        crop: write the model's square crop instead of the whole picture.
        fps: frames per second, by default 25.
        duration: length in seconds where there is no audio.
        face: which face of the source: its number from the left (0, 1, ...), a box
            "LEFT,TOP,RIGHT,BOTTOM" in px, or largest.
        seed: of natural motion.
        device: where the model runs.
        weights: a weights file, or the name of packaged weights.
        save_motion: also write the codes to this .motion.safetensors.
        plot: also draw the codes over time and some frames into this .png.
        keep_partial: on Ctrl-C, leave a playable video of what was done.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.media import probe
    from pdfgc.motion import Motion

    began = time.perf_counter()
    avatar = avatar_of(source, weights, device, face)
    ready_s = time.perf_counter() - began
    with bars() as progress:
        clip = avatar.animate(
            audio=audio,
            **driving.given(),
            motion=None if motion is None else Motion.load(motion),
            controls=controlling.controls(),
            crop=crop,
            fps=fps,
            duration_s=duration,
            seed=seed,
            progress=progress,
        )
        keep_motion(clip, save_motion, plot)
        read_s = time.perf_counter() - began - ready_s
        whole = clip.save(out, progress=progress, keep_partial=keep_partial)
    drawn_s = time.perf_counter() - began - ready_s - read_s
    written = len(clip) if whole else probe(out).n_frames or 0
    width, height = clip.size
    facts = {
        "out": str(out),
        "frames": written,
        "fps": clip.fps,
        "width": width,
        "height": height,
        "duration_s": round(written / clip.fps, 3),
        "sound": audio is not None,
        "whole": whole,
        "model_id": avatar.model_id,
        "source_s": round(ready_s, 2),
        "drivers_s": round(read_s, 2),
        "drawing_s": round(drawn_s, 2),
    }
    tell(
        facts,
        f"{out}: {written} frames, {width} x {height}, {clip.fps:g} fps, "
        f"{written / drawn_s:.1f} frames per second drawn"
        + ("" if whole else f"; stopped before all {len(clip)} were"),
        as_json=as_json,
    )
    return 0 if whole else INTERRUPTED
