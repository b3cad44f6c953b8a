"""`pdfgc export`."""

from __future__ import annotations

from pdfgc.cli.options import Json, Out
from pdfgc.cli.printing import tell


def export(*, out: Out, weights: str = "default", as_json: Json = False) -> None:
    """Write every part of a model as an ONNX file, for other runtimes (needs the extra onnx).

    Args:
        out: a new folder.
        weights: a weights file, or the name of packaged weights.
        as_json: print one JSON object on stdout.
    """
    from pdfgc.exporting import export_onnx
    from pdfgc.weights import load_model

    files = [str(file) for file in export_onnx(load_model(weights, "cpu"), out)]
    tell({"files": files}, "\n".join(files), as_json=as_json)
