"""Makes `parity.npz` from the full arrays that the authors' code gave.

    python -m tests.importers.condense FOLDER

FOLDER holds `pdfgc_official_manifest.json` and the arrays as .npz files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from tests.importers.formula import PARITY, condensed

_INPUTS = ("inputs.npz",)  # made by formula


def main(folder: Path) -> None:
    networks = json.loads((folder / "pdfgc_official_manifest.json").read_text())["networks"]
    kept: dict[str, np.ndarray] = {}
    for name, network in networks.items():
        fills = [tensor["fill"] for tensor in network["tensors"]]
        rows = [(fill.get("center", 0.0), fill.get("scale", 0.0)) for fill in fills]
        kept[f"fill/{name.removeprefix('net_')}"] = np.array(rows, np.float64).T
    for path in sorted(folder.glob("*.npz")):
        if path.name in _INPUTS:
            continue
        with np.load(path) as arrays:
            for key, values in arrays.items():
                name = f"{path.stem.removesuffix('_taps')}/{key}"
                kept[name] = condensed(name, values)
    np.savez_compressed(PARITY, **kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
