"""The third protocol: every knob that a user has is turned alone, through the public face.

Unlike in the second protocol nothing is written into codes: numbers, controls and strengths go the
way of `Avatar.motion`, frame by frame, and the tracker says what came of them on the frames.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar import Avatar
from pdfgc.avatar.drivers import KEEP, Drivers
from pdfgc.evaluation.channels import channels, nature
from pdfgc.evaluation.clips import TestClip, read_clips
from pdfgc.evaluation.control import FOLLOWS, LATENT, PERIOD, Progress, liveliest, sources_of
from pdfgc.evaluation.knobs import KNOBS, Knob, Turn, strength_knob
from pdfgc.evaluation.measuring import Measured
from pdfgc.evaluation.moving import NOTHING, Moved, scored
from pdfgc.evaluation.rendering import CropRenderer
from pdfgc.motion import Motion
from pdfgc.tracking import FaceBackend, FaceChoice
from pdfgc.weights import LoadedModel

_FRAMES, _FPS = 51, 25
# A mouth that is closed, as a percentile of its gap over a clip.
_CLOSED_PERCENTILE = 5


@dataclass(frozen=True, eq=False)
class Turned:
    """One knob turned on one person.

    Attributes:
        knob: which; None where nothing was asked.
        moved: what came of it. Its `asked` and, for a relative knob, its own channel are against
            the frame on which nothing is asked.
    """

    knob: Knob | None
    moved: Moved

    @property
    def leak(self) -> tuple[str, float]:
        """The channel that moved most without being asked, in natural standard deviations."""
        named = {self.knob.channel, *self.knob.own} if self.knob else set()
        others = {n: each for n, each in self.moved.movement.items() if n not in named}
        name = max(others, key=lambda each: others[each])
        return name, others[name]

    def ends(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Asked and measured of the knob's channel, each at the lowest and the highest asked."""
        assert self.knob is not None
        asked = self.moved.asked
        measured = self.moved.measured[self.knob.channel]
        if self.knob.relative:
            measured = measured - measured[np.argmin(np.abs(asked))]
        at = (int(np.argmin(asked)), int(np.argmax(asked)))
        low, high = ((float(asked[n]), float(measured[n])) for n in at)
        return (low[0], high[0]), (low[1], high[1])


def codes_of(avatar: Avatar, turns: Sequence[Turn]) -> Motion:
    """One frame for each turn, whatever is not named kept as in the source."""
    held = Drivers(KEEP, KEEP, KEEP, KEEP, KEEP)
    frames = []
    for turn in turns:
        given = replace(held, **turn.drivers.given())
        frames.append(
            avatar.motion(
                pose=given.pose,
                gaze=given.gaze,
                blink=given.blink,
                expression=given.expression,
                lip=given.lip,
                controls=turn.controls,
                duration_s=1 / _FPS,
            )
        )
    return frames[0].join(*frames[1:])


def turn_knobs(
    avatar: Avatar,
    knobs: Sequence[Knob],
    *,
    person: str,
    still: Measured,
    open_eye: NDArray[np.floating],
    spread: Mapping[str, float],
    backend: FaceBackend,
    period: int = PERIOD,
) -> list[Turned]:
    """Turn every knob of one avatar, and measure.

    Args:
        avatar: whose frames are drawn, in the model's crop.
        knobs: which.
        person: how the results call the avatar.
        still: one frame of the real face, which stands in where no face is found.
        open_eye: (2,) apertures of the person's open eyes.
        spread: natural standard deviation of each channel.
        backend: landmark model of the tracker.
        period: frames of a sweep, a multiple of 4.

    Returns:
        A row for nothing, and one for each knob.
    """

    def row(knob: Knob | None) -> Turned:
        values = knob.sweep.asked(period) if knob else np.zeros(period + 1)
        turns = [knob.turn(avatar.source, float(v)) if knob else Turn() for v in values]
        clip = avatar.animate(motion=codes_of(avatar, turns), crop=True)
        asked = {knob.channel: knob.per_value * values} if knob else {"x": values}
        moved = scored(
            person,
            knob.name if knob else NOTHING,
            asked,
            np.stack(list(clip.frames())),
            still=still,
            open_eye=open_eye,
            spread=spread,
            fps=clip.fps,
            backend=backend,
            has_unit=knob is not None,
        )
        return Turned(knob, moved)

    return [row(None), *(row(knob) for knob in knobs)]


@dataclass(frozen=True, eq=False)
class KnobResult:
    """What the protocol gives.

    Attributes:
        turned: one entry per person and knob.
        spread: natural standard deviation of each channel.
        sources: source pictures by person.
    """

    turned: list[Turned]
    spread: dict[str, float]
    sources: dict[str, NDArray[np.uint8]]


def turn_all(
    packed: str | os.PathLike[str],
    loaded: LoadedModel,
    *,
    backend: FaceBackend,
    persons: int = 6,
    progress: Progress | None = None,
) -> KnobResult:
    """Run the protocol on persons that training has not seen.

    Args:
        packed: folder that `pdfgc pack` made.
        loaded: the model.
        backend: landmark model of the tracker.
        persons: how many sources, evenly spaced over the pack's persons.
        progress: called with a sentence after each person.

    Raises:
        InputError: the pack cannot be read or holds a single person, or the model's codes have no
            unit.
    """
    clips = list(read_clips(packed, _FRAMES))
    spread, _ = nature(clips)
    reader = CropRenderer(loaded)
    result = KnobResult([], spread, {})
    for own, others in sources_of(packed, clips, persons):
        result.sources[own.person] = own.frames[0]
        avatar = Avatar.from_images(own.frames[0], weights=loaded, face=FaceChoice.LARGEST)
        knobs = [*KNOBS, *(_strength(f, others, reader, spread) for f in LATENT)]
        result.turned.extend(
            turn_knobs(
                avatar,
                knobs,
                person=own.person,
                still=own.real.part(0, 1),
                open_eye=own.real.open_eye(),
                spread=spread,
                backend=backend,
            )
        )
        if progress:
            progress(f"{own.person} done")
    return result


def _strength(
    factor: str, clips: Sequence[TestClip], reader: CropRenderer, spread: Mapping[str, float]
) -> Knob:
    """The strength of the furthest frame of the liveliest clip."""
    names = FOLLOWS[factor]
    clip = liveliest(clips, names, spread)
    real = channels(clip.real, clip.real.open_eye())
    rest = {
        name: float(np.percentile(real[name], _CLOSED_PERCENTILE))
        if name == "mouth"
        else float(np.median(real[name]))
        for name in names
    }
    far = {name: np.abs(real[name] - rest[name]) / spread[name] for name in names}
    frame = int(np.argmax(np.max([far[name] for name in names], axis=0)))
    moved = {name: float(real[name][frame] - rest[name]) for name in names}
    return strength_knob(factor, reader.codes(clip.frames).take([frame]), moved)
