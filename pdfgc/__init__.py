"""Talking heads whose lips, gaze, blink, head pose and expression are driven apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pdfgc.avatar import Avatar
    from pdfgc.dubbing.dub import dub
    from pdfgc.errors import InputError
    from pdfgc.motion import Motion

__all__ = ["Avatar", "InputError", "Motion", "dub"]

_HOMES = {
    "Avatar": "pdfgc.avatar",
    "InputError": "pdfgc.errors",
    "Motion": "pdfgc.motion",
    "dub": "pdfgc.dubbing",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `import pdfgc` stays quick.
    if name not in _HOMES:
        raise AttributeError(f"module 'pdfgc' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
