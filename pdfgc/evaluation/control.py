"""The second protocol: each factor is moved alone, and everything is measured on the frames.

A source keeps its own codes but for one factor. Angles and openness follow a sine of known size;
lip and expression, which have no unit, follow the codes of another person's clip. The tracker then
says how far the factor went where it was sent, and how far all others went with it. Each channel's
movement is divided by its standard deviation on real clips.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdfgc.errors import InputError
from pdfgc.evaluation.clips import TestClip, read_clips
from pdfgc.evaluation.measuring import Measured, measure
from pdfgc.evaluation.rendering import CropRenderer
from pdfgc.metrics import correlation
from pdfgc.motion import Motion
from pdfgc.tracking import FaceBackend, fit_head, topology_of

CHANNELS = (
    *("yaw", "pitch", "roll", "gaze yaw", "gaze pitch", "openness"),
    *("mouth", "brow", "corners"),
)
"""What is measured: angles in degrees, openness, gap of the lips over the interocular distance,
height of the brows over the eyes and width of the mouth in head axes (interocular distances)."""

Signals = dict[str, NDArray[np.float64]]
Progress = Callable[[str], None]

# One period of a sine; its crests lie on frames.
_PERIOD = 24
_LATENT_FRAMES = 50
# Copies of the first frame, shown to the tracker beforehand: it takes a moment to settle.
_SETTLING = 8


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

    def asked(self) -> NDArray[np.float64]:
        """(25,) asked values; frame 0 is the middle, frame 6 the highest, frame 18 the lowest."""
        time = np.arange(_PERIOD + 1) / _PERIOD
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
NOTHING = "nothing"
"""The row in which no factor moves: what the tracker adds by itself."""
_FOLLOWS = {"lip": ("mouth",), "expression": ("brow", "corners")}


@dataclass(frozen=True, eq=False)
class Moved:
    """One factor moved alone on one person.

    Attributes:
        person: whose source it was.
        factor: which factor moved.
        asked: (T,) for numbers; for lip and expression the channel of the driving clip.
        measured: every channel on the made frames, (T,) each.
        gain: slope of measured over asked; NaN for lip, expression and nothing.
        r: correlation of asked and measured; NaN for nothing.
        movement: standard deviation of each channel over that on real clips.
        lost: share of frames without a face.
        frames: (T, S, S, 3) uint8 RGB.
    """

    person: str
    factor: str
    asked: NDArray[np.float64]
    measured: Signals
    gain: float
    r: float
    movement: dict[str, float]
    lost: float
    frames: NDArray[np.uint8]


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


def channels(seen: Measured, open_eye: NDArray[np.floating]) -> Signals:
    """Everything that control is measured on.

    Args:
        seen: measured frames.
        open_eye: (2,) apertures of the person's open eyes.

    Returns:
        (T,) float64 for each of `CHANNELS`.
    """
    topology = topology_of(seen.landmarks.shape[1])
    head = fit_head(seen.landmarks).head
    corners = np.concatenate([topology.left_eye.corners, topology.right_eye.corners])
    lips = topology.outer_lips
    wide = head[:, lips[0]] - head[:, lips[len(lips) // 2]]
    angles = np.rad2deg(np.asarray(seen.pose[:, :3], np.float64))
    gaze = np.rad2deg(np.asarray(seen.gaze, np.float64))
    return {
        "yaw": angles[:, 0],
        "pitch": angles[:, 1],
        "roll": angles[:, 2],
        "gaze yaw": gaze[:, 0],
        "gaze pitch": gaze[:, 1],
        "openness": seen.openness(open_eye).astype(np.float64),
        "mouth": seen.mouth.astype(np.float64),
        # y points down.
        "brow": head[:, corners, 1].mean(1) - head[:, topology.brows, 1].mean(1),
        "corners": np.linalg.norm(wide, axis=-1),
    }


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
    spread, coupling = _nature(clips)
    first: dict[str, TestClip] = {}
    for clip in clips:
        first.setdefault(clip.person, clip)
    if len(first) < 2:
        raise InputError(f"{packed}: holds one person; lips and expression need another's clip.")
    names = sorted(first)
    at = np.linspace(0, len(names) - 1, min(persons, len(names))).round().astype(int)
    moved, sources = [], {}
    for person in (names[i] for i in at):
        own = first[person]
        sources[person] = own.frames[0]
        others = [clip for clip in clips if clip.person != person]
        moved += _person(own, others, render, backend, spread)
        if progress:
            progress(f"{person} done")
    return ControlResult(moved, spread, coupling, sources)


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
        settling = np.repeat(frames[:1], _SETTLING, axis=0)
        found = measure(np.concatenate([settling, frames]), own.fps, backend)
        found = found and found.part(_SETTLING, len(found))
        still = own.real.part(0, 1).held(len(frames))
        seen = still if found is None else found.filled(still)
        signals = channels(seen, open_eye)
        fits = {name: correlation(signals[name], wanted) for name, wanted in asked.items()}
        # Of several channels that may follow, the one that the driver moved most in its spread.
        name = max(asked, key=lambda each: float(np.std(asked[each])) / spread[each])
        wanted = asked[name]
        numeric = factor not in (*LATENT, NOTHING)
        slope = np.polyfit(wanted, signals[name], 1)[0] if numeric else np.nan
        return Moved(
            person=own.person,
            factor=factor,
            asked=wanted,
            measured=signals,
            gain=float(slope),
            r=fits[name],
            movement={each: float(np.std(signals[each])) / spread[each] for each in CHANNELS},
            lost=1.0 if found is None else float(1 - found.found.mean()),
            frames=frames,
        )

    held = codes.take(np.zeros(_PERIOD + 1, np.int64))
    out = [entry(NOTHING, {"yaw": np.zeros(len(held))}, held)]
    for sweep in SWEEPS:
        values = sweep.asked()
        out.append(
            entry(sweep.factor, {sweep.factor: values}, set_value(held, sweep.factor, values))
        )
    for factor in LATENT:
        driver = _liveliest(others, _FOLLOWS[factor], spread)
        played = render.codes(driver.frames)
        rest = codes.take(np.zeros(len(played), np.int64))
        real = channels(driver.real, driver.real.open_eye())
        asked = {name: real[name] for name in _FOLLOWS[factor]}
        out.append(entry(factor, asked, rest.replace(**{factor: getattr(played, factor)})))
    return out


def _liveliest(
    clips: Sequence[TestClip], names: Sequence[str], spread: dict[str, float]
) -> TestClip:
    """The clip on which these channels move most."""

    def life(clip: TestClip) -> float:
        signals = channels(clip.real, clip.real.open_eye())
        return max(float(np.std(signals[name])) / spread[name] for name in names)

    return max(clips, key=life)


def _nature(clips: Sequence[TestClip]) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Spread of the channels on real clips, and how they go together."""
    signals = [channels(clip.real, clip.real.open_eye()) for clip in clips]
    spread = {
        name: max(float(np.sqrt(np.mean([np.var(each[name]) for each in signals]))), 1e-6)
        for name in CHANNELS
    }
    coupling = {
        name: {
            other: float(np.nanmedian([correlation(each[other], each[name]) for each in signals]))
            for other in CHANNELS
        }
        for name in CHANNELS
    }
    return spread, coupling
