"""`pdfgc edit`."""

from __future__ import annotations

from pathlib import Path

from pdfgc.cli.controlling import Controlling
from pdfgc.cli.driving import Driving
from pdfgc.cli.keeping import keep_motion
from pdfgc.cli.options import Crop, Device, Json, KeepPartial, Out, Sources
from pdfgc.cli.parsing import avatar_of
from pdfgc.cli.printing import INTERRUPTED, tell
from pdfgc.cli.progress import bars

_NO_DRIVER, _AS_IT_IS = Driving(), Controlling()


def edit(
    motion: Path,
    /,
    *,
    source: Sources,
    out: Out,
    driving: Driving = _NO_DRIVER,
    controlling: Controlling = _AS_IT_IS,
    audio: Path | None = None,
    sound: Path | None = None,
    crop: Crop = False,
    face: str | None = None,
    seed: int = 0,
    device: Device = "auto",
    weights: str = "default",
    save_motion: Path | None = None,
    plot: Path | None = None,
    keep_partial: KeepPartial = False,
    as_json: Json = False,
) -> int:
    """Change some factors of a clip that was made before; the others stay as they are.

    Only factors that are named by a driver or a control change: --gaze camera turns the eyes to the
    camera, --strength pose=0.5 halves what the head does. Here --gaze-video leaves the lids alone.
    Length and frame rate stay.

    Args:
        motion: the clip's .motion.safetensors, as --save-motion wrote it.
        source: the images, or the .avatar.safetensors, that the clip was made of.
        out: as for animate.
        driving: what drives the factors that change.
        controlling: how they change.
        audio: new speech for the lips, no longer than the clip.
        sound: a file whose sound the clip gets, such as the clip as it was.
        crop: write the model's square crop instead of the whole picture.
        face: which face of the source, as for animate.
        seed: of natural motion.
        device: where the model runs.
        weights: a weights file, or the name of packaged weights.
        save_motion: also write the changed codes to this .motion.safetensors.
        plot: also draw the codes over time and some frames into this .png.
        keep_partial: on Ctrl-C, leave a playable video of what was done.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.media import probe
    from pdfgc.motion import CONTROLLED, Motion

    before = Motion.load(motion)
    avatar = avatar_of(source, weights, device, face)
    with bars() as progress:
        clip = avatar.edit(
            before,
            audio=audio,
            **driving.given(),
            controls=controlling.controls(),
            sound=sound,
            crop=crop,
            seed=seed,
            progress=progress,
        )
        keep_motion(clip, save_motion, plot)
        whole = clip.save(out, progress=progress, keep_partial=keep_partial)
    changed = [
        factor
        for factor in CONTROLLED
        if clip.motion.rows(factor).tobytes() != before.rows(factor).tobytes()
    ]
    written = len(clip) if whole else probe(out).n_frames or 0
    width, height = clip.size
    facts = {
        "out": str(out),
        "frames": written,
        "fps": clip.fps,
        "width": width,
        "height": height,
        "sound": audio is not None or sound is not None,
        "whole": whole,
        "changed": changed,
        "model_id": avatar.model_id,
    }
    text = f"{out}: {written} frames, {width} x {height}, {clip.fps:g} fps; changed: "
    tell(facts, text + (", ".join(changed) or "nothing"), as_json=as_json)
    return 0 if whole else INTERRUPTED
