"""Batches come in order, faults come through, and waiting is measured."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from pdfgc.training.batches import Batch
from pdfgc.training.drawing import Drawing


@dataclass(frozen=True)
class Numbered(Batch):
    number: Tensor


def test_batches_come_in_order() -> None:
    drawing = Drawing(lambda step: Numbered(torch.tensor([step])), range(3, 9))
    numbers = [int(batch.number) for batch in drawing if isinstance(batch, Numbered)]
    assert numbers == list(range(3, 9))


def test_slow_drawing_is_waited_for_and_quick_drawing_is_not() -> None:
    def slowly(step: int) -> Numbered:
        time.sleep(0.05)
        return Numbered(torch.tensor([step]))

    slow = Drawing(slowly, range(4))
    for _ in slow:
        pass
    assert slow.waited_s > 0.15
    quick = Drawing(lambda step: Numbered(torch.tensor([step])), range(8))
    for _ in quick:
        time.sleep(0.02)
    assert quick.waited_s < 0.1


def test_a_fault_of_the_thread_is_raised_in_the_loop() -> None:
    def fail(step: int) -> Numbered:
        raise ValueError("nothing to draw")

    with pytest.raises(ValueError, match="nothing to draw"):
        list(Drawing(fail, range(3)))
