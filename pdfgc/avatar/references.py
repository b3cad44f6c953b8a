"""Which frames of a clip show a person best."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pdfgc.avatar.controls import Progress
from pdfgc.avatar.encoding import CodeReader, watched
from pdfgc.errors import InputError
from pdfgc.media import VideoFrame, read_video, resample_frames
from pdfgc.metrics.sharpness import sharpness
from pdfgc.tracking import GOOD_CONFIDENCE, Choice, FaceTrack, track_frames

# A face turned by this angle loses half its worth; eyes that are shut count this little.
_HALF_TURN = np.radians(15.0)
_SHUT_SHARE = 0.3
# Frames looked at for each frame that is wanted.
_CANDIDATES = 4
# Mouths show lips and teeth best when open by this share of the interocular distance.
_MOUTH = 0.12
# A video is looked at so often per second, for a minute.
_LOOK_HZ, _LOOK_FRAMES = 5.0, 300


def worth_of(track: FaceTrack) -> NDArray[np.float64]:
    """How well each frame shows the person, from numbers alone: (T,) float64, 0 = not at all.

    Frontal faces count more than turned ones, open eyes more than shut ones, a mouth a little open
    more than one closed or wide open; what the tracker doubts does not count.
    """
    pose = np.nan_to_num(np.asarray(track.pose, np.float64), nan=9.0)
    turned = np.hypot(pose[:, 0], pose[:, 1]) / _HALF_TURN
    eyes = np.clip(np.nan_to_num(track.openness).min(-1), 0, 1)
    mouth = np.exp(-(((np.nan_to_num(track.mouth) - _MOUTH) / 0.2) ** 2))
    worth = 0.5**turned * (_SHUT_SHARE + (1 - _SHUT_SHARE) * eyes) * (0.5 + 0.5 * mouth)
    return np.where(track.confidence > GOOD_CONFIDENCE, worth, 0.0)


def candidates(track: FaceTrack, count: int) -> NDArray[np.int64]:
    """The frames worth looking at for `count` references, in order; at least one.

    One from each of equal parts of the clip, so that they differ.
    """
    worth = worth_of(track)
    parts = np.array_split(np.arange(len(worth)), min(len(worth), count * _CANDIDATES))
    best = np.array([part[np.argmax(worth[part])] for part in parts])
    kept = best[worth[best] > 0]
    if not len(kept):
        return np.array([int(np.argmax(track.confidence))])
    return np.asarray(kept)


class References:
    """Keeps the best of the frames that it is shown.

    A frame's score is its worth times how sharp its crop is; only `count` pictures are kept.

    Args:
        count: K.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._best: list[tuple[float, int, NDArray[np.uint8]]] = []

    def show(self, index: int, worth: float, crop: NDArray[np.uint8]) -> None:
        """Look at a frame: its number, its worth and (S, S, 3) uint8 RGB."""
        item = (worth * sharpness(crop), -index, crop)
        if len(self._best) < self._count:
            heapq.heappush(self._best, item)
        elif item[:2] > self._best[0][:2]:
            heapq.heapreplace(self._best, item)

    @property
    def indices(self) -> list[int]:
        """Numbers of the kept frames, the best first."""
        return [-item[1] for item in sorted(self._best, key=lambda item: item[:2], reverse=True)]


def frames_of_person(
    video: str | os.PathLike[str],
    reader: CodeReader,
    face: Choice,
    count: int,
    progress: Progress | None = None,
) -> list[NDArray[np.uint8]]:
    """The frames of a video's beginning that show a person best, the best first.

    Args:
        video: a video file; its frames are read twice.
        reader: cuts out what its model sees.
        face: which face.
        count: how many at most.
        progress: called while frames are read.

    Raises:
        InputError: count is below 1, or the video cannot be read or shows no face.
    """
    if count < 1:
        raise InputError(f"count is {count}; give at least 1 frame.")

    def frames() -> Iterator[VideoFrame]:
        return islice(resample_frames(read_video(video), _LOOK_HZ), _LOOK_FRAMES)

    config = reader.loaded.model.config
    track = track_frames(
        watched(frames(), "looking for the person", None, progress),
        backend=reader.backend,
        fps=_LOOK_HZ,
        choose=face,
        crop=config.crop,
        name=str(video),
    )
    # The first shot that shows the person well, else as well as there is.
    sure = np.flatnonzero(track.confidence > GOOD_CONFIDENCE)
    first = track.shot[sure[0] if len(sure) else int(np.argmax(track.confidence))]
    inside = np.flatnonzero(track.shot == first)
    start, stop = int(inside[0]), int(inside[-1]) + 1
    part = track.part(start, stop)
    wanted, worth, crops = set(candidates(part, count).tolist()), worth_of(part), reader.crops(part)
    references, kept = References(count), dict[int, NDArray[np.uint8]]()
    for index, frame in enumerate(islice(frames(), start, stop)):
        if index in wanted:
            crop = reader.cut(frame.image, crops[index], config.generator.image_size)
            references.show(index, float(worth[index]), crop)
            kept = {n: kept.get(n, frame.image) for n in references.indices}
    return [kept[number] for number in references.indices]
