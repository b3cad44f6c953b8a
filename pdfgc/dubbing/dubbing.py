"""A video whose lips follow new speech, made frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar import Progress
from pdfgc.avatar.encoding import CodeReader, Waveform, watched
from pdfgc.compositor import Compositor
from pdfgc.dubbing.footage import Footage, grouped
from pdfgc.dubbing.person import Person, Seeing
from pdfgc.dubbing.region import Region, feather_px, outline_of
from pdfgc.dubbing.report import Done, Segment
from pdfgc.dubbing.speaker import Lips, Speaker
from pdfgc.dubbing.take import Absent, Take, take_of
from pdfgc.media import VideoFrame
from pdfgc.tracking import topology_of
from pdfgc.tracking.shots import CutDetector

# Numbers of so many frames are held at a time; a longer shot is worked on in pieces.
_PIECE_FRAMES = 500
# Colours are matched with this inertia, so that they do not flicker.
_COLOUR_S = 0.2


@dataclass(frozen=True)
class Piece:
    """Consecutive frames of one shot.

    Attributes:
        shot: number of the shot.
        first: number of the first frame.
        times: (T,) seconds.
        goes_on: whether the shot began in the piece before.
    """

    shot: int
    first: int
    times: NDArray[np.float64]
    goes_on: bool

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.times)


def pieces_of(frames: Iterator[VideoFrame], most: int = _PIECE_FRAMES) -> Iterator[Piece]:
    """Cut a video at its hard cuts, and long shots into pieces.

    Args:
        frames: in order.
        most: frames of a piece.
    """
    cuts, times, first, shot, goes_on = CutDetector(), list[float](), 0, 0, False
    for frame in frames:
        cut = cuts.is_cut(frame.image)
        if times and (cut or len(times) == most):
            yield Piece(shot, first, np.array(times), goes_on)
            first, shot, goes_on = first + len(times), shot + cut, not cut
            times = []
        times.append(frame.time_s)
    if times:
        yield Piece(shot, first, np.array(times), goes_on)


class Dubbing:
    """Draws new lips into a video.

    The video is decoded by several readers that go through it in step, piece by piece: one finds
    the cuts, for every speaker one tracks the face and one reads its codes, and the last one is
    drawn on. So only the numbers of one piece are in memory, however long the video is.

    Args:
        footage: the video.
        speakers: who says what.
        waveforms: of each speaker, (N,) float32 at the model's sample rate.
        reader: of the model.
        region: how much of each face is replaced.
        references: frames of each shot that give the appearance, K.
        gate: close the mouth where nobody speaks.
        lip_lead_s: seconds by which the lips run ahead of the sound.
        progress: called after every frame that is tracked or drawn.
        total: number of frames, for the progress.
        recogniser: finds speakers again after a cut; None: each shot's face is chosen anew.
    """

    def __init__(
        self,
        footage: Footage,
        speakers: Sequence[Speaker],
        waveforms: Sequence[Waveform],
        reader: CodeReader,
        *,
        region: Region,
        references: int,
        gate: bool,
        lip_lead_s: float = 0.0,
        progress: Progress | None = None,
        total: int | None = None,
        recogniser: Seeing | None = None,
    ) -> None:
        self._footage, self._speakers, self._reader = footage, speakers, reader
        self._region, self._count = region, references
        self._progress, self._total = progress, total
        # The composer of lips wants a source; what it looks like does not count for lips.
        side = reader.loaded.model.config.encoders.image_size
        square = np.array([side / 2, side / 2, side, 0][: reader.crop_width], np.float32)
        neutral = reader.images([np.full((side, side, 3), 128, np.uint8)], square[None])
        self._lips = [
            Lips(each, reader, neutral, gate=gate, lead_s=lip_lead_s) for each in waveforms
        ]
        self._persons = [None if recogniser is None else Person(recogniser) for _ in speakers]
        self._batch = reader.n_drawn
        self._colours: list[NDArray[np.float64] | None] = [None] * len(speakers)
        self.segments: list[Segment] = []
        """What was done to the frames drawn so far."""
        self.shots = 0
        """Number of shots drawn so far."""

    def frames(self) -> Iterator[VideoFrame]:
        """Draw the frames in order, with the video's own times.

        Raises:
            InputError: the video cannot be read.
        """
        scout, stage = self._footage.frames(), self._footage.frames()
        trackers = [self._footage.frames() for _ in self._speakers]
        encoders = [self._footage.frames() for _ in self._speakers]
        before: list[Take | Absent | None] = [None] * len(self._speakers)
        for piece in pieces_of(scout):
            self.shots = piece.shot + 1
            takes = [
                self._look(piece, n, before[n], trackers[n], encoders[n])
                for n in range(len(self._speakers))
            ]
            if not piece.goes_on:
                self._colours = [None] * len(takes)
            yield from self._drawn(piece, takes, islice(stage, len(piece)))
            before = list(takes)

    def _look(
        self,
        piece: Piece,
        number: int,
        before: Take | Absent | None,
        tracker: Iterator[VideoFrame],
        encoder: Iterator[VideoFrame],
    ) -> Take | Absent:
        # Each reader goes through a piece once, or skips it.
        readers = iter((tracker, encoder))
        steps = np.diff(piece.times)
        progress, used = self._progress, 0

        def again() -> Iterator[VideoFrame]:
            nonlocal used
            used += 1
            part = islice(next(readers), len(piece))
            return watched(part, "tracking", self._total, progress) if used == 1 else part

        earlier = before if isinstance(before, Take) and piece.goes_on else None
        take = take_of(
            again,
            self._reader,
            self._speakers[number].face,
            n_frames=len(piece),
            fps=float(1 / np.median(steps)) if len(steps) else self._reader.fps,
            count=self._count,
            before=earlier,
            name=str(self._footage.path),
            person=self._persons[number],
            strangers=[
                each for n, each in enumerate(self._persons) if each is not None and n != number
            ],
        )
        for skipped in readers:
            for _ in islice(skipped, len(piece)):
                pass
        return take

    def _drawn(
        self, piece: Piece, takes: list[Take | Absent], frames: Iterator[VideoFrame]
    ) -> Iterator[VideoFrame]:
        at = 0
        for batch in grouped(frames, self._batch):
            which = np.arange(at, at + len(batch))
            images = [frame.image for frame in batch]
            for number, take in enumerate(takes):
                if isinstance(take, Take):
                    images = self._painted(number, take, images, which, piece.times)
            for t, frame, image in zip(which, batch, images, strict=True):
                self._note(piece, takes, int(t))
                yield replace(frame, image=image)
            at += len(batch)

    def _painted(
        self,
        number: int,
        take: Take,
        images: list[NDArray[np.uint8]],
        which: NDArray[np.int64],
        times: NDArray[np.float64],
    ) -> list[NDArray[np.uint8]]:
        drawn = list(images)
        for part, group in groupby(which[take.share[which] > 0], key=lambda t: int(take.part[t])):
            painter, frames = take.painters[part], np.array(list(group))
            assert painter is not None
            heads = painter.heads(take.driving(frames, self._lips[number].at(times[frames])))
            for t, head in zip(frames, heads, strict=True):
                if t and take.part[t - 1] != part:
                    self._colours[number] = None
                step_s = float(times[t] - times[t - 1]) if t else 0.0
                place = int(t - which[0])
                drawn[place] = self._pasted(number, take, int(t), drawn[place], head, step_s)
        return drawn

    def _pasted(
        self,
        number: int,
        take: Take,
        t: int,
        image: NDArray[np.uint8],
        head: NDArray[np.uint8],
        step_s: float,
    ) -> NDArray[np.uint8]:
        topology = topology_of(take.outlines.shape[1])
        try:
            compositor = Compositor(
                image,
                take.crops[t],
                outline=outline_of(take.outlines[t], topology, self._region),
                feather_px=feather_px(take.box[t], self._region),
                share=float(take.share[t]),
            )
        except ValueError:  # the mouth is outside the picture
            return image
        head = np.ascontiguousarray(head)
        shift, before = compositor.colour_shift(head), self._colours[number]
        if before is not None:
            shift = before + (1 - np.exp(-step_s / _COLOUR_S)) * (shift - before)
        self._colours[number] = shift
        return compositor.paste(head, shift)

    def _note(self, piece: Piece, takes: list[Take | Absent], t: int) -> None:
        """Write down what was done to a frame."""
        for speaker, take in enumerate(takes):
            done, time_s = take.done[t], float(piece.times[t])
            last = next((s for s in reversed(self.segments) if s.speaker == speaker), None)
            if last is not None and (last.shot, last.done) == (piece.shot, done):
                place = len(self.segments) - 1 - self.segments[::-1].index(last)
                self.segments[place] = replace(last, frames=last.frames + 1, end_s=time_s)
                continue
            references: tuple[int, ...] = ()
            if isinstance(take, Take) and done is Done.DUBBED:
                references = tuple(piece.first + index for index in take.references)
            self.segments.append(
                Segment(speaker, piece.shot, piece.first + t, 1, time_s, time_s, done, references)
            )
