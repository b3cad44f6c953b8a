"""The generator on OpenVINO, which draws single frames on CPUs quicker than torch."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from pdfgc.encoders import Appearance
from pdfgc.errors import InputError
from pdfgc.exporting import export_part, parts_of
from pdfgc.model import TalkingHead


class OpenVinoDrawing:
    """Draws as a model's generator does, within a thousandth of a grey level or so.

    In full precision: bfloat16 is twice as quick again, but moves pixels by up to 28 levels.

    Args:
        model: on the CPU, driven by codes.
        shots: number of source images.

    Raises:
        InputError: the extras `onnx` and `openvino` are missing, or landmarks drive the model.
    """

    def __init__(self, model: TalkingHead, shots: int) -> None:
        try:
            import onnxscript  # noqa: F401
            from openvino import Core
        except ImportError:
            raise InputError(
                "Drawing with OpenVINO needs two extras; pip install 'pdfgc[onnx,openvino]'."
            ) from None
        (part,) = (part for part in parts_of(model, shots) if part.name == "generator")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "generator.onnx"
            export_part(part, path)
            core = Core()
            graph = core.read_model(path.read_bytes())
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": str(torch.get_num_threads()),
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._compiled = core.compile_model(graph, "CPU", settings)
        # What a generator does not look at is not an input of the graph.
        self._inputs = {name for port in self._compiled.inputs for name in port.names}

    def __call__(self, appearance: Appearance, source: Tensor, driving: Tensor) -> Tensor:
        """As `Generator`: (B, 3, S, S) in [-1, 1]."""
        frames = []
        for n in range(len(driving)):
            given = {
                "images": appearance.images[n : n + 1],
                "vector": appearance.vector[n : n + 1],
                "source": source[n : n + 1],
                "driving": driving[n : n + 1],
                **{f"maps_{k}": maps[n : n + 1] for k, maps in enumerate(appearance.maps)},
            }
            if appearance.shape is not None:
                given["shape"] = appearance.shape[n : n + 1]
            arrays = {name: each.numpy() for name, each in given.items() if name in self._inputs}
            frames.append(torch.from_numpy(self._compiled(arrays)[0].copy()))
        return torch.cat(frames)
