"""How this process holds memory."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt's parameters
_KEPT_BYTES = 512 << 20
# The largest that glibc takes.
_LARGEST_BLOCK = 32 << 20


@cache
def keep_freed_memory() -> bool:
    """Let the process keep up to 512 MiB that it freed, instead of giving them back at once.

    A network on a CPU frees and asks for the same blocks in every frame; where glibc gives them
    back in between, every page is faulted in and cleared anew, which is a fifth of the time of
    eight frames. It is so for the whole process, whose peak stays as it is. Nothing is done on
    other systems, nor where the environment has settings of its own (`MALLOC_…`,
    `GLIBC_TUNABLES`).

    Returns:
        Whether it does.
    """
    own = "GLIBC_TUNABLES" in os.environ or any(name.startswith("MALLOC_") for name in os.environ)
    if own or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK) and mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))
