"""`pdfgc finetune`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pdfgc.cli.options import Device, Json, Out, Sources
from pdfgc.cli.parsing import avatar_of
from pdfgc.cli.printing import tell
from pdfgc.cli.progress import bars

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pdfgc.training.finetuning import Preview


def finetune(
    *,
    source: Sources,
    out: Out,
    steps: int | None = None,
    images: Sources | None = None,
    preview: Path | None = None,
    face: str | None = None,
    device: Device = "auto",
    weights: str = "default",
    as_json: Json = False,
) -> None:
    """Tune the model to one person and keep the result as an avatar for pdfgc animate.

    With three images or more, one is held out and tuning ends when it gets no better; it always
    ends before lips and lids stop moving.

    Args:
        source: images of the person (the head goes back into the first), or a saved avatar.
        out: where the avatar goes, an .avatar.safetensors.
        steps: at most so many steps, by default 40 passes over the images.
        images: images to tune on, by default the source images.
        preview: a .png that shows source, target, result and a moved result while it runs.
        face: which face of the images, as for pdfgc animate.
        device: where the model runs.
        weights: a weights file, or the name of packaged weights.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.cli.parsing import face_of
    from pdfgc.errors import InputError
    from pdfgc.files import check_place

    if images is None and source[0].name.endswith(".safetensors"):
        raise InputError(f"{source[0]}: is a saved avatar; give --images to tune it on.")
    if not out.name.endswith(".safetensors"):
        raise InputError(f"{out}: is no name of an avatar; give an .avatar.safetensors.")
    for place in (out, preview):
        if place is not None:
            check_place(place)
    avatar = avatar_of(source, weights, device, face)
    with bars() as progress:
        result = avatar.finetune(
            images or source,
            steps=steps,
            face=None if face is None else face_of(face),
            progress=progress,
            preview=_into(preview) if preview else None,
        )
    avatar.save(out)
    tell(
        {"out": str(out)} | asdict(result),
        f"{out}: {result.steps} steps in {result.seconds:.0f} s, ended by {result.reason}; "
        f"error {result.error_before:.4f} before, {result.error_after:.4f} after (step "
        f"{result.kept_step}), {result.liveliness:.0%} of the movement kept",
        as_json=as_json,
    )


def _into(path: Path) -> Preview:
    """Writes each preview over the one before."""

    def write(step: int, picture: NDArray[np.uint8]) -> None:
        from pdfgc.motion.picture import write_picture

        del step
        write_picture(picture, path)

    return write
