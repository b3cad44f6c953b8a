"""The second protocol: each factor is moved alone, and everything is measured on the frames.

A source keeps its own codes but for one factor. Angles and openness follow a sine of known size;
lip and expression, which have no unit, follow the codes of another person's clip. The tracker then
says how far the factor went where it was sent, and how far all others went with it. Each channel's
movement is divided by its standard deviation on real clips.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.evaluation.channels import channels, nature
from pdfgc.evaluation.clips import TestClip, read_clips
from pdfgc.evaluation.moving import NOTHING, Moved, scored
from pdfgc.evaluation.rendering import CropRenderer
from pdfgc.motion import Motion
from pdfgc.tracking import FaceBackend

Progress = Callable[[str], None]

PERIOD = 24
"""Frames of one sine; its crests lie on frames."""
_LATENT_FRAMES = 50


@dataclass(frozen=True)
class Sweep:
    """One factor that is a number, moved alone.

    Attributes:
        factor: its name, also that of the channel that must follow.
        middle: value about which it moves, in the channel's unit.
        reach: how far it moves to both sides.
    """

    factor: str
    middle: float
    reach: float

    def asked(self, period: int = PERIOD) -> NDArray[np.float64]:
        """(period + 1,) asked values, a sine that ends where it begins.

        Args:
            period: frames, a multiple of 4: the highest value stands at a quarter of them, the
                lowest at three quarters.
        """
        time = np.arange(period + 1) / period
        return self.middle + self.reach * np.sin(2 * np.pi * time)


SWEEPS = (
    Sweep("yaw", 0, 20),
    Sweep("pitch", 0, 12),
    Sweep("roll", 0, 12),
    Sweep("gaze yaw", 0, 20),
    Sweep("gaze pitch", 0, 12),
    Sweep("openness", 0.5, 0.5),
)
LATENT = ("lip", "expression")
FOLLOWS = {"lip": ("mouth",), "expression": ("brow", "corners")}


@dataclass(frozen=True, eq=False)
class ControlResult:
    """What the protocol gives.

    Attributes:
        moved: one entry per person and factor.
        spread: standard deviation of each channel within real clips, root mean square over clips.
        coupling: correlations of channels within real clips, median over clips: what moves
            together by nature.
        sources: source pictures by person.
    """

    moved: list[Moved]
    spread: dict[str, float]
    coupling: dict[str, dict[str, float]]
    sources: dict[str, NDArray[np.uint8]]

    def of(self, factor: str) -> list[Moved]:
        """The entries of one factor."""
        return [each for each in self.moved if each.factor == factor]


def control(
    packed: str | os.PathLike[str],
    render: CropRenderer,
    *,
    backend: FaceBackend,
    persons: int = 6,
    progress: Progress | None = None,
) -> ControlResult:
    """Run the protocol.

    Args:
        packed: folder that `pdfgc pack` made, of persons that training has not seen.
        render: the model.
        backend: landmark model of the tracker.
        persons: how many sources, evenly spaced over the pack's persons.
        progress: called with a sentence after each person.

    Raises:
        InputError: the pack cannot be read, or holds a single person.
    """
    clips = list(read_clips(packed, _LATENT_FRAMES + 1))
    spread, coupling = nature(clips)
    moved, sources = [], {}
    for own, others in sources_of(packed, clips, persons):
        sources[own.person] = own.frames[0]
        moved += _person(own, others, render, backend, spread)
        if progress:
            progress(f"{own.person} done")
    return ControlResult(moved, spread, coupling, sources)


def sources_of(
    packed: str | os.PathLike[str], clips: Sequence[TestClip], persons: int
) -> Iterator[tuple[TestClip, list[TestClip]]]:
    """Persons evenly spaced over a pack: a clip of each, and the clips of all others.

    Args:
        packed: where they come from, for messages.
        clips: all of the pack.
        persons: how many, at most.

    Raises:
        InputError: there is a single person.
    """
    first: dict[str, TestClip] = {}
    for clip in clips:
        first.setdefault(clip.person, clip)
    if len(first) < 2:
        raise InputError(f"{packed}: holds one person; lips and expression need another's clip.")
    names = sorted(first)
    at = np.linspace(0, len(names) - 1, min(persons, len(names))).round().astype(int)
    for person in (names[i] for i in at):
        yield first[person], [clip for clip in clips if clip.person != person]


def set_value(motion: Motion, factor: str, values: NDArray[np.floating]) -> Motion:
    """Put numbers into one channel of a motion.

    Args:
        motion: T frames.
        factor: yaw, pitch, roll, gaze yaw, gaze pitch or openness.
        values: (T,) degrees, or openness of both eyes.

    Raises:
        InputError: the model's pose and eye codes are in units of its own.
    """
    if motion.own_units:
        raise InputError(
            f"The {factor} of model {motion.model_id} cannot be set, since the units of its codes "
            "are not known; measure its control by reenactment."
        )
    if factor == "openness":
        return motion.replace(openness=np.stack([values, values], axis=1))
    angle = np.deg2rad(values)
    if factor.startswith("gaze"):
        gaze = motion.gaze.copy()
        gaze[:, 0 if factor == "gaze yaw" else 1] = angle
        return motion.replace(gaze=gaze)
    pose = motion.pose.copy()
    pose[:, ("yaw", "pitch", "roll").index(factor)] = angle
    return motion.replace(pose=pose)


def _person(
    own: TestClip,
    others: Sequence[TestClip],
    render: CropRenderer,
    backend: FaceBackend,
    spread: dict[str, float],
) -> list[Moved]:
    source, open_eye = own.frames[0], own.real.open_eye()
    codes = render.codes(source[None])

    def entry(factor: str, asked: dict[str, NDArray[np.float64]], motion: Motion) -> Moved:
        frames = render.draw(source, motion)
        return scored(
            own.person, factor, asked, frames,
            still=own.real.part(0, 1), open_eye=open_eye, spread=spread, fps=own.fps,
            backend=backend, has_unit=factor not in (*LATENT, NOTHING),
        )  # fmt: skip

    held = codes.take(np.zeros(PERIOD + 1, np.int64))
    out = [entry(NOTHING, {"yaw": np.zeros(len(held))}, held)]
    for sweep in SWEEPS:
        values = sweep.asked()
        out.append(
            entry(sweep.factor, {sweep.factor: values}, set_value(held, sweep.factor, values))
        )
    for factor in LATENT:
        driver = liveliest(others, FOLLOWS[factor], spread)
        played = render.codes(driver.frames)
        rest = codes.take(np.zeros(len(played), np.int64))
        real = channels(driver.real, driver.real.open_eye())
        asked = {name: real[name] for name in FOLLOWS[factor]}
        out.append(entry(factor, asked, rest.replace(**{factor: getattr(played, factor)})))
    return out


def liveliest(
    clips: Sequence[TestClip], names: Sequence[str], spread: Mapping[str, float]
) -> TestClip:
    """The clip on which these channels move most.

    Args:
        clips: real ones.
        names: of `CHANNELS`.
        spread: natural standard deviation of each channel.
    """

    def life(clip: TestClip) -> float:
        signals = channels(clip.real, clip.real.open_eye())
        return max(float(np.std(signals[name])) / spread[name] for name in names)

    return max(clips, key=life)
