"""One speaker in one piece of a shot: what is seen of the face, as numbers, before drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter1d
from torch import Tensor

from pdfgc.avatar.clip import Painter
from pdfgc.avatar.encoding import CodeReader, joined, to_tensor
from pdfgc.avatar.references import References, candidates, worth_of
from pdfgc.avatar.source import MIN_FACE_PX
from pdfgc.dubbing.one_face import OneFace
from pdfgc.dubbing.person import Person
from pdfgc.dubbing.report import Done
from pdfgc.errors import InputError
from pdfgc.media import VideoFrame
from pdfgc.motion import Motion
from pdfgc.tracking import Choice, FaceTrack, track_frames
from pdfgc.tracking.detection import Box

# What the tracker doubts so much, or is turned so far, is left alone.
_DOUBTFUL, _FAR_TURN = 0.2, np.radians(60.0)
# Outlines are smoothed over this time, and the result fades in and out over this one.
_CALM_S, _FADE_S = 0.08, 0.16

Frames = Callable[[], Iterator[VideoFrame]]


@dataclass(frozen=True)
class Take:
    """T frames of one speaker.

    Attributes:
        done: what is done to each frame.
        share: (T,) how much of the drawn face is seen, 0 to 1.
        crops: (T, C) where the model draws.
        outlines: (T, L, 2) landmarks in px, smoothed over time.
        box: (T, 4) XYXY px.
        codes: the video's own.
        part: (T,) number of the part, of `painters`, that a frame belongs to.
        painters: one for each part of the piece that shows one face without a jump.
        references: numbers of the frames that gave the appearance, counted in the piece.
    """

    done: tuple[Done, ...]
    share: NDArray[np.float64]
    crops: NDArray[np.float32]
    outlines: NDArray[np.float32]
    box: NDArray[np.float32]
    codes: Motion
    part: NDArray[np.int32]
    painters: tuple[Painter | None, ...]
    references: tuple[int, ...]

    @property
    def last_box(self) -> Box | None:
        """Where the face was on its last frame, XYXY px."""
        seen = np.flatnonzero(self.share > 0)
        if not len(seen):
            return None
        left, top, right, bottom = (float(value) for value in self.box[seen[-1]])
        return left, top, right, bottom

    def driving(self, which: NDArray[np.int64], lip: NDArray[np.float32]) -> Tensor:
        """(B, D) joined codes of some frames with (B, D_lip) other lips."""
        codes = replace(self.codes.take(which), lip=lip)
        device = next(p for p in self.painters if p is not None).source.device
        return joined(codes, device)


@dataclass(frozen=True)
class Absent:
    """A piece in which the speaker is not seen at all; `done` says why, frame by frame."""

    done: tuple[Done, ...]


def take_of(
    frames: Frames,
    reader: CodeReader,
    choice: Choice,
    *,
    n_frames: int,
    fps: float,
    count: int,
    before: Take | None,
    name: str,
    person: Person | None = None,
    strangers: Sequence[Person] = (),
) -> Take | Absent:
    """Look at a piece twice: find the face, then read its codes.

    Args:
        frames: gives the piece's frames, at each call from its beginning.
        reader: of the model.
        choice: which face.
        n_frames: T.
        fps: of the video.
        count: reference frames, K.
        before: the take of the piece before, where this one goes on with its shot.
        name: how messages call the video.
        person: who speaks, where people are recognised; learns the face.
        strangers: who else speaks.

    Raises:
        InputError: the video cannot be read.
    """
    box = before.last_box if before is not None else None
    if box is not None:
        # Within a shot the place tells more than looks do.
        eyes = OneFace(reader.backend, box)
    else:
        eyes = OneFace(reader.backend, choice, person, strangers)
    config = reader.loaded.model.config
    try:
        track = track_frames(
            eyes.shown(frames()), backend=eyes, fps=fps, crop=config.crop, name=name
        )
    except InputError:
        if eyes.failed:
            raise
        return Absent(
            tuple(Done.OTHER_PERSON if t in eyes.others else Done.NO_FACE for t in range(n_frames))
        )
    done = _done(track, eyes.others)
    good = np.array([each is Done.DUBBED for each in done])
    if person is not None:
        person.settle() if good.any() else person.forget()
    if not good.any():
        return Absent(done)
    crops = np.array(reader.crops(track), np.float32)
    if before is not None and box is not None:
        crops = _led_on(crops, before.crops[-1], fps)
    return _read(frames, reader, track, crops, done, good, count, before if box else None)


def _read(
    frames: Frames,
    reader: CodeReader,
    track: FaceTrack,
    crops: NDArray[np.float32],
    done: tuple[Done, ...],
    good: NDArray[np.bool_],
    count: int,
    before: Take | None,
) -> Take:
    config = reader.loaded.model.config
    n_parts = int(track.shot.max()) + 1
    references = [References(count) for _ in range(n_parts)]
    pictures: dict[int, NDArray[np.uint8]] = {}
    wanted, worth = _wanted(track, good, count), worth_of(track)

    def seen() -> Iterator[NDArray[np.uint8]]:
        for t, (frame, crop) in enumerate(zip(frames(), crops, strict=True)):
            if t in wanted:
                part = int(track.shot[t])
                picture = reader.cut(frame.image, crop, config.generator.image_size)
                references[part].show(t, float(worth[t]), picture)
                pictures[t] = picture
                kept = {index for each in references for index in each.indices}
                for lost in set(pictures) - kept:
                    del pictures[lost]
            yield reader.cut(frame.image, crop, config.encoders.image_size)

    codes = reader.tracked(track, seen())
    painters: list[Painter | None] = []
    for part, each in enumerate(references):
        if part == 0 and before is not None and before.painters[-1] is not None:
            painters.append(before.painters[-1])  # the same shot goes on
        elif not each.indices:
            painters.append(None)
        else:
            painters.append(
                _painter(
                    reader, [pictures[t] for t in each.indices], codes.take(np.array(each.indices))
                )
            )
    there = np.array([painters[part] is not None for part in track.shot])
    share, outlines = _share(good & there, track.shot, track.fps), track.landmarks[..., :2].copy()
    for part in range(n_parts):
        inside = track.shot == part
        if np.isfinite(outlines[inside]).all():
            outlines[inside] = gaussian_filter1d(
                outlines[inside], _CALM_S * track.fps, axis=0, mode="nearest"
            )
    return Take(
        done=done,
        share=share,
        crops=crops,
        outlines=outlines,
        box=track.box,
        codes=codes,
        part=track.shot,
        painters=tuple(painters),
        references=tuple(sorted(pictures)),
    )


@torch.inference_mode()
def _painter(reader: CodeReader, crops: list[NDArray[np.uint8]], codes: Motion) -> Painter:
    loaded = reader.loaded
    source = joined(codes, loaded.device)[None]
    look = loaded.model.look(to_tensor(np.stack(crops), loaded.device)[None], source)
    return Painter(loaded.model, look, source, None)


def _wanted(track: FaceTrack, good: NDArray[np.bool_], count: int) -> set[int]:
    """Frames of each part that may become references."""
    found: set[int] = set()
    for part in np.unique(track.shot):
        inside = np.flatnonzero(track.shot == part)
        if not good[inside].any():
            continue
        piece = track.part(int(inside[0]), int(inside[-1]) + 1)
        doubted = replace(piece, confidence=np.where(good[inside], piece.confidence, 0))
        found |= {int(inside[0]) + int(t) for t in candidates(doubted, count)}
    return found


def _done(track: FaceTrack, others: set[int]) -> tuple[Done, ...]:
    sides = np.maximum(track.box[:, 2] - track.box[:, 0], track.box[:, 3] - track.box[:, 1])
    done = []
    for t, side in enumerate(sides):
        if track.confidence[t] <= 0:
            done.append(Done.OTHER_PERSON if t in others else Done.NO_FACE)
        elif side < MIN_FACE_PX:
            done.append(Done.TOO_SMALL)
        elif track.confidence[t] < _DOUBTFUL or abs(track.pose[t, 0]) > _FAR_TURN:
            done.append(Done.TURNED_AWAY)
        else:
            done.append(Done.DUBBED)
    return tuple(done)


def _share(good: NDArray[np.bool_], shot: NDArray[np.int32], fps: float) -> NDArray[np.float64]:
    """Fades towards frames that are left alone, but not towards cuts."""
    share = good.astype(np.float64)
    for part in np.unique(shot):
        inside = shot == part
        if not good[inside].all() and good[inside].any():
            far = distance_transform_edt(good[inside])
            share[inside] = np.minimum(1, far / max(1.0, _FADE_S * fps))
    return share


def _led_on(
    crops: NDArray[np.float32], last: NDArray[np.float32], fps: float
) -> NDArray[np.float32]:
    """Crops that set out from the last one of the piece before, and reach their own in a second."""
    share = np.clip(np.arange(1, len(crops) + 1) / max(1.0, fps), 0, 1)[:, None]
    return np.asarray(last + share * (crops - last), np.float32)
