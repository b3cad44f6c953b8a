"""Options that several of the scripts here have, and how results over persons are kept."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pdfgc.evaluation.report import FORMAT, origin, write_json, write_picture
from pdfgc.files import writing
from pdfgc.training.shards import ShardIndex
from pdfgc.weights import DEFAULT, LoadedModel, load_model

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SEED = 0


def model_options(about: str | None) -> argparse.ArgumentParser:
    """A parser of what every script asks of a model."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--weights", default=DEFAULT, help="file or packaged name")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    return parser


def demo_options(about: str | None) -> argparse.ArgumentParser:
    """The same, with a portrait and a recording."""
    parser = model_options(about)
    parser.add_argument("--source", type=Path, default=EXAMPLES / "astronaut.jpg")
    parser.add_argument("--speech", type=Path, default=EXAMPLES / "speech.flac")
    return parser


def person_options(about: str | None, name: str) -> argparse.ArgumentParser:
    """The same, with a pack of persons and a folder for what is found."""
    parser = model_options(about)
    parser.add_argument("--data", type=Path, required=True, help="pack of persons never trained on")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--name", default=name, help="how the files in it begin")
    parser.add_argument("--preset", help="larger model to put the weights into")
    parser.add_argument("--persons", type=int, default=6)
    return parser


def model_of_persons(given: argparse.Namespace) -> LoadedModel:
    """The model that `person_options` names, with the folder for its results made."""
    torch.set_num_threads(given.threads)
    loaded = load_model(given.weights, given.device, preset=given.preset)
    given.out.mkdir(parents=True, exist_ok=True)
    return loaded


def keep(
    given: argparse.Namespace,
    loaded: LoadedModel,
    about: dict[str, Any],
    summary: dict[str, Any],
    text: str,
    sheet: NDArray[np.uint8],
) -> None:
    """Write a protocol over persons as JSON, as tables and as pictures, and print the tables.

    Args:
        given: what `person_options` read.
        loaded: the model.
        about: `protocol`, number of `persons`, name of the `tracker`.
        summary: of the protocol.
        text: the same as tables.
        sheet: (H, W, 3) uint8 RGB.
    """
    document = {
        "format": FORMAT,
        "protocol": about["protocol"],
        **origin(loaded),
        "data": {"digest": ShardIndex(given.data).digest, "persons": about["persons"]},
        "settings": {"seed": SEED, "device": given.device, "tracker": about["tracker"]},
        **summary,
    }
    write_json(document, given.out / f"{given.name}.json")
    with writing(given.out / f"{given.name}.md") as partial:
        partial.write_text(text, encoding="utf-8")
    write_picture(sheet, given.out / f"{given.name}.png")
    print(text)
