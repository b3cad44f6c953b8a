"""The four checkpoint files that the authors of PD-FGC released, into the preset `pdfgc-official`.

Every tensor of the files is either taken over, or named in the report with the reason why not.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor

from pdfgc.config import PRESETS
from pdfgc.errors import InputError
from pdfgc.generator import ModulatedGenerator
from pdfgc.model import TalkingHead, build_model

_MANIFEST = "pdfgc_official_manifest.json"
_SHOWN = 5  # names in one message

NETWORKS = ("appearance", "motion", "audio", "generator")
"""The release's networks; the file of each is called NAME_model.pth."""

# Own prefix -> prefix in the file, the more special one first.
_PREFIXES: dict[str, tuple[tuple[str, str], ...]] = {
    "appearance": (
        ("encoders.appearance.trunk.", "model."),
        ("encoders.appearance.to_map.", "conv1x1."),
    ),
    "motion": (
        *(
            (f"encoders.{own}.factor.{part}.", foreign)
            for own, name in (
                ("lip", "mouth"),
                ("pose", "headpose"),
                ("eye", "eye"),
                ("expression", "emo"),
            )
            for part, foreign in (
                ("first", f"to_{name}.0."),
                ("norm", f"to_{name}.2."),
                ("second", f"to_{name}.3."),
                ("embed", f"{name}_embed.1."),
            )
        ),
        ("encoders.motion.", "model."),
    ),
    "audio": (("encoders.speech.embed.", "mouth_embed.1."), ("encoders.speech.", "model.")),
}
# What the networks do not need to run, and why.
_DEAD: dict[str, tuple[tuple[str, str], ...]] = {
    "appearance": (
        (r"(model\.)?fc\.", "classifiers that only training needed"),
        (r".*num_batches_tracked$", "counters of training"),
    ),
    "motion": ((r".*num_batches_tracked$", "counters of training"),),
    "audio": (
        (r"model\.(layer4|attention|fc)_exp|exp_embed", "a branch that the release skips too"),
        (r"(?!model\.).*fc", "classifiers that only training needed"),
        (r".*num_batches_tracked$", "counters of training"),
    ),
    "generator": (
        (r"style\.", "mapping network that the release bypasses"),
        (r"input\.", "constant that the source's map replaces"),
        (r"noises\.", "noise that the release never reads"),
        (r".*\.kernel$", "smoothing filter, found equal to the built-in one"),
    ),
}
# The release itself passes over keys that these two networks do not know.
_TOLERANT = ("motion", "generator")
_NOT_IN_FILES = re.compile(r"noise_\d+|num_batches_tracked")


@dataclass(frozen=True)
class Checkpoints:
    """The four files.

    Attributes:
        appearance: `appearance_model.pth`.
        motion: `motion_model.pth`.
        audio: `audio_model.pth`.
        generator: `generator_model.pth`.
    """

    appearance: str | os.PathLike[str]
    motion: str | os.PathLike[str]
    audio: str | os.PathLike[str]
    generator: str | os.PathLike[str]


@dataclass(frozen=True)
class Imported:
    """A model made of foreign weights.

    Attributes:
        model: the model, float32, in evaluation mode.
        taken: tensors that were taken over, by network.
        left: tensors that were not, and why, by network; each a reason and its keys.
        sha256: of the files, by network.
    """

    model: TalkingHead
    taken: dict[str, int]
    left: dict[str, dict[str, tuple[str, ...]]]
    sha256: dict[str, str]


def import_pd_fgc(checkpoints: Checkpoints, *, noise_seed: int = 0) -> Imported:
    """Read the released files, check every key and shape, and build the model.

    Args:
        checkpoints: the files; they are read without running any code of theirs.
        noise_seed: of the generator's noise, which no file holds: the release draws it anew in
            every run.

    Raises:
        InputError: a file is missing, cut off, another one, or lacks a tensor.
    """
    found: dict[str, dict[str, Tensor]] = {}
    left: dict[str, dict[str, tuple[str, ...]]] = {}
    digests: dict[str, str] = {}
    for network in NETWORKS:
        path = Path(getattr(checkpoints, network))
        found[network] = _read(path)
        left[network] = _checked(network, found[network], path)
        digests[network] = _sha256(path)
    model = build_model(PRESETS["pdfgc-official"]).eval().requires_grad_(False)
    assert isinstance(model.generator, ModulatedGenerator)
    model.generator.draw_noise(noise_seed)
    own = model.state_dict()
    taken: dict[str, int] = {}
    for network, tensors in found.items():
        table = key_table(model, network)
        for key, foreign in table.items():
            # Vectors and kernels stand in the file with axes of length 1 around them.
            own[key].copy_(tensors[foreign].reshape(own[key].shape))
        taken[network] = len(table)
    return Imported(model, taken, left, digests)


def key_table(model: TalkingHead, network: str) -> dict[str, str]:
    """Which tensor of a network's file each tensor of the model comes from.

    Args:
        model: of preset `pdfgc-official`.
        network: one of `NETWORKS`.

    Returns:
        Keys of the model's `state_dict` and keys of the file.
    """
    keys = [k for k in model.state_dict() if not _NOT_IN_FILES.fullmatch(k.rpartition(".")[2])]
    if network == "generator":
        return {key: _generator_key(key) for key in keys if key.startswith("generator.")}
    table = {}
    for key in keys:
        for own, foreign in _PREFIXES[network]:
            if key.startswith(own):
                table[key] = foreign + key.removeprefix(own)
                break
    return table


@cache
def manifest() -> dict[str, dict[str, list[int]]]:
    """Shape of every tensor in the released files, by network and key."""
    text = files("pdfgc.importers").joinpath(_MANIFEST).read_text(encoding="utf-8")
    shapes: dict[str, dict[str, list[int]]] = json.loads(text)
    return shapes


def _generator_key(key: str) -> str:
    _, kind, number, rest = key.split(".", 3)
    first, others = ("conv1", "convs") if kind == "layers" else ("to_rgb1", "to_rgbs")
    layer = first if number == "0" else f"{others}.{int(number) - 1}"
    if rest == "noise_strength":
        rest = "noise.weight"
    elif rest == "bias" and kind == "layers":
        rest = "activate.bias"
    return f"{layer}.{rest}"


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; check the name.")
    refused: type[Exception] = torch.serialization.pickle.UnpicklingError  # type: ignore[attr-defined]
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, KeyError, AttributeError, OSError) as error:
        raise InputError(
            f"{path}: is cut off, damaged or no checkpoint ({_line(error)}); get it again."
        ) from error
    except refused as error:
        raise InputError(
            f"{path}: holds more than tensors, which could run code, or is no checkpoint; give a "
            f"file of the PD-FGC release."
        ) from error
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: holds no tensors by name; give a file of the PD-FGC release.")
    odd = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if odd:
        raise InputError(
            f"{path}: {_named(odd)} is no tensor; give a file of the PD-FGC release, which holds "
            f"tensors by name and nothing else."
        )
    return {str(key): value for key, value in content.items()}


def _checked(network: str, tensors: dict[str, Tensor], path: Path) -> dict[str, tuple[str, ...]]:
    """Compare with the manifest; gives what will not be taken over, by reason."""
    known = manifest()[network]
    dead = {key: reason for key in {*known, *tensors} if (reason := _reason(network, key))}
    missing = [key for key in known if key not in tensors and key not in dead]
    unknown = [key for key in tensors if key not in known and key not in dead]
    misshapen = [
        f"{key} {tuple(value.shape)} instead of {tuple(known[key])}"
        for key, value in tensors.items()
        if key in known and list(value.shape) != known[key]
    ]
    if network in _TOLERANT and not missing:
        dead |= dict.fromkeys(unknown, "not known to the release, which passes over it too")
        unknown = []
    faults = [
        f"{kind} {_named(keys)}"
        for kind, keys in (
            ("missing", missing),
            ("unexpected", unknown),
            ("of another shape", misshapen),
        )
        if keys
    ]
    if faults:
        raise InputError(
            f"{path}: is not the release's {network}_model.pth ({_guess(network, tensors)}"
            f"{'; '.join(faults)})."
        )
    for key, value in tensors.items():
        if key not in dead and not value.isfinite().all():
            raise InputError(f"{path}: {key} is not finite; get the file again.")
    _check_filters(tensors, path)
    left: dict[str, tuple[str, ...]] = {}
    for key in tensors:
        if key in dead:
            left[dead[key]] = (*left.get(dead[key], ()), key)
    return left


def _guess(network: str, tensors: dict[str, Tensor]) -> str:
    """Which of the four files it is instead, if it is one."""
    for other in NETWORKS:
        known = manifest()[other]
        if other != network and all(
            key in tensors and list(tensors[key].shape) == shape
            for key, shape in known.items()
            if not _reason(other, key)
        ):
            return f"it is {other}_model.pth; "
    return ""


def _reason(network: str, key: str) -> str | None:
    return next((why for what, why in _DEAD[network] if re.match(what, key)), None)


def _check_filters(tensors: dict[str, Tensor], path: Path) -> None:
    row = torch.tensor([1.0, 3.0, 3.0, 1.0])
    expected = torch.outer(row, row) / 16
    for key, value in tensors.items():
        if key.endswith(".kernel") and not torch.allclose(value.float(), expected, atol=1e-5):
            raise InputError(
                f"{path}: {key} is another smoothing filter than that of the release; such a "
                f"generator cannot be run."
            )


def _named(keys: list[str]) -> str:
    rest = len(keys) - _SHOWN
    return ", ".join(keys[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
