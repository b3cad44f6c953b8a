"""`Stream`: sound is pushed in, frames are pulled out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Condition, Lock

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar.clip import Painter
from pdfgc.avatar.composing import Composer
from pdfgc.avatar.drivers import AUTO
from pdfgc.avatar.encoding import joined
from pdfgc.avatar.resolving import Resolved
from pdfgc.avatar.streaming.frame import StreamFrame
from pdfgc.avatar.streaming.latency import Latency, Stopwatch
from pdfgc.avatar.streaming.lips import LiveLips, Row
from pdfgc.errors import InputError
from pdfgc.media import LiveSound, checked_chunk
from pdfgc.motion import Motion
from pdfgc.motion.rows import unit

Chunks = Iterable[NDArray[np.generic]]

# The motion of everything but the lips is made in stretches of this many frames.
_STRETCH = 250


@dataclass(frozen=True)
class _Arrived:
    samples: NDArray[np.float32]
    at_s: float


class _Pause:
    """The end of an utterance, in the queue."""


class Stream:
    """Frames of an avatar from sound of unknown length. Made by `Avatar.stream`.

    `push` and `pull` may be called from different threads. What comes out is what `animate` gives
    for the sound that comes out with it (`StreamFrame.audio`), whatever the sizes of the chunks;
    smoothing of the lips and what is relative to a driver excepted, which know no future. Frames
    are made in the thread that pulls, and memory does not grow. One is drawn when the stream is
    made, so that the first does not take longer than the others.

    Args:
        painter: draws the frames.
        composer: puts the motion together.
        found: the drivers, and `base` the whole motion, from `Composer.looked_at`.
        base: likewise.
        sound: brings the sound to the model's rate.
        chunks: pulled as frames are; None where chunks are pushed.
        most_queued_s: seconds of sound that may wait before `push` does.
    """

    def __init__(
        self,
        painter: Painter,
        composer: Composer,
        found: dict[str, Resolved],
        base: Motion | None,
        sound: LiveSound,
        *,
        chunks: Chunks | None,
        most_queued_s: float,
    ) -> None:
        if not most_queued_s > 0:
            raise InputError(f"most_queued_s is {most_queued_s}; give seconds above 0.")
        self._painter, self._composer, self._sound = painter, composer, sound
        self._found, self._base = found, base
        self._chunks = None if chunks is None else iter(chunks)
        self._most_queued_s = most_queued_s
        audio = composer.reader.loaded.model.config.audio
        self._each, self.sample_rate = audio.samples_per_frame, audio.sample_rate
        self.fps = composer.fps
        """Frames per second."""
        self._spoken = found.get("lip", AUTO) == AUTO
        lead_s = max(0.0, composer.controls.lip_lead_s)
        self._stopwatch = Stopwatch(audio.look_ahead_s + lead_s + sound.delay_s)

        # Touched by whoever pushes and whoever pulls, under the condition's lock.
        self._changed = Condition()
        self._inbox: deque[_Arrived | _Pause] = deque()
        self._queued_s = 0.0
        self._n_chunks = 0
        self._closed = False
        self._fade_s: float | None = None

        # Touched by whoever pulls, one at a time.
        self._turn = Lock()
        self._begin_listening()
        self._n_made = 0
        self._stretch: tuple[int, Motion] | None = None
        self._shown: Row | None = None
        self._fading: tuple[Row, int, int] | None = None
        self._warm_up()

    # In -----------------------------------------------------------------------------------------

    def push(self, chunk: NDArray[np.generic], *, timeout_s: float = 10.0) -> None:
        """Give the next sound.

        Where more than `most_queued_s` wait to be drawn, this waits, too.

        Args:
            chunk: (n,) or (n, channels), n from 0 on; floats in [-1, 1] or int16, at the stream's
                sample rate. It is copied.
            timeout_s: how long to wait.

        Raises:
            InputError: the chunk is no sound, the stream is finished, or nobody pulls.
        """
        samples = checked_chunk(chunk, self._n_chunks)
        with self._changed:
            if not self._changed.wait_for(self._has_room, timeout_s):
                raise InputError(
                    f"{self._queued_s:.1f} s of sound wait to be drawn and nobody pulls frames; "
                    f"pull them, or push later."
                )
            if self._closed:
                raise InputError("The stream is finished; make a new one.")
            self._n_chunks += 1
            self._inbox.append(_Arrived(samples, time.perf_counter()))
            self._queued_s += len(samples) / self._sound.rate
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return self._closed or self._queued_s < self._most_queued_s

    @property
    def queued_s(self) -> float:
        """Seconds of sound that were pushed and not yet shown."""
        with self._changed:
            return self._queued_s

    def pause(self) -> None:
        """An utterance has ended: give its last frames without waiting for the next one.

        The look-ahead of its last frames is silence, which becomes part of the stream.
        """
        with self._changed:
            self._inbox.append(_Pause())
            self._changed.notify_all()

    def interrupt(self, *, fade_s: float = 0.2) -> None:
        """Drop all sound that was not yet shown; the lips fade to rest. The stream goes on.

        Args:
            fade_s: how long that takes (seconds).

        Raises:
            InputError: it is below 0.
        """
        if not 0 <= fade_s < 60:
            raise InputError(f"fade_s is {fade_s}; give seconds from 0 on.")
        with self._changed:
            self._inbox.clear()
            self._queued_s = 0.0
            self._fade_s = fade_s
            self._changed.notify_all()

    def finish(self) -> None:
        """Nothing more will be pushed; `pull` gives the frames that are left, then None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # Out ----------------------------------------------------------------------------------------

    def pull(self, timeout_s: float | None = None) -> StreamFrame | None:
        """The next frame, as soon as its sound is there.

        Args:
            timeout_s: how long to wait for sound; None waits for ever.

        Returns:
            The frame; None where the stream has ended, or no sound came in time (`ended` tells).
        """
        until = None if timeout_s is None else time.perf_counter() + timeout_s
        with self._turn:
            while True:
                self._listen()
                if self._lips.ready:
                    return self._made()
                if self.ended or not self._wait(until):
                    return None

    def idle(self) -> StreamFrame:
        """A frame now: where there is no sound for it, silence becomes part of the stream.

        Between utterances this keeps the face alive: lips rest, all else goes on.

        Raises:
            InputError: the stream has ended.
        """
        with self._turn:
            self._listen()
            if not self._lips.ready:
                if self._listening_ended:
                    raise InputError("The stream has ended; make a new one.")
                self._rest()
            return self._made()

    def __iter__(self) -> Iterator[StreamFrame]:
        """Every frame, until the chunks end or `finish` was called and all is drawn."""
        while (frame := self.pull()) is not None:
            yield frame

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to come."""
        return self._listening_ended and not self._lips.ready

    @property
    def latency(self) -> Latency:
        """Algorithmic and measured latency so far."""
        return self._stopwatch.read()

    # Listening ----------------------------------------------------------------------------------

    def _begin_listening(self) -> None:
        self._lips = LiveLips(self._composer.reader, self._composer)
        # Sound from the next frame on, and when how much of it had come.
        self._audio = np.zeros(0, np.float32)
        self._arrivals: deque[tuple[int, float]] = deque()
        self._listening_ended = False

    def _listen(self) -> None:
        """Take in all that was pushed."""
        while True:
            with self._changed:
                fade_s, self._fade_s = self._fade_s, None
                item = self._inbox.popleft() if self._inbox else None
                closed = self._closed
            if fade_s is not None:
                self._fall_silent(fade_s)
            if item is None:
                break
            if isinstance(item, _Arrived):
                self._hear(self._sound.add(item.samples))
                self._arrivals.append((self._lips.n_samples, item.at_s))
            else:
                self._rest(enough=False)
        if closed and not self._listening_ended:
            self._hear(self._sound.flush())
            self._lips.finish()
            self._listening_ended = True

    def _wait(self, until: float | None) -> bool:
        """Wait for more; False where none came in time."""
        if self._chunks is not None:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._chunks = None
                self.finish()
            else:
                self.push(chunk)
            return True
        left = None if until is None else max(0.0, until - time.perf_counter())
        with self._changed:
            return self._changed.wait_for(self._has_news, left)

    def _has_news(self) -> bool:
        waiting = bool(self._inbox) or self._fade_s is not None
        return waiting or (self._closed and not self._listening_ended)

    def _hear(self, samples: NDArray[np.float32]) -> None:
        self._lips.add(samples)
        self._audio = np.concatenate([self._audio, samples])

    def _rest(self, *, enough: bool = True) -> None:
        """Let silence follow: to the end of the frame, and as far as windows look ahead.

        Args:
            enough: only until the next frame is ready; else until all of the sound is shown.
        """
        self._hear(self._sound.flush())
        heard = -(-self._lips.n_samples // self._each) * self._each
        ahead = self._lips.n_needed - self._lips.n_taken * self._each
        wanted = self._lips.n_needed if enough else heard + -(-ahead // self._each) * self._each
        missing = max(heard, wanted) - self._lips.n_samples
        self._hear(np.zeros(max(0, missing), np.float32))

    def _fall_silent(self, fade_s: float) -> None:
        ended = self._listening_ended
        self._sound.flush()
        self._begin_listening()
        if ended:
            self._lips.finish()
            self._listening_ended = True
            return
        frames = round(fade_s * self.fps)
        if self._shown is not None and frames > 0:
            self._fading = (self._shown, 0, frames)

    # Drawing ------------------------------------------------------------------------------------

    def _warm_up(self) -> None:
        """Hear and draw once: the first time takes longer, and nobody waits for it yet."""
        reader = self._composer.reader
        silence = np.zeros(self._lips.n_needed, np.float32)
        codes = self._codes(reader.speech(silence)[0])
        self._shown = None
        next(self._painter.paint(joined(codes, self._painter.source.device)))

    def _made(self) -> StreamFrame:
        began = time.perf_counter()
        arrived = self._arrived()
        codes = self._codes(self._lips.take())
        (image,) = self._painter.paint(joined(codes, self._painter.source.device))
        audio, self._audio = self._audio[: self._each], self._audio[self._each :]
        audio = np.pad(audio, (0, self._each - len(audio)))
        done = time.perf_counter()
        waited_s = None if arrived is None else done - arrived
        frame = StreamFrame(
            self._n_made, self._n_made / self.fps, image, audio, done - began, waited_s
        )
        self._n_made += 1
        self._stopwatch.add(frame.made_s, waited_s)
        with self._changed:
            self._queued_s = max(0.0, self._queued_s - 1 / self.fps)
            self._changed.notify_all()
        return frame

    def _arrived(self) -> float | None:
        """When the last sound that the next frame needs was pushed."""
        needed = min(self._lips.n_needed, self._lips.n_samples)
        while len(self._arrivals) > 1 and self._arrivals[0][0] < needed:
            self._arrivals.popleft()
        if not self._arrivals:
            return None
        count, at_s = self._arrivals[0]
        if count < needed:  # all of it has been shown; silence follows
            self._arrivals.popleft()
            return None
        return at_s

    def _codes(self, lip: Row) -> Motion:
        """The codes of the next frame."""
        index = self._n_made
        if self._stretch is None or index >= self._stretch[0] + _STRETCH:
            made = self._composer.stretch(self._found, self._base, index, _STRETCH)
            self._stretch = (index, made)
        first, motion = self._stretch
        codes = motion.slice(index - first, index - first + 1)
        if not self._spoken:
            return codes
        if self._fading is not None:
            before, done, frames = self._fading
            share = (done + 1) / (frames + 1)
            lip = np.asarray(before + share * (lip - before), np.float32)
            if not self._composer.source.own_units:
                lip = unit(lip[None])[0]
            self._fading = (before, done + 1, frames) if done + 1 < frames else None
        self._shown = lip
        return codes.replace(lip=lip[None])
