"""`pdfgc import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from pdfgc.cli.options import Json, Out
from pdfgc.cli.printing import tell

importing = App(
    name="import",
    help="Bring in networks that others have released.\n\n"
    "pd-fgc takes four files, --appearance, --motion, --audio and --generator.",
)


@importing.command(name="pd-fgc")
def import_official(
    *,
    appearance: Path,
    motion: Path,
    audio: Path,
    generator: Path,
    out: Out,
    noise_seed: int = 0,
    half: Annotated[bool, Parameter(negative="")] = False,
    as_json: Json = False,
) -> None:
    """Bring in the four checkpoint files that the authors of PD-FGC released.

    Every key and shape is checked; what the networks do not need to run is left out and named.
    Neither files nor weights come with this package: check their licence before you use them.

    Args:
        appearance: appearance_model.pth.
        motion: motion_model.pth.
        audio: audio_model.pth.
        generator: generator_model.pth.
        out: a .safetensors file, for animate --weights.
        noise_seed: of the generator's noise, which no file holds.
        half: write half precision, half the size.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.importers import Checkpoints, import_pd_fgc
    from pdfgc.weights import save_model

    found = import_pd_fgc(Checkpoints(appearance, motion, audio, generator), noise_seed=noise_seed)
    origin = {
        "origin": "checkpoints of Dorniwang/PD-FGC-inference, given by the user",
        "licence": "that of the checkpoints; not checked by pdfgc",
        "sha256": found.sha256,
        "noise_seed": noise_seed,
    }
    model_id = save_model(found.model, out, origin, half=half)
    counts = {
        network: {reason: len(keys) for reason, keys in reasons.items()}
        for network, reasons in found.left.items()
    }
    lines = [f"{out}: model {model_id}, {out.stat().st_size / 1e6:.0f} MB"]
    for network, taken in found.taken.items():
        lines.append(f"  {network}: {taken} tensors taken")
        lines += [f"    {n} left: {reason}" for reason, n in counts[network].items()]
    lines.append("Check before you publish: the licence of the checkpoints and of their training")
    lines.append("data, VoxCeleb2, and the consent of the people shown. pdfgc has checked none.")
    tell(
        {"out": str(out), "model_id": model_id, "taken": found.taken, "left": counts} | origin,
        "\n".join(lines),
        as_json=as_json,
    )
