"""Ctrl-C that waits until a step which must not be broken is done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def shielded() -> Iterator[None]:
    """Hold back Ctrl-C inside the block; it takes effect when the block ends.

    Other threads than the main one never see Ctrl-C, so that nothing is to be done there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def note(number: int, frame: object) -> None:
        nonlocal asked
        del number, frame
        asked = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt
