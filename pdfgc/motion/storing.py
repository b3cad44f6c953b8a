"""Motions as `.motion.safetensors` files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from pdfgc.errors import InputError
from pdfgc.files import writing
from pdfgc.motion.codes import FACTORS
from pdfgc.motion.motion import Motion

_FORMAT = "pdfgc.motion/1"


def save_motion(motion: Motion, path: str | os.PathLike[str]) -> None:
    """See `Motion.save`."""
    from safetensors.numpy import save

    head = {"format": _FORMAT, "fps": repr(float(motion.fps)), "model_id": motion.model_id}
    head |= {"own_units": "true"} if motion.own_units else {}
    rows = {name: np.ascontiguousarray(getattr(motion, name)) for name in FACTORS}
    with writing(path) as partial:
        # Written by Python, so that a full disk is an OSError like everywhere.
        partial.write_bytes(save(rows, metadata={"pdfgc": json.dumps(head)}))


def load_motion(path: str | os.PathLike[str]) -> Motion:
    """See `Motion.load`."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such motion file; check the name.")
    try:
        with safe_open(str(path), framework="numpy") as file:
            head = json.loads((file.metadata() or {}).get("pdfgc", "{}"))
            if head.get("format") != _FORMAT:
                raise InputError(f"{path}: holds no pdfgc motion; give a .motion.safetensors.")
            rows = {name: file.get_tensor(name) for name in FACTORS}
    except (SafetensorError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: is no readable motion file ({error}); make it again.") from error
    own_units = head.get("own_units") == "true"
    return Motion(**rows, fps=float(head["fps"]), model_id=head["model_id"], own_units=own_units)
