"""`pdfgc info`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pdfgc.cli.options import Json
from pdfgc.cli.parsing import preset_of
from pdfgc.cli.printing import tell

if TYPE_CHECKING:
    from pdfgc.cost import Cost


def info(
    *,
    preset: str | None = None,
    weights: str | None = None,
    as_json: Json = False,
) -> None:
    """Say what is here: versions, devices and weights, or the cost of a preset's every part.

    Args:
        preset: print parameters and GFLOPs (2 x multiply-adds) of this model's parts.
        weights: say what this weights file, or packaged name, holds.
        as_json: print one JSON object on stdout.
    """
    if preset is not None:
        from pdfgc.cost import cost_of

        cost = cost_of(preset_of(preset))
        facts = asdict(cost) | {
            "gflops_per_frame": cost.gflops_per_frame,
            "gflops_per_driving_frame": cost.gflops_per_driving_frame,
            "within_budget": cost.within_budget,
        }
        tell(facts, _cost_table(cost), as_json=as_json)
    elif weights is not None:
        from pdfgc.config import to_json
        from pdfgc.weights import load_model

        loaded = load_model(weights, "cpu")
        facts = {
            "path": str(loaded.path),
            "bytes": loaded.path.stat().st_size,
            "model_id": loaded.model_id,
            "config": to_json(loaded.model.config),
            "training": loaded.training,
        }
        lines = [f"{name}: {json.dumps(value)}" for name, value in facts.items()]
        tell(facts, "\n".join(lines), as_json=as_json)
    else:
        facts = _installation()
        lines = [f"{name}: {json.dumps(value)}" for name, value in facts.items()]
        tell(facts, "\n".join(lines), as_json=as_json)


def _cost_table(cost: Cost) -> str:
    lines = [f"{cost.preset:<12}{'parameters':>12}{'GFLOPs':>10}{'budget':>10}  per"]
    for part in cost.parts:
        budget = "" if part.budget_gflops is None else f"{part.budget_gflops:g}"
        lines.append(
            f"{part.name:<12}{part.parameters:>12,}{part.gflops:>10.3f}{budget:>10}  {part.per}"
        )
    most = "" if cost.budget_parameters is None else f" of at most {cost.budget_parameters:,}"
    lines.append(f"{'all':<12}{cost.parameters:>12,}{most}")
    lines.append(
        f"A frame takes {cost.gflops_per_frame:.2f} GFLOPs, and for each clip that drives it "
        f"{cost.gflops_per_driving_frame:.2f} more."
    )
    return "\n".join(lines)


def _installation() -> dict[str, Any]:
    import platform

    import torch

    from pdfgc.config import PRESETS
    from pdfgc.weights import packaged

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return {
        "pdfgc": version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "devices": ["cpu", *(name for name, found in there.items() if found)],
        "presets": list(PRESETS),
        "weights": [asdict(entry) for entry in packaged().values()],
    }


def version() -> str:
    """The installed version, or `unknown`."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pdfgc")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
