"""How stages are run, read from a TOML or JSON file."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import pdfgc.config as configs
from pdfgc.config import TrainConfig
from pdfgc.errors import InputError
from pdfgc.training.stages import STAGES


def read_settings(path: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """Read a settings file.

    Fields of `TrainConfig` at the top hold for all stages, those in a table named like a stage for
    that stage:

        batch_size = 8
        [expression]
        steps = 20000

    Args:
        path: .toml or .json.

    Returns:
        For each stage, what the file says about it.

    Raises:
        InputError: the file is missing or damaged, or names no stage and no field.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: there is no such file; give settings as .toml or .json.")
    try:
        text = file.read_text(encoding="utf-8")
        given = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (ValueError, OSError) as error:
        raise InputError(f"{file}: is no readable TOML or JSON ({error}).") from error
    known = {field.name for field in fields(TrainConfig)}
    if not isinstance(given, dict):
        raise InputError(f"{file}: holds no table of settings.")
    common = {key: value for key, value in given.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in given.items() if isinstance(value, dict)}
    if strange := sorted(set(tables) - set(STAGES)):
        raise InputError(
            f"{file}: there is no stage {strange[0]!r}; choose one of {', '.join(STAGES)}."
        )
    for table in (common, *tables.values()):
        if strange := sorted(set(table) - known):
            raise InputError(
                f"{file}: there is no setting {strange[0]!r}; choose one of "
                f"{', '.join(sorted(known))}."
            )
    return {stage: common | tables.get(stage, {}) for stage in STAGES}


def settled(stage: str, *given: Mapping[str, Any]) -> TrainConfig:
    """A stage's defaults with changes; later ones win.

    Raises:
        InputError: a value is out of range.
    """
    values = configs.to_json(STAGES[stage].defaults)
    for changes in given:
        values |= changes
    try:
        return TrainConfig(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"Stage {stage} cannot be run so: {f'{where}: ' if where else ''}{first['msg']}."
        ) from error
