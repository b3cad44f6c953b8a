"""Weights: one safetensors file with its configuration inside, loaded strictly; never pickle."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pdfgc.allocator import keep_freed_memory
from pdfgc.config import PRESETS, ModelConfig, from_json, to_json
from pdfgc.errors import InputError
from pdfgc.files import writing
from pdfgc.model import TalkingHead, build_model

DEFAULT = "default"
"""Name of the weights that are used when none are given."""

Device = Literal["auto", "cpu", "cuda", "mps"]

_FORMAT = "pdfgc.weights/1"
_MANIFEST_FORMAT = "pdfgc.manifest/1"
_MANIFEST = "manifest.json"
# How files of torch.save begin: a zip archive, or a bare pickle.
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_SHOWN = 5  # names in one message


@dataclass(frozen=True)
class LoadedModel:
    """A model ready for use.

    Attributes:
        model: in evaluation mode, without gradients, float32.
        model_id: 16 hex digits that stand for its configuration and weights.
        training: what the file says about its training.
        path: the file it came from.
    """

    model: TalkingHead
    model_id: str
    training: dict[str, Any]
    path: Path

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return self.model.rest_lip.device


@dataclass(frozen=True)
class Entry:
    """One row of the manifest of packaged weights.

    Attributes:
        name: what `load_model` calls it.
        file: name of the file beside the manifest.
        sha256: of the file, hex.
        bytes: length of the file.
        preset: the model that the weights are loaded into.
        licence: of the weights.
    """

    name: str
    file: str
    sha256: str
    bytes: int
    preset: str
    licence: str


def find_device(name: str) -> torch.device:
    """The device of a name.

    Args:
        name: `cpu`, `cuda`, `mps`, or `auto` for the fastest that is there.

    Raises:
        InputError: there is no such device here.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    if name not in there:
        raise InputError(f"There is no device {name!r}; choose auto, cpu, cuda or mps.")
    if not there[name]:
        raise InputError(f"This machine has no {name} device; use --device auto or cpu.")
    return torch.device(name)


def save_model(
    model: TalkingHead,
    path: str | os.PathLike[str],
    training: Mapping[str, Any],
    *,
    half: bool = True,
) -> str:
    """Write a model's weights and configuration.

    Args:
        model: the model.
        path: where to, usually ending in `.safetensors`.
        training: facts about its training, plain JSON values.
        half: store parameters in half precision. Buffers stay as they are: running variances may
            lie outside its range.

    Returns:
        The model's id.

    Raises:
        InputError: the place cannot be written.
    """
    parameters = {name for name, _ in model.named_parameters()}
    tensors = {}
    for name, value in model.state_dict().items():
        shrink = half and name in parameters
        # Copies: safetensors refuses tensors that share memory.
        kept = value.detach().cpu().to(torch.float16 if shrink else value.dtype)
        tensors[name] = kept.clone(memory_format=torch.contiguous_format)
    not_finite = [name for name, value in tensors.items() if not value.isfinite().all()]
    if not_finite:
        raise ValueError(f"not finite as stored: {_named(not_finite)}")
    config = to_json(model.config)
    model_id = _model_id(config, tensors)
    head = {
        "format": _FORMAT,
        "model_id": model_id,
        "config": config,
        "training": dict(training),
        "pdfgc": _library_version(),
    }
    with writing(path) as partial:
        # Written by Python, so that a full disk is an OSError like everywhere.
        partial.write_bytes(save(tensors, {"pdfgc": json.dumps(head)}))
    return model_id


def load_model(
    weights: str | os.PathLike[str] = DEFAULT,
    device: str = "auto",
    *,
    preset: str | None = None,
) -> LoadedModel:
    """Load weights into the model that they were made for, or into its larger form.

    Args:
        weights: a file, or a name in the manifest of packaged weights.
        device: `auto`, `cpu`, `cuda` or `mps`.
        preset: a model for larger pictures that contains the weights' own model; its added levels
            leave the picture as the smaller model makes it, with the source seen at the larger
            size. By default the model named by the manifest or the file.

    Returns:
        The model in evaluation mode.

    Raises:
        InputError: the file is missing, damaged, of another kind, or does not fit; the message
            names the keys that are missing, unexpected or of another shape.
    """
    target = find_device(device)
    path, preset = _resolved(weights, preset)
    head, tensors = _read(path)
    config = from_json(ModelConfig, head["config"], str(path))
    if _model_id(head["config"], tensors) != head["model_id"]:
        raise InputError(f"{path}: its weights were changed after they were saved; get it again.")
    wanted = config if preset is None else _larger(config, preset, path)
    model = build_model(wanted)
    added = _added_keys(config, wanted)
    _load_strictly(model, tensors, added, path)
    model.to(target).eval().requires_grad_(False)
    if target.type == "cpu":
        # Here convolutions are a tenth to a fifth faster where a pixel's channels lie side by side.
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        keep_freed_memory()
    return LoadedModel(model, head["model_id"], head["training"], path)


def packaged() -> dict[str, Entry]:
    """The manifest of the weights that come with the package, by name; empty where none do.

    Raises:
        InputError: the manifest is damaged.
    """
    path = _weights_folder() / _MANIFEST
    return {entry.name: entry for entry in _manifest(path)} if path.is_file() else {}


def add_to_manifest(
    folder: str | os.PathLike[str], file: str, *, name: str, preset: str, licence: str
) -> Entry:
    """Enter a weights file into the manifest beside it, in the place of an entry of its name.

    Args:
        folder: where file and manifest lie.
        file: name of the weights file.
        name: what `load_model` shall call it, e.g. `default`.
        preset: the model that it shall be loaded into.
        licence: of the weights.

    Raises:
        InputError: the file is no weights file, or does not fit the preset.
    """
    path = Path(folder) / file
    load_model(path, "cpu", preset=preset)
    entry = Entry(name, file, _sha256(path), path.stat().st_size, preset, licence)
    manifest = Path(folder) / _MANIFEST
    others = [e for e in _manifest(manifest) if e.name != name] if manifest.is_file() else []
    rows = [asdict(each) for each in sorted([*others, entry], key=lambda each: each.name)]
    with writing(manifest) as partial:
        partial.write_text(
            json.dumps({"format": _MANIFEST_FORMAT, "weights": rows}, indent=2) + "\n"
        )
    return entry


def _weights_folder() -> Path:
    # Inside an installed wheel; else beside the package, in a checkout.
    package = Path(str(files("pdfgc"))).resolve()
    inside = package / "_weights"
    return inside if inside.is_dir() else package.parent / "weights"


def _manifest(path: Path) -> list[Entry]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _MANIFEST_FORMAT:
            raise KeyError("format")
        return [Entry(**row) for row in content["weights"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is no manifest of weights ({error}); install again.") from error


def _resolved(weights: str | os.PathLike[str], preset: str | None) -> tuple[Path, str | None]:
    """File and preset of a file name or a packaged name."""
    path = Path(weights)
    if path.is_file():
        return path, preset
    known = packaged()
    entry = known.get(str(weights))
    if entry is None:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; give the weights file in it.")
        names = ", ".join(known) or "none"
        raise InputError(
            f"{weights}: there is no such weights file and no packaged weights of this name "
            f"(packaged: {names}); check the name."
        )
    path = _weights_folder() / entry.file
    if not path.is_file():
        raise InputError(f"{path}: the packaged weights are missing; install pdfgc again.")
    if path.stat().st_size != entry.bytes or _sha256(path) != entry.sha256:
        raise InputError(
            f"{path}: is not the file that the manifest names (its sha256 differs); install pdfgc "
            "again."
        )
    return path, preset or entry.preset


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start.startswith(_PICKLES):
            raise InputError(
                f"{path}: is a pickle (.pth, .pt), which can run code and is never loaded; "
                f"give a .safetensors file that pdfgc wrote."
            )
        with safe_open(path, framework="pt") as opened:
            head = json.loads((opened.metadata() or {}).get("pdfgc", "{}"))
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path}: is damaged, cut off or no safetensors file ({error}); get it again."
        ) from error
    if head.get("format") != _FORMAT or not {"model_id", "config", "training"} <= set(head):
        raise InputError(f"{path}: holds no pdfgc weights; give a file that pdfgc wrote.")
    return head, tensors


def _larger(small: ModelConfig, preset: str, path: Path) -> ModelConfig:
    """The configuration of `preset`, if it contains `small`."""
    if preset not in PRESETS:
        raise InputError(f"There is no preset {preset!r}; choose one of {', '.join(PRESETS)}.")
    large = PRESETS[preset]
    levels = len(small.generator.channels)
    same = (
        large.encoders == small.encoders
        and large.audio == small.audio
        and large.crop == small.crop
        and large.expression_window == small.expression_window
        and large.generator.channels[:levels] == small.generator.channels
        and large.generator.source_channels[:levels] == small.generator.source_channels
        and all(
            getattr(large.generator, name) == getattr(small.generator, name)
            for name in (
                *("driver", "identity", "analysis_size", "base_size"),
                *("appearance_width", "style_width"),
            )
        )
    )
    if not same:
        raise InputError(
            f"{path}: the weights of preset {small.preset} do not fit into preset {preset}; "
            f"leave the preset away."
        )
    return large


def _added_keys(small: ModelConfig, large: ModelConfig) -> tuple[str, ...]:
    """How the keys begin that the larger model has beyond the smaller one."""
    sides = large.generator.sides
    levels = range(len(small.generator.sides), len(sides))
    inner = [side for side in sides if side > large.generator.analysis_size]
    return tuple(
        prefix
        for level in levels
        for prefix in (
            f"generator.levels.{level}.",
            f"generator.heads.{sides[level]}.",
            f"encoders.appearance.detail.{inner.index(sides[level])}.",
        )
    )


def _load_strictly(
    model: TalkingHead, tensors: dict[str, Tensor], added: tuple[str, ...], path: Path
) -> None:
    expected = model.state_dict()
    missing = [key for key in expected if key not in tensors and not key.startswith(added)]
    unexpected = [key for key in tensors if key not in expected]
    misshapen = [
        f"{key} {tuple(value.shape)} instead of {tuple(expected[key].shape)}"
        for key, value in tensors.items()
        if key in expected and value.shape != expected[key].shape
    ]
    faults = [
        f"{kind} {_named(keys)}"
        for kind, keys in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misshapen),
        )
        if keys
    ]
    if faults:
        raise InputError(
            f"{path}: the weights do not fit the model of preset {model.config.preset}: "
            f"{'; '.join(faults)}."
        )
    # Copying brings half precision back to the model's own.
    model.load_state_dict(tensors, strict=False)


def _named(keys: list[str]) -> str:
    rest = len(keys) - _SHOWN
    return ", ".join(keys[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _model_id(config: dict[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _library_version() -> str:
    try:
        return version("pdfgc")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
