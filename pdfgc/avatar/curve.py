"""Numbers over time: one value for the whole clip, or keyframes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar.easing import Easing
from pdfgc.avatar.prior import CLOSED_S, DOWN_S, UP_S
from pdfgc.errors import InputError

Value = float | Sequence[float]
Keyframes = Sequence[tuple[float, Value]]


class Eye(Enum):
    """One of a person's own eyes, by its place in a value of blink."""

    LEFT = 0
    RIGHT = 1


@dataclass(frozen=True)
class Curve:
    """Values at some moments, and what lies between.

    Before the first moment and after the last one the value there is held.

    Attributes:
        times_s: growing moments in seconds.
        values: one row of equal width for each.
        easings: the way to each keyframe from the one before, one for each (that of the first
            means nothing), or none: straight lines.

    Raises:
        InputError: times do not grow, values differ in width or are no numbers, or easings do not
            fit.

    >>> Curve.of([(0, 1), (2, 0)]).at(np.array([0.0, 1.0, 5.0]))[:, 0].tolist()
    [1.0, 0.5, 0.0]
    """

    times_s: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    easings: tuple[Easing, ...] = ()

    def __post_init__(self) -> None:
        """Check times and values."""
        if not self.times_s or len(self.times_s) != len(self.values):
            raise InputError("A curve needs at least one keyframe, each a time and a value.")
        if any(late <= early for early, late in zip(self.times_s, self.times_s[1:], strict=False)):
            raise InputError(f"The keyframes' times {self.times_s} do not grow; sort them.")
        if len({len(row) for row in self.values}) != 1:
            raise InputError("The keyframes' values differ in width; give each as many numbers.")
        if not np.isfinite([*self.times_s, *(v for row in self.values for v in row)]).all():
            raise InputError("A keyframe holds a value that is not finite; mend it.")
        if self.easings and len(self.easings) != len(self.times_s):
            raise InputError(
                f"{len(self.times_s)} keyframes have {len(self.easings)} easings; give each one."
            )

    @classmethod
    def of(cls, numbers: Value | Keyframes, *, easing: Easing = Easing.LINEAR) -> Curve:
        """A curve from a number, a tuple of numbers, or a list of (seconds, value).

        Args:
            numbers: what is given.
            easing: the way to every keyframe.

        Raises:
            InputError: it is none of these.
        """
        if isinstance(numbers, Real):
            return cls((0.0,), ((float(numbers),),))
        if isinstance(numbers, Sequence) and not isinstance(numbers, str) and numbers:
            if all(isinstance(each, Real) for each in numbers):
                return cls((0.0,), (_row(numbers),))
            if all(isinstance(each, Sequence) and len(each) == 2 for each in numbers):
                times = tuple(float(each[0]) for each in numbers)  # type: ignore[index]
                values = tuple(_row(each[1]) for each in numbers)  # type: ignore[index]
                return cls(times, values, (easing,) * len(times))
        raise InputError(
            f"{numbers!r} is no driver: give a file, an array, a Motion, numbers, or a list of "
            f"(seconds, value)."
        )

    @classmethod
    def wink(cls, eye: Eye, at_s: float, *, closed_s: float = CLOSED_S) -> Curve:
        """Blink of one eye, the other one open.

        Args:
            eye: which of the person's own eyes.
            at_s: when the lid is down (seconds).
            closed_s: how long it stays down (seconds).

        Raises:
            InputError: the lid would have to begin before the clip does.
        """
        if at_s < DOWN_S or closed_s <= 0:
            raise InputError(
                f"A wink at {at_s} s for {closed_s} s cannot be; give at least {DOWN_S} s and a "
                f"time above 0."
            )
        down = (0.0, 1.0) if eye is Eye.LEFT else (1.0, 0.0)
        times = (at_s - DOWN_S, at_s, at_s + closed_s, at_s + closed_s + UP_S)
        return cls(times, ((1.0, 1.0), down, down, (1.0, 1.0)), (Easing.SMOOTH,) * 4)

    @property
    def width(self) -> int:
        """Numbers per value."""
        return len(self.values[0])

    @property
    def duration_s(self) -> float:
        """The last keyframe's time; 0 for a single value."""
        return self.times_s[-1] if len(self.times_s) > 1 else 0.0

    def at(self, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
        """(T,) seconds to (T, width) values."""
        keys, values = np.array(self.times_s), np.array(self.values)
        if len(keys) == 1:
            return np.repeat(values, len(times_s), axis=0).astype(np.float32)
        after = np.clip(np.searchsorted(keys, times_s, side="right"), 1, len(keys) - 1)
        start, end = keys[after - 1], keys[after]
        share = np.clip((times_s - start) / (end - start), 0, 1)
        for key, easing in enumerate(self.easings):
            here = after == key
            share[here] = easing.shares(share[here])
        mixed = values[after - 1] + (values[after] - values[after - 1]) * share[:, None]
        return np.asarray(mixed, np.float32)


def _row(value: object) -> tuple[float, ...]:
    if isinstance(value, Real):
        return (float(value),)
    if isinstance(value, Sequence) and value and all(isinstance(v, Real) for v in value):
        return tuple(float(v) for v in value)
    raise InputError(f"{value!r} is no value of a keyframe; give a number or a tuple of numbers.")
