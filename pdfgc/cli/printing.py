"""What the commands say, and the statuses they end with."""

from __future__ import annotations

import json
import sys
from enum import Enum
from typing import Any

INPUT_FAULT, INTERRUPTED = 2, 130
"""Exit statuses: the user's input cannot be used; Ctrl-C."""


def tell(facts: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Print the facts as one JSON object, or the text."""
    sys.stdout.write((json.dumps(facts, default=_plain) if as_json else text) + "\n")
    sys.stdout.flush()


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def complain(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"pdfgc: {text}\n")
