"""The parts of a model as ONNX files, for other runtimes.

Each part is one graph: the appearance encoder for a source image, the encoders for a driving frame,
the speech encoder for a window, the generator for a frame. Encoders take batches of any size, the
generator one frame of one source image.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pdfgc.encoders import Appearance, LipEncoder
from pdfgc.errors import InputError
from pdfgc.files import writing_folder
from pdfgc.model import TalkingHead
from pdfgc.motion import code_width
from pdfgc.weights import LoadedModel

_OPSET = 18
# Traced with more than one, lest a 1 be taken for a constant.
_BATCH = 2


@dataclass(frozen=True)
class Part:
    """One graph.

    Attributes:
        name: of the file, without suffix.
        module: takes and gives tensors only.
        inputs: an example of each input, by name; the first dimension is the batch.
        outputs: names of the outputs.
        free: whether batches of any size are taken; else of the example's.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    free: bool = True


class _Look(nn.Module):
    """Source images (B, K, 3, S, S) to the maps and the vector of an `Appearance`."""

    def __init__(self, model: TalkingHead) -> None:
        super().__init__()
        self.encoder = model.encoders.appearance

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        look = self.encoder(images)
        return (*look.maps, look.vector)


class _Drawing(nn.Module):
    """What `_Look` gave, source codes (B, K, D) and driving codes (B, D) to (B, 3, S, S).

    Where the model reads a shape, that is the last input.
    """

    def __init__(self, model: TalkingHead, *, shaped: bool) -> None:
        super().__init__()
        self.generator, self.shaped = model.generator, shaped

    def forward(
        self, images: Tensor, vector: Tensor, source: Tensor, driving: Tensor, *maps: Tensor
    ) -> Tensor:
        shape = None
        if self.shaped:
            *maps, shape = maps  # type: ignore[assignment]
        look = Appearance(images, vector, tuple(maps), shape=shape)
        made: Tensor = self.generator(look, source, driving).image
        return made


class _Mouth(nn.Module):
    """Face crops (B, 3, S, S) to lip codes (B, lip_width) and the widening of the mouth (B, 1)."""

    def __init__(self, lip: LipEncoder) -> None:
        super().__init__()
        self.lip = lip

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.lip.hidden(images)
        return self.lip.code(hidden), self.lip.widening(hidden)


class _Shape(nn.Module):
    """Source images (B, K, 3, S, S) and their codes (B, K, D) to the shape of an `Appearance`."""

    def __init__(self, model: TalkingHead) -> None:
        super().__init__()
        self.generator = model.generator

    def forward(self, images: Tensor, source: Tensor) -> Tensor | None:
        return self.generator.shape_of(images, source)


def parts_of(model: TalkingHead, shots: int = 1) -> Iterator[Part]:
    """The parts of a codes model, each with example inputs.

    Args:
        model: the model.
        shots: number of source images that the generator takes.

    Raises:
        InputError: the preset is driven by landmark images.
    """
    config = model.config
    if model.drawn:
        raise InputError(
            f"Preset {config.preset} is driven by landmark images; only models that are driven by "
            f"codes can be exported."
        )
    side, seen = config.generator.image_size, config.encoders.image_size
    encoders = model.encoders
    images = torch.zeros(_BATCH, shots, 3, side, side)
    with torch.inference_mode():
        look = encoders.appearance(images)
    levels = tuple(f"maps_{number}" for number in range(len(look.maps)))
    yield Part("appearance", _Look(model), {"images": images}, (*levels, "vector"))
    faces = {"images": torch.zeros(_BATCH, 3, seen, seen)}
    for name in ("motion", "eye", "pose"):
        yield Part(name, getattr(encoders, name), faces, (name,))
    if encoders.brow is None:
        yield Part("lip", encoders.lip, faces, ("lip",))
    else:
        yield Part("brow", encoders.brow, faces, ("brow",))
        yield Part("lip", _Mouth(encoders.lip), faces, ("lip", "widening"))
    with torch.inference_mode():
        width = encoders.features(**faces).shape[1]
    features = torch.zeros(_BATCH, config.expression_window, width)
    yield Part("expression", encoders.expression, {"features": features}, ("expression",))
    windows = torch.zeros(_BATCH, config.audio.n_mels, config.audio.window_mels)
    yield Part("speech", encoders.speech, {"windows": windows}, ("lip",))
    width = code_width(config.encoders.lip_width)
    known = {"images": images[:1], "source": torch.zeros(1, shots, width)}
    with torch.inference_mode():
        shape = model.generator.shape_of(**known)
    if shape is not None:
        yield Part("shape", _Shape(model), known, ("shape",), free=False)
    drawn = {
        "images": known["images"],
        "vector": look.vector[:1].clone(),
        "source": known["source"],
        "driving": torch.zeros(1, width),
        **{name: each[:1].clone() for name, each in zip(levels, look.maps, strict=True)},
        **({} if shape is None else {"shape": shape.clone()}),
    }
    drawing = _Drawing(model, shaped=shape is not None)
    yield Part("generator", drawing, drawn, ("image",), free=False)


def export_onnx(loaded: LoadedModel, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write every part as an ONNX file (opset 18) into a new folder.

    Args:
        loaded: the model.
        folder: appears when all is written.

    Returns:
        The files.

    Raises:
        InputError: the extra `onnx` is missing, the model is driven by landmark images, or the
            place cannot be written.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise InputError("Exporting needs the extra onnx; pip install 'pdfgc[onnx]'.") from None
    model = loaded.model.cpu().eval()
    names = []
    with writing_folder(folder) as partial:
        for part in parts_of(model):
            export_part(part, partial / f"{part.name}.onnx")
            names.append(f"{part.name}.onnx")
    return tuple(Path(folder) / name for name in names)


def export_part(part: Part, path: Path) -> None:
    """Write one part as an ONNX file (needs the extra `onnx`)."""
    names = [*part.inputs, *part.outputs]
    with warnings.catch_warnings(), torch.no_grad():
        # Sizes other than the batch's are fixed, as they are meant to be.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            part.module.eval(),
            tuple(part.inputs.values()),
            str(path),
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            dynamic_axes={name: {0: "batch"} for name in names} if part.free else None,
            opset_version=_OPSET,
            # Tracing is ten times as quick, but loses the channels where maps are enlarged, which
            # the generator's norms need.
            dynamo=not part.free,
            external_data=False,
            verbose=False,
        )
