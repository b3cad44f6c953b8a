"""Freed memory is kept, unless the user has settings of their own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

GLIBC = platform.libc_ver()[0] == "glibc"
# Eight times 200 MB asked for, touched and freed: how many pages were faulted in?
PROGRAM = """
import resource
import numpy as np
from pdfgc.allocator import keep_freed_memory
kept = keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
blocks = [np.ones(2 << 20) for _ in range(12)]
del blocks
before = faults()
for _ in range(8):
    blocks = [np.ones(2 << 20) for _ in range(12)]
    del blocks
print(int(kept), faults() - before)
"""


def _run(**settings: str) -> tuple[bool, int]:
    own = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**own, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = done.stdout.split()
    return kept == "1", int(faults)


@pytest.mark.skipif(not GLIBC, reason="only glibc gives memory back at once")
def test_what_was_freed_is_not_faulted_in_again() -> None:
    kept, faults = _run()
    assert kept
    assert faults < 2_000
    left, as_ever = _run(MALLOC_ARENA_MAX="4")
    assert not left
    assert as_ever > 10 * faults
