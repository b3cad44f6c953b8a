"""The alarm of contrastive stages: a retrieval that stays at chance has learned nothing."""

from __future__ import annotations

import logging
from collections import deque

log = logging.getLogger(__name__)


class ChanceAlarm:
    """Says once that retrieval sits at chance.

    The rule: over the last `window` logged lines, from step `after` on, the mean of
    (retrieval - chance) / (1 - chance) is below `gain`. Stages without these two scalars never
    ring. The scalar `at_chance` is 1 from then on while the rule holds, else 0.

    Args:
        after: first step at which the rule is asked.
        gain: the least that counts as learned, 0 = chance and 1 = always right.
        window: logged lines that are averaged.
    """

    def __init__(self, *, after: int, gain: float, window: int = 10) -> None:
        self.after, self.gain = after, gain
        self.said = False
        self._recent: deque[float] = deque(maxlen=window)

    def check(self, step: int, scalars: dict[str, float]) -> dict[str, float]:
        """Look at a line of scalars; gives what is to be logged beside it."""
        if "retrieval" not in scalars or "chance" not in scalars:
            return {}
        chance = scalars["chance"]
        if chance >= 1:
            return {}
        self._recent.append((scalars["retrieval"] - chance) / (1 - chance))
        mean = sum(self._recent) / len(self._recent)
        rings = step >= self.after and mean < self.gain
        if rings and not self.said:
            self.said = True
            log.warning(
                "step %d: retrieval %.3f sits at chance (%.3f): the contrastive loss has learned "
                "nothing; check that sound and lips are in step and that there is speech.",
                step,
                scalars["retrieval"],
                chance,
            )
        return {"at_chance": float(rings)}
