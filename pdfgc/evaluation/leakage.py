"""The leakage matrix: five factors driven one at a time by real clips, and what moves with them.

Any system that can drive a factor from a clip can be scored, ours or a video of another one. A
source keeps everything but one factor, which a fixed set of clips of other persons drives: those
on which that factor moves most. On the made frames all factors are measured. A change is how far
a channel gets from where it is when nothing is driven (root mean square over time), divided by the
channel's standard deviation within real clips; a factor's is the root mean square over its
channels. The diagonal says how much the driven factor moves, the rest how much leaks. Beside it
stands what the driving clips themselves do: that is what a system that separates nothing gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.evaluation.case import MODEL, REAL, STILL, Case, Protocol, Values
from pdfgc.evaluation.channels import Signals, channels, nature
from pdfgc.evaluation.clips import ClipSet, TestClip, resized
from pdfgc.evaluation.judges import Judges
from pdfgc.evaluation.moving import NOTHING, Moved, scored
from pdfgc.evaluation.reenactment import Progress
from pdfgc.evaluation.rendering import Drive, Render
from pdfgc.evaluation.scoring import sample

CHANNELS_OF: dict[str, tuple[str, ...]] = {
    "lip": ("mouth",),
    "gaze": ("gaze yaw", "gaze pitch"),
    "blink": ("openness",),
    "pose": ("yaw", "pitch", "roll"),
    "expression": ("brow", "corners"),
}
"""What each factor is measured on."""

FRAMES = 50
"""Of each driving clip, 2 s."""

_SHOWN = ("yaw", "pitch", "gaze yaw", "gaze pitch", "openness", "mouth")


@dataclass(frozen=True, eq=False)
class Leakage:
    """What the protocol gives.

    Attributes:
        cases: one per source, factor and driving clip; rows hold the change of every factor, and
            `gain`, `r` and `lost` of the driven one.
        spread: standard deviation of each channel within real clips.
        coupling: how much factors go together by nature: for each pair the largest absolute
            correlation of their channels, median over real clips.
    """

    cases: list[Case]
    spread: dict[str, float]
    coupling: dict[str, dict[str, float]]


def leakage(
    clips: ClipSet,
    render: Render,
    judges: Judges,
    *,
    persons: int = 3,
    motions: int = 2,
    progress: Progress | None = None,
) -> Leakage:
    """Run the protocol.

    Args:
        clips: of persons that training has not seen.
        render: the system under test.
        judges: who measures.
        persons: how many sources, evenly spaced over the persons.
        motions: driving clips for each factor.
        progress: called with a sentence after each source.
    """
    everything = [_cut(clip) for clip in clips]
    spread, natural = nature(everything)
    cases: list[Case] = []
    first: dict[str, TestClip] = {}
    for clip in everything:
        first.setdefault(clip.person, clip)
    names = sorted(first)
    at = np.linspace(0, len(names) - 1, min(persons, len(names))).round().astype(int)
    for person in (names[n] for n in at):
        source = first[person]
        found = _source(source, everything, render, judges, spread, motions)
        cases += found
        if progress:
            progress(f"factors of {person} driven one by one: {len(found)} videos")
    return Leakage(cases, spread, _between_factors(natural))


def liveliest(
    clips: Sequence[TestClip], names: Sequence[str], spread: Mapping[str, float], count: int
) -> list[TestClip]:
    """The clips of different persons on which channels move most, the liveliest first.

    Args:
        clips: to choose from.
        names: channels.
        spread: natural standard deviation of each channel.
        count: how many.
    """

    def life(clip: TestClip) -> float:
        signals = channels(clip.real, clip.real.open_eye())
        return float(np.mean([np.var(signals[name]) / spread[name] ** 2 for name in names]))

    chosen: dict[str, TestClip] = {}
    for clip in sorted(clips, key=lambda each: (-life(each), each.key)):
        chosen.setdefault(clip.person, clip)
    return list(chosen.values())[:count]


def _cut(clip: TestClip) -> TestClip:
    count = min(FRAMES, len(clip.frames))
    return TestClip(clip.key, clip.person, clip.frames[:count], clip.real.part(0, count), clip.fps)


def _source(
    source: TestClip,
    clips: Sequence[TestClip],
    render: Render,
    judges: Judges,
    spread: dict[str, float],
    motions: int,
) -> list[Case]:
    others = [clip for clip in clips if clip.person != source.person]
    nothing = _nothing(source, render, judges, spread)
    cases = []
    for factor, names in CHANNELS_OF.items():
        for driver in liveliest(others, names, spread, motions):
            name = f"{source.key}+{factor}+{driver.key}"
            drive = Drive(source.frames[0], driver.frames, alone=factor, name=f"factors/{name}")
            made = render(drive)
            if made is not None:
                case = _one(source, driver, factor, name, made, nothing, judges, spread)
                cases.append(case)
    return cases


def _nothing(source: TestClip, render: Render, judges: Judges, spread: dict[str, float]) -> Signals:
    """Where each channel is when nothing is driven: drawn by the system, or else the source."""
    held = np.repeat(source.frames[:1], FRAMES, axis=0)
    made = render(Drive(source.frames[0], held, name=f"factors/{source.key}+{NOTHING}"))
    shown = held[:8] if made is None else made
    return _score(source, NOTHING, source, shown, judges, spread).measured


def _score(
    source: TestClip,
    factor: str,
    driver: TestClip,
    frames: NDArray[np.uint8],
    judges: Judges,
    spread: dict[str, float],
) -> Moved:
    real = channels(driver.real, driver.real.open_eye())
    asked = {name: real[name] for name in CHANNELS_OF.get(factor, ())}
    return scored(
        source.person,
        factor,
        asked or {"yaw": np.zeros(len(frames))},
        frames,
        still=source.real.part(0, 1),
        open_eye=source.real.open_eye(),
        spread=spread,
        fps=driver.fps,
        backend=judges.tracker,
        has_unit=bool(asked),
    )


def _one(
    source: TestClip,
    driver: TestClip,
    factor: str,
    name: str,
    made: NDArray[np.uint8],
    nothing: Signals,
    judges: Judges,
    spread: dict[str, float],
) -> Case:
    side = made.shape[1]
    still = np.repeat(resized(source.frames[:1], side), len(driver.frames), axis=0)
    moved = {
        MODEL: _score(source, factor, driver, made, judges, spread),
        STILL: _score(source, factor, driver, still, judges, spread),
        REAL: _score(driver, factor, driver, resized(driver.frames, side), judges, spread),
    }
    rest = {MODEL: nothing, STILL: moved[STILL].measured, REAL: moved[REAL].measured}
    rows: dict[str, Values] = {
        row: changes(each.measured, rest[row], spread)
        | {"gain": each.gain, "r": each.r, "lost": each.lost}
        for row, each in moved.items()
    }
    shown = {name: moved[MODEL].measured[name] for name in _SHOWN}
    real = {name: moved[REAL].measured[name] for name in _SHOWN}
    return Case(
        protocol=Protocol.FACTORS,
        name=name,
        person=source.person,
        frames=len(made),
        rows=rows,
        series={REAL: real, MODEL: shown},
        sample=sample(
            resized(source.frames[:1], side)[0], resized(driver.frames, side), made, driver.fps
        ),
    )


def changes(measured: Signals, rest: Signals, spread: Mapping[str, float]) -> Values:
    """How far each factor gets from its rest, in standard deviations on real clips.

    Args:
        measured: every channel, (T,).
        rest: every channel while nothing is driven; its mean counts.
        spread: natural standard deviation of each channel.
    """
    return {
        factor: float(
            np.sqrt(
                np.mean(
                    [
                        np.mean((measured[name] - rest[name].mean()) ** 2) / spread[name] ** 2
                        for name in names
                    ]
                )
            )
        )
        for factor, names in CHANNELS_OF.items()
    }


def _between_factors(natural: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        one: {
            two: max(abs(natural[a][b]) for a in CHANNELS_OF[one] for b in CHANNELS_OF[two])
            if one != two
            else 1.0
            for two in CHANNELS_OF
        }
        for one in CHANNELS_OF
    }
