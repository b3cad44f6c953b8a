"""Configurations as JSON, beside the weights."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pdfgc.errors import InputError

T = TypeVar("T")


def to_json(config: Any) -> dict[str, Any]:
    """Turn a configuration into plain JSON values."""
    return asdict(config)


def from_json(kind: type[T], values: dict[str, Any], origin: str) -> T:
    """Read a configuration back and validate it.

    Args:
        kind: the configuration's class.
        values: what `to_json` gave.
        origin: file that the values came from, for the error.

    Raises:
        InputError: a key is unknown, missing or out of range.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{origin}: the configuration does not fit this version of pdfgc at {where!r} "
            f"({first['msg']}); use the version that wrote it."
        ) from error
