"""Libraries that write to stderr past Python, kept away from the user."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep notes that libraries write to stderr, past Python, away from the user.

    The tracker's C++ parts report their start-up there. Our own messages go on.
    """
    warnings.filterwarnings("ignore", module="google.protobuf")
    try:
        captured = sys.stderr.fileno() != 2
    except (AttributeError, OSError, ValueError):
        captured = True
    if captured:
        yield
        return
    before, kept = sys.stderr, os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    sys.stderr = os.fdopen(kept, "w", buffering=1)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        sys.stderr.close()
        os.close(nowhere)
        sys.stderr = before
