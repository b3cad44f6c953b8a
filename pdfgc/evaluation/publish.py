"""A run written down: JSON, tables, the page, and the study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pdfgc.evaluation.case import Protocol
from pdfgc.evaluation.evaluate import Evaluation
from pdfgc.evaluation.page import page
from pdfgc.evaluation.report import as_json, write_json
from pdfgc.evaluation.study import make_study
from pdfgc.files import writing


def publish(done: Evaluation, about: Mapping[str, Any], out: Path, *, seed: int = 0) -> list[Path]:
    """Write everything that a run leaves.

    Args:
        done: what the run gave.
        about: `system`, versions, weights, missing videos.
        out: an existing folder.
        seed: of the study.

    Returns:
        The files.
    """
    document = as_json(done.cases, done.summary, dict(about) | done.about)
    files = [out / "evaluation.json", out / "evaluation.md", out / "index.html"]
    write_json(document, files[0])
    _write(files[1], f"## {about['system']}\n\n{done.text(str(about['system']))}")
    _write(files[2], page(done, about))
    study = make_study(done.of(Protocol.SELF), seed=seed)
    if study is not None:
        files += [out / "study.html", out / "study.key.json"]
        _write(files[3], study.html)
        write_json(study.key, files[4])
    return files


def _write(path: Path, text: str) -> None:
    with writing(path) as partial:
        partial.write_text(text, encoding="utf-8")
