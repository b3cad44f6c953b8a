"""What was done to a video, shot by shot."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Done(Enum):
    """What happened to the frames of a segment."""

    DUBBED = "dubbed"
    """The lips follow the new speech."""
    NO_FACE = "passed through: no face"
    TOO_SMALL = "passed through: the face is too small"
    OTHER_PERSON = "passed through: other person"
    TURNED_AWAY = "passed through: the face is turned away or hidden"


@dataclass(frozen=True)
class Segment:
    """Consecutive frames of one shot to which the same was done for one speaker.

    Attributes:
        speaker: number of the speaker, from 0.
        shot: number of the shot, from 0.
        first: number of the first frame in the result.
        frames: number of frames.
        start_s: time of the first frame.
        end_s: time of the last frame.
        done: what was done.
        references: frames of the result that gave the appearance.
    """

    speaker: int
    shot: int
    first: int
    frames: int
    start_s: float
    end_s: float
    done: Done
    references: tuple[int, ...] = ()


@dataclass(frozen=True)
class DubReport:
    """What a dubbing did.

    Attributes:
        out: the file.
        frames: number of frames written.
        duration_s: length of the picture.
        width: of the frames in px.
        height: of the frames in px.
        shots: number of shots.
        stopped: whether Ctrl-C ended it early.
        segments: in order of time.
    """

    out: str
    frames: int
    duration_s: float
    width: int
    height: int
    shots: int
    stopped: bool
    segments: tuple[Segment, ...]

    @property
    def dubbed(self) -> int:
        """Frames in which at least one face was dubbed, if speakers do not share frames."""
        return sum(s.frames for s in self.segments if s.done is Done.DUBBED)

    def facts(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        facts = asdict(self)
        for segment in facts["segments"]:
            segment["done"] = segment["done"].value
            segment["references"] = list(segment["references"])
        return facts

    def text(self) -> str:
        """All of it in lines."""
        lines = [
            f"{self.out}: {self.frames} frames, {self.width} x {self.height}, "
            f"{self.duration_s:.2f} s, {self.shots} shot(s)"
            + (", stopped early" if self.stopped else "")
        ]
        lines += [
            f"  {s.start_s:8.2f} - {s.end_s:8.2f} s  shot {s.shot}  speaker {s.speaker}  "
            f"{s.done.value}"
            for s in self.segments
        ]
        return "\n".join(lines)
