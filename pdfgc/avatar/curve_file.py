"""Keyframes from a file: a table whose columns are named, in CSV or JSON.

A row is a keyframe. Its columns are `time_s`, the channels of the factor, and if wanted `easing`,
the way to this keyframe (see `Easing`; straight where it is empty). The channels are

- of pose `yaw_deg`, `pitch_deg`, `roll_deg` (or `yaw_rad` and so on), and if wanted `x`, `y`
  (fractions of the crop) and `log_scale`;
- of gaze `yaw_deg` and `pitch_deg` (or `yaw_rad`, `pitch_rad`);
- of blink `openness`, or `left` and `right`.

In JSON the table is a list of objects.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

from pdfgc.avatar.curve import Curve
from pdfgc.avatar.easing import Easing
from pdfgc.errors import InputError

CURVE_SUFFIXES = (".csv", ".json")
"""Names that end so are keyframes."""

_TIME, _EASING = "time_s", "easing"
# Which channels a factor may have, the longest choice first.
_CHANNELS = {
    "pose": (("yaw", "pitch", "roll", "x", "y", "log_scale"), ("yaw", "pitch", "roll")),
    "gaze": (("yaw", "pitch"),),
    "blink": (("left", "right"), ("openness",)),
}
_ANGLES = ("yaw", "pitch", "roll")

Row = Mapping[str, object]


def read_curve(path: str | os.PathLike[str], factor: str) -> Curve:
    """Read keyframes of pose, gaze or blink.

    Args:
        path: a `.csv` or `.json` file; see the module's text for its columns.
        factor: whose channels are looked for.

    Returns:
        The curve, in the factor's own units (radians).

    Raises:
        InputError: the file cannot be read, a channel is missing or unknown, or a value is no
            number.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{file}: there is no such file; check the name.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as text ({error}).") from error
    rows = _of_json(text, file) if file.suffix.lower() == ".json" else _of_csv(text, file)
    if not rows:
        raise InputError(f"{file}: holds no keyframe; give at least one row.")
    columns = {str(name) for row in rows for name in row if name not in (_TIME, _EASING)}
    names = _channels(columns, factor, file)
    times = tuple(_number(row, _TIME, n, file) for n, row in enumerate(rows))
    values = tuple(
        tuple(_number(row, name, n, file) for name in names) for n, row in enumerate(rows)
    )
    easings = tuple(_easing(row, n, file) for n, row in enumerate(rows))
    radians = tuple(
        tuple(math.radians(v) if c.endswith("_deg") else v for c, v in zip(names, row, strict=True))
        for row in values
    )
    try:
        return Curve(times, radians, easings)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def _of_csv(text: str, file: Path) -> list[Row]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    reader = csv.DictReader(lines, skipinitialspace=True)
    rows = list(reader)
    if any(None in row for row in rows):
        raise InputError(f"{file}: a row has more values than the first line has names; mend it.")
    return [{name.strip(): value for name, value in row.items()} for row in rows]


def _of_json(text: str, file: Path) -> list[Row]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{file}: is no JSON ({error}); mend it.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{file}: holds no list of keyframes; give a list of objects.")
    return rows


def _channels(columns: set[str], factor: str, file: Path) -> tuple[str, ...]:
    """The columns in the order of the code."""
    for choice in _CHANNELS[factor]:
        for unit in ("_deg", "_rad"):
            names = tuple(name + unit if name in _ANGLES else name for name in choice)
            if set(names) == columns:
                return names
    wanted = " or ".join(
        ", ".join(name + "_deg" if name in _ANGLES else name for name in choice)
        for choice in reversed(_CHANNELS[factor])
    )
    raise InputError(
        f"{file}: has the columns {', '.join(sorted(columns)) or 'of no channel'}; for {factor} "
        f"give {_TIME}, {wanted}."
    )


def _number(row: Row, column: str, keyframe: int, file: Path) -> float:
    value = row.get(column)
    try:
        if isinstance(value, bool | None):
            raise ValueError(value)
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError(
            f"{file}: {column} of keyframe {keyframe} is {value!r}; give a number."
        ) from None


def _easing(row: Row, keyframe: int, file: Path) -> Easing:
    name = row.get(_EASING) or Easing.LINEAR.value
    try:
        return Easing(name)
    except ValueError:
        names = ", ".join(each.value for each in Easing)
        raise InputError(
            f"{file}: the easing of keyframe {keyframe} is {name!r}; choose one of {names}."
        ) from None
