"""Numbers over time: one value for the whole clip, or keyframes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from pdfgc.errors import InputError

Value = float | Sequence[float]
Keyframes = Sequence[tuple[float, Value]]


@dataclass(frozen=True)
class Curve:
    """Values at some moments, and what lies between.

    Before the first moment and after the last one the value there is held.

    Attributes:
        times_s: growing moments in seconds.
        values: one row of equal width for each.
        eased: start and stop softly at every keyframe; else in a straight line.

    Raises:
        InputError: times do not grow, or values differ in width or are no numbers.

    >>> Curve.of([(0, 1), (2, 0)]).at(np.array([0.0, 1.0, 5.0]))[:, 0].tolist()
    [1.0, 0.5, 0.0]
    """

    times_s: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    eased: bool = False

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

    @classmethod
    def of(cls, numbers: Value | Keyframes, *, eased: bool = False) -> Curve:
        """A curve from a number, a tuple of numbers, or a list of (seconds, value).

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
                return cls(times, tuple(_row(each[1]) for each in numbers), eased)  # type: ignore[index]
        raise InputError(
            f"{numbers!r} is no driver: give a file, an array, a Motion, numbers, or a list of "
            f"(seconds, value)."
        )

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
        if self.eased:
            share = share * share * (3 - 2 * share)
        mixed = values[after - 1] + (values[after] - values[after - 1]) * share[:, None]
        return np.asarray(mixed, np.float32)


def _row(value: object) -> tuple[float, ...]:
    if isinstance(value, Real):
        return (float(value),)
    if isinstance(value, Sequence) and value and all(isinstance(v, Real) for v in value):
        return tuple(float(v) for v in value)
    raise InputError(f"{value!r} is no value of a keyframe; give a number or a tuple of numbers.")
