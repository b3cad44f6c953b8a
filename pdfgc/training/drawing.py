"""Batches drawn in the background, each process its own parts, with the time waited for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from queue import Full, Queue
from typing import TypeVar

import torch
from torch import Tensor

from pdfgc.training.batches import Batch

AnyBatch = TypeVar("AnyBatch", bound=Batch)


def joined(parts: Sequence[AnyBatch]) -> AnyBatch:
    """Batches of one kind as one, in their order; what is no tensor is the first one's."""
    if len(parts) == 1:
        return parts[0]
    values: dict[str, object] = {}
    for field in fields(parts[0]):
        of_parts = [getattr(part, field.name) for part in parts]
        if isinstance(of_parts[0], Tensor):
            values[field.name] = torch.cat(of_parts)
        elif isinstance(of_parts[0], Batch):
            values[field.name] = joined(of_parts)
        else:
            values[field.name] = of_parts[0]
    # A dataclass's constructor takes what its fields are.
    return type(parts[0])(**values)


class Drawing:
    """Batches of the steps that are left, drawn by a thread while the model works.

    Args:
        draw: gives the batch of a step.
        steps: the steps, in order.
        ahead: batches that may lie ready.

    Attributes:
        waited_s: seconds that the loop has waited for a batch since it was last set to 0.
    """

    def __init__(
        self, draw: Callable[[int], Batch], steps: Sequence[int], *, ahead: int = 3
    ) -> None:
        self.waited_s = 0.0
        self._steps, self._draw = steps, draw
        self._queue: Queue[Batch | BaseException] = Queue(maxsize=ahead)
        self._stop = threading.Event()

    def __iter__(self) -> Iterator[Batch]:
        """The batches; an error of the thread is raised here."""
        thread = threading.Thread(target=self._work, daemon=True)
        thread.start()
        try:
            for _ in self._steps:
                began = time.perf_counter()
                drawn = self._queue.get()
                self.waited_s += time.perf_counter() - began
                if isinstance(drawn, BaseException):
                    raise drawn
                yield drawn
        finally:
            self._stop.set()
            thread.join(timeout=10)

    def _work(self) -> None:
        try:
            for step in self._steps:
                if self._stop.is_set():
                    return
                self._put(self._draw(step))
        except BaseException as error:  # noqa: BLE001 - handed to the loop, raised there
            self._put(error)

    def _put(self, drawn: Batch | BaseException) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(drawn, timeout=0.5)
            except Full:
                continue
            return


def parts_of(parts: int, size: int, rank: int, world: int) -> tuple[range, int]:
    """Which parts of a batch a process draws, and how many samples are in each.

    Raises:
        ValueError: the parts do not divide the batch, or the processes the parts.
    """
    if size % parts or parts % world:
        raise ValueError(f"{size} samples in {parts} parts on {world} processes do not divide")
    each = parts // world
    return range(rank * each, (rank + 1) * each), size // parts
