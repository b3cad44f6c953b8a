"""Progress bars."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pdfgc.avatar import Progress


@contextmanager
def bars() -> Iterator[Progress | None]:
    """Progress bars on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr)) as shown:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int | None) -> None:
            name = what.partition(":")[0]
            if name not in tasks:
                tasks[name] = shown.add_task(what, total=total)
            shown.update(tasks[name], description=what, completed=done, total=total)

        yield report


def counted(frames: Iterator[Any], progress: Progress | None, what: str) -> Iterator[Any]:
    """The same frames; each is reported when it has been used."""
    for done, frame in enumerate(frames, 1):
        yield frame
        if progress:
            progress(what, done, None)
