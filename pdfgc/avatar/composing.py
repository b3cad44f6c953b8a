"""All factors, put together to one `Motion`."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, log
from typing import ClassVar

import numpy as np

from pdfgc.avatar.controls import Control, Controls, Progress
from pdfgc.avatar.curve import Curve
from pdfgc.avatar.drivers import AUTO, KEEP, Driver, Drivers
from pdfgc.avatar.encoding import CodeReader, Waveform
from pdfgc.avatar.factors import FactorRows, Rows
from pdfgc.avatar.playing import to_and_fro
from pdfgc.avatar.resolving import Given, Played, Resolved, Resolver
from pdfgc.errors import InputError
from pdfgc.motion import CONTROLLED, FACE_STEP, OPENNESS, PLACE, Motion
from pdfgc.motion.rows import averaged, unit

DEFAULT_DURATION_S = 4.0
"""Length of a clip in which nothing has a length of its own."""

_MOST_OPEN = 2.0
_ON_SPHERE = 0.5  # length of a rest code beyond which it is taken as one of length 1
# Gaze last: it may depend on the pose.
_ORDER = ("pose", "blink", "expression", "lip", "gaze")


class Composer:
    """Makes the motion of one clip from its drivers.

    Args:
        reader: reads codes off files.
        source: the source's own codes; the first frame counts.
        fps: of the result.
        seed: of what is `"auto"`.
        controls: strength, offset and the like.
        progress: called while files are read.
    """

    defaults: ClassVar[dict[str, str]] = {
        "pose": AUTO,
        "blink": AUTO,
        "gaze": KEEP,
        "expression": KEEP,
        "lip": AUTO,
    }
    """What drives a factor that has no driver."""

    def __init__(
        self,
        reader: CodeReader,
        source: Motion,
        *,
        fps: float,
        seed: int,
        controls: Controls,
        progress: Progress | None,
    ) -> None:
        if not 0 < fps <= 1000:
            raise InputError(f"fps is {fps}; give a number above 0 and at most 1000.")
        if seed < 0:
            raise InputError(f"seed is {seed}; give at least 0.")
        self.reader, self.source, self.fps, self.seed = reader, source, fps, seed
        model = reader.loaded.model
        rest = model.rest_expression.cpu().numpy().copy()
        if model.encoders.brow is None:
            controls = replace(controls, relative_brows=False)
        else:
            # Nobody knows how high a portrait's brows are at rest: they are taken to rest.
            rest[0] = source.expression[0, 0]
        self.controls, self.progress = controls, progress
        self.resolver = Resolver(reader, source, fps=fps, progress=progress)
        self._free = model.free_eye.cpu().numpy()
        self._rest = {
            "expression": rest,
            "lip": model.rest_lip.cpu().numpy(),
        }

    def compose(
        self,
        drivers: Drivers,
        base: Motion | None,
        waveform: Waveform | None,
        duration_s: float | None,
    ) -> Motion:
        """Put the factors together.

        Args:
            drivers: what was given.
            base: a whole motion, for the factors that have no driver.
            waveform: (N,) speech at the model's sample rate; sets the length, and the lips where
                they have no driver.
            duration_s: length where there is no speech.

        Returns:
            The motion at `fps`, with the model's id.

        Raises:
            InputError: a driver cannot be used.
        """
        found, base = self.looked_at(drivers, base)
        lengths = [*found.values(), *([Played(base)] if base else [])]
        n_frames = self._length(lengths, waveform, duration_s)
        whole = base.take(to_and_fro(len(base), n_frames)) if base else None
        speech = self._spoken(found, waveform, n_frames)
        return self._joined(found, whole, speech, n_frames)

    def looked_at(
        self, drivers: Drivers, base: Motion | None
    ) -> tuple[dict[str, Resolved], Motion | None]:
        """What the drivers and a whole motion are, read and checked.

        Raises:
            InputError: a driver cannot be used.
        """
        found = self._found(drivers)
        # A clip that moves the eyes moves the lids too.
        gaze = found.get("gaze")
        if isinstance(gaze, Played) and "blink" not in found:
            found["blink"] = gaze
        return found, base and self.resolver.usable(base).resample(self.fps)

    def stretch(
        self, found: dict[str, Resolved], base: Motion | None, first: int, n_frames: int
    ) -> Motion:
        """A part of a motion that has no end, as streams are; the lips rest or follow a driver.

        What is relative is so to the first second of its driver.

        Args:
            found: from `looked_at`, and so is the whole motion.
            base: likewise.
            first: number of the first frame.
            n_frames: T.
        """
        # What is smoothed sees its neighbours; eyes that hold the camera see the smoothed pose.
        around = 1 + sum(self._half(factor) for factor in CONTROLLED)
        before = min(first, around)
        start, count = first - before, before + n_frames + around
        whole = base.take(to_and_fro(len(base), count, start)) if base else None
        second = max(1, round(self.fps))
        motion = self._joined(found, whole, None, count, first=start, median_frames=second)
        return motion.slice(before, before + n_frames)

    def lip_taps(self) -> Rows:
        """(n,) shares, the newest last, in which streamed lips mix what was heard so far.

        Streams know nothing of later frames: a window that is centred in clips is its older half.
        """
        half = self._half("lip")
        taps = np.hanning(2 * half + 3)[1 : half + 2]
        return np.asarray(taps / taps.sum(), np.float32)

    def finished_lip(self, rows: Rows) -> Rows:
        """(T, D_lip) codes of a whole speech after strength, smoothing and their defaults."""
        return self._finished("lip", rows, fresh=True)

    def strengthened_lip(self, rows: Rows) -> Rows:
        """(T, D_lip) codes of speech after the control's strength."""
        strength = self._control("lip").strength
        default = self._default_strength("lip")
        return self._strengthened("lip", rows, default if strength is None else strength)

    def edit(self, base: Motion, drivers: Drivers, waveform: Waveform | None) -> Motion:
        """Change what is named, by a driver, a control or speech, and nothing else.

        Args:
            base: the motion of a clip, at the composer's fps; the length stays.
            drivers: of the factors to change.
            waveform: (N,) new speech at the model's sample rate, for the lips.

        Returns:
            The motion; the codes of factors that are not named are those of `base`, bit by bit.

        Raises:
            InputError: a driver cannot be used, the speech is longer than the motion, or nothing
                is named.
        """
        base = self.resolver.usable(base)
        found = self._found(drivers)
        if waveform is not None and self._frames_of(waveform) > len(base):
            raise InputError(
                f"The speech lasts {self._frames_of(waveform)} frames, the motion {len(base)}; "
                f"give a shorter recording, or animate anew with this motion."
            )
        speech = self._spoken(found, waveform, len(base))
        named = {factor for factor in CONTROLLED if self.controls.change(factor)}
        named |= set(found) | ({"lip"} if speech is not None else set())
        if not named:
            raise InputError("Nothing is to be changed; name a driver or a control.")
        changed = self._joined(found, base, speech, len(base))
        parts = {
            factor: (changed if factor in named else base).rows(factor) for factor in CONTROLLED
        }
        return base.with_rows(parts)

    def _found(self, drivers: Drivers) -> dict[str, Resolved]:
        return {factor: self._resolved(factor, each) for factor, each in drivers.given().items()}

    def _resolved(self, factor: str, driver: Driver) -> Resolved:
        return self.resolver.resolve(factor, driver)

    def _joined(
        self,
        found: dict[str, Resolved],
        base: Motion | None,
        speech: Rows | None,
        n_frames: int,
        *,
        first: int = 0,
        median_frames: int | None = None,
    ) -> Motion:
        makers = FactorRows(
            self.source,
            self._free,
            self._rest["expression"],
            self.controls,
            n_frames=n_frames,
            fps=self.fps,
            seed=self.seed,
            first=first,
            median_frames=median_frames,
        )
        parts: dict[str, Rows] = {}

        def made(factor: str, driver: Resolved) -> Rows:
            match factor:
                case "pose":
                    return makers.pose(driver)
                case "gaze":
                    return makers.gaze(driver, parts["pose"])
                case "blink":
                    return makers.blink(driver)
                case "expression":
                    return makers.expression(driver)
            if driver == AUTO:
                rest = np.repeat(self._rest["lip"][None], n_frames, axis=0)
                return rest if speech is None else speech
            return makers.lip(driver)

        for factor in _ORDER:
            driver = found.get(factor)
            spoken = factor == "lip" and speech is not None
            if driver is None and not spoken and base is not None:
                rows = base.rows(factor)
            else:
                rows = made(factor, driver or (AUTO if spoken else self.defaults[factor]))
            fresh = spoken or (isinstance(driver, Played) and driver.fresh)
            parts[factor] = self._finished(factor, rows, fresh=fresh)
        still = base or self.source.take(np.zeros(n_frames, np.int64))
        motion = replace(still, fps=self.fps, model_id=self.reader.loaded.model_id)
        return motion.with_rows(parts)

    def _finished(self, factor: str, rows: Rows, *, fresh: bool) -> Rows:
        """Strength, smoothing, offset; openness stays within what eyes can do."""
        control = self._control(factor)
        strength = control.strength
        if strength is None:
            strength = self._default_strength(factor) if fresh else 1.0
        rows = self._strengthened(factor, rows, strength)
        rows = self._smoothed(factor, rows, fresh=fresh).copy()
        if control.offset:
            shift = np.asarray(control.offset, np.float32)
            shift /= FACE_STEP if factor == "expression" else 1
            rows[:, : 2 if factor == "blink" else len(shift)] += shift
        if factor == "pose":
            rows[:, PLACE] += np.array([*self.controls.move, log(self.controls.zoom)], np.float32)
        if factor == "blink" and not self.source.own_units:
            own = self.source.openness[0]
            low, high = np.minimum(own, 0), np.maximum(own, _MOST_OPEN)
            width = OPENNESS.stop - OPENNESS.start
            rows[:, :width] = np.clip(rows[:, :width], low, high)
        return rows

    def _default_strength(self, factor: str) -> float:
        """Of codes that were just read."""
        del factor
        return 1.0

    def _rest_of(self, factor: str) -> Rows:
        """(W,) code of a factor at strength 0."""
        rest = self._rest.get(factor)
        return self.source.rows(factor)[0] if rest is None else rest

    def _strengthened(self, factor: str, rows: Rows, strength: float) -> Rows:
        if strength == 1:
            return rows
        rest = self._rest_of(factor)
        moved = np.asarray(rest + strength * (rows - rest), np.float32)
        # Lip codes lie on a sphere, where the model's rest does.
        on_sphere = factor == "lip" and np.linalg.norm(rest) > _ON_SPHERE
        return unit(moved) if on_sphere else moved

    def _smoothed(self, factor: str, rows: Rows, *, fresh: bool) -> Rows:
        """(T, W) codes of one factor, averaged as its control says."""
        del fresh
        half = self._half(factor)
        if half < 1:
            return rows
        calm = averaged(rows, half)
        return unit(calm) if factor == "lip" and not self.source.own_units else calm

    def _half(self, factor: str) -> int:
        """Frames to each side over which a factor is averaged."""
        return round((self._control(factor).smooth_s or 0.0) * self.fps / 2)

    def _control(self, factor: str) -> Control:
        control: Control = getattr(self.controls, factor)
        return control

    # Length and speech ------------------------------------------------------------------------

    def _length(
        self,
        found: list[Resolved],
        waveform: Waveform | None,
        duration_s: float | None,
    ) -> int:
        """Frames of the result."""
        if waveform is not None:
            if duration_s is not None:
                raise InputError("The audio sets the length; give duration_s or audio, not both.")
            return self._frames_of(waveform)
        if duration_s is not None:
            if not 0 < duration_s < 86_400:
                raise InputError(f"duration_s is {duration_s}; give seconds above 0.")
            return max(1, round(duration_s * self.fps))
        lengths = [len(each.motion) for each in found if isinstance(each, Played)]
        lengths += [len(each.rows) for each in found if isinstance(each, Given)]
        curves = [each.duration_s for each in found if isinstance(each, Curve)]
        lengths += [ceil(each * self.fps - 1e-6) + 1 for each in curves if each > 0]
        longest = max(lengths, default=1)
        return longest if longest > 1 else max(1, round(DEFAULT_DURATION_S * self.fps))

    def _frames_of(self, waveform: Waveform) -> int:
        rate = self.reader.loaded.model.config.audio.sample_rate
        return max(1, ceil(len(waveform) * self.fps / rate - 1e-6))

    def _spoken(
        self, found: dict[str, Resolved], waveform: Waveform | None, n_frames: int
    ) -> Rows | None:
        """(T, D_lip) codes of the speech, where it moves the lips."""
        if waveform is None or found.get("lip", AUTO) != AUTO:
            return None
        lip = self.reader.speech(waveform, self.progress)
        if self.fps != self.reader.fps:
            whole = self.source.take(np.zeros(len(lip), np.int64)).replace(lip=lip)
            lip = whole.resample(self.fps).lip
        # Speech that ends before the clip leaves the lips at rest.
        silent = np.repeat(self._rest["lip"][None], max(0, n_frames - len(lip)), axis=0)
        lip = np.concatenate([lip, silent])
        lead = round(self.controls.lip_lead_s * self.fps)
        return lip[np.clip(np.arange(n_frames) + lead, 0, len(lip) - 1)]
