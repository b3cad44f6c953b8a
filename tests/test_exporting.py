"""Every part as ONNX gives what it gives in torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pdfgc.config import PRESETS
from pdfgc.errors import InputError
from pdfgc.exporting import export_onnx, parts_of
from pdfgc.model import build_model
from pdfgc.weights import load_model


@pytest.mark.slow
def test_parts_agree_with_torch(tiny_weights: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    loaded = load_model(tiny_weights, "cpu")
    files = export_onnx(loaded, tmp_path / "onnx")
    parts = list(parts_of(loaded.model))
    assert [file.stem for file in files] == [part.name for part in parts]
    generator = torch.Generator().manual_seed(0)
    for part, file in zip(parts, files, strict=True):
        session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        for batch in (1, 3) if part.free else (1,):
            given = {
                name: 0.3 * torch.randn(batch, *example.shape[1:], generator=generator)
                for name, example in part.inputs.items()
            }
            with torch.inference_mode():
                wanted = part.module.eval()(*given.values())
            wanted = wanted if isinstance(wanted, tuple) else (wanted,)
            made = session.run(None, {name: value.numpy() for name, value in given.items()})
            for name, one, other in zip(part.outputs, made, wanted, strict=True):
                scale = float(other.abs().max())
                np.testing.assert_allclose(
                    one, other.numpy(), atol=1e-4 * scale, err_msg=f"{part.name}: {name}"
                )


def test_landmark_models_are_refused() -> None:
    with pytest.raises(InputError, match="driven by landmark images"):
        list(parts_of(build_model(PRESETS["fewshot-tiny"])))
